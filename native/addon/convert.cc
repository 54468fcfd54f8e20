// SPDX-License-Identifier: Apache-2.0
#include "convert.h"

#include <cmath>
#include <cstring>

namespace picket {

Options::Options(Napi::Env env, const Napi::Value& value) : env_(env) {
  if (value.IsObject()) {
    object_ = value.As<Napi::Object>();
  } else {
    fail("options must be an object");
  }
}

void Options::fail(const std::string& message) {
  if (!error_) error_ = Error{"PICKET_ARGUMENT", message};
}

Napi::Value Options::get(const char* name) {
  return error_ ? Napi::Value(env_.Undefined()) : Napi::Value(object_.Get(name));
}

std::string Options::text(const char* name) {
  Napi::Value value = get(name);
  if (value.IsString()) return value.As<Napi::String>().Utf8Value();
  fail(std::string(name) + " must be a string");
  return "";
}

uint64_t Options::number(const char* name, uint64_t low, uint64_t high) {
  Napi::Value value = get(name);
  double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (number >= static_cast<double>(low) && number <= static_cast<double>(high) && std::floor(number) == number) {
    return static_cast<uint64_t>(number);
  }
  fail(std::string(name) + " must be a whole number of " + std::to_string(low) + " to " + std::to_string(high));
  return 0;
}

bool Options::flag(const char* name) {
  Napi::Value value = get(name);
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  fail(std::string(name) + " must be true or false");
  return false;
}

bool Options::optional_flag(const char* name) { return !get(name).IsUndefined() && flag(name); }

uint64_t Options::big(const char* name) {
  Napi::Value value = get(name);
  bool lossless = false;
  uint64_t number = value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
  if (!lossless) fail(std::string(name) + " must be a bigint of 0 to 2^64 - 1");
  return number;
}

Napi::Array Options::array(const char* name) {
  Napi::Value value = get(name);
  if (value.IsArray()) return value.As<Napi::Array>();
  fail(std::string(name) + " must be an array");
  return Napi::Array::New(env_);
}

void Options::bytes(const char* name, uint8_t* to, size_t count) {
  Napi::Value value = get(name);
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array &&
      value.As<Napi::TypedArray>().ByteLength() == count) {
    std::memcpy(to, value.As<Napi::Uint8Array>().Data(), count);
    return;
  }
  fail(std::string(name) + " must be a Uint8Array of " + std::to_string(count) + " bytes");
}

Napi::BigUint64Array numbers_to_js(Napi::Env env, const uint64_t* values, size_t count) {
  Napi::BigUint64Array array = Napi::BigUint64Array::New(env, count);
  std::memcpy(array.Data(), values, count * sizeof *values);
  return array;
}

}  // namespace picket
