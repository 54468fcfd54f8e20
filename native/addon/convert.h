// SPDX-License-Identifier: Apache-2.0
// Reads arguments from JavaScript, with all violations as one kind of error, and makes numbers for it.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

#include "error.h"

namespace picket {

// Reads properties of one options object; after the first violation the rest reads as empty.
class Options {
 public:
  Options(Napi::Env env, const Napi::Value& value);

  std::string text(const char* name);
  // A whole number of `low` to `high`.
  uint64_t number(const char* name, uint64_t low, uint64_t high);
  bool flag(const char* name);
  // False where it is not given.
  bool optional_flag(const char* name);
  uint64_t big(const char* name);
  Napi::Array array(const char* name);
  // Copies exactly `count` bytes of a Uint8Array.
  void bytes(const char* name, uint8_t* to, size_t count);
  void fail(const std::string& message);
  const Error& error() const { return error_; }

 private:
  Napi::Value get(const char* name);

  Napi::Env env_;
  Napi::Object object_;
  Error error_;
};

// Cgroup ids and byte counts are below 2^53 on every kernel that numbers inodes from 1.
inline Napi::Number number_to_js(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

Napi::BigUint64Array numbers_to_js(Napi::Env env, const uint64_t* values, size_t count);

}  // namespace picket
