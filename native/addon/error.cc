// SPDX-License-Identifier: Apache-2.0
#include "error.h"

#include <cstring>

namespace picket {

Error system_error(const char* code, const std::string& what, int number) {
  return Error{code, what + ": " + std::strerror(number)};
}

Napi::Error to_js(Napi::Env env, const Error& error) {
  Napi::Error value = Napi::Error::New(env, error.message);
  value.Set("code", Napi::String::New(env, error.code));
  return value;
}

void throw_js(Napi::Env env, const Error& error) { to_js(env, error).ThrowAsJavaScriptException(); }

}  // namespace picket
