// SPDX-License-Identifier: Apache-2.0
// The Containments that JavaScript holds. Every method runs on the JavaScript thread.
#pragma once

#include <napi.h>

#include <memory>

#include "containments.h"

namespace picket {

class ContainmentsObject : public Napi::ObjectWrap<ContainmentsObject> {
 public:
  static Napi::FunctionReference define(Napi::Env env);
  // openContainments(options).
  static Napi::Value open(const Napi::CallbackInfo& info);

  explicit ContainmentsObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ContainmentsObject>(info) {}

 private:
  Napi::Value hooks(const Napi::CallbackInfo& info);
  Napi::Value adopted(const Napi::CallbackInfo& info);
  Napi::Value exec_deny_refusal(const Napi::CallbackInfo& info);
  void contain(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  Napi::Value list(const Napi::CallbackInfo& info);
  void set_node_addresses(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  void remove(const Napi::CallbackInfo& info);
  bool is_open(Napi::Env env);

  std::unique_ptr<Containments> containments_;
};

}  // namespace picket
