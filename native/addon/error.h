// SPDX-License-Identifier: Apache-2.0
// What can go wrong, as a value; one function turns it into a JavaScript error.
#pragma once

#include <napi.h>

#include <string>

namespace picket {

struct Error {
  const char* code = nullptr;  // as in index.ts; null: no error
  std::string message;

  explicit operator bool() const { return code != nullptr; }
};

// "what: strerror(number)".
Error system_error(const char* code, const std::string& what, int number);

Napi::Error to_js(Napi::Env env, const Error& error);

// Throws in JavaScript; the caller returns to it at once.
void throw_js(Napi::Env env, const Error& error);

}  // namespace picket
