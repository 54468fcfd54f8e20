// SPDX-License-Identifier: Apache-2.0
// The Probe that JavaScript holds. An open one is held by itself until close(), as a listening server is.
#pragma once

#include <napi.h>

#include <memory>

#include "probe.h"

namespace picket {

class ProbeObject : public Napi::ObjectWrap<ProbeObject> {
 public:
  static Napi::FunctionReference define(Napi::Env env);
  // openProbe(options, onBatch).
  static Napi::Value open(const Napi::CallbackInfo& info);

  explicit ProbeObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ProbeObject>(info) {}
  ~ProbeObject() override;

  // Takes the loaded probe over and starts draining into `on_batch`.
  Error begin(std::unique_ptr<Probe> probe, Napi::Function on_batch);

 private:
  struct Closing;
  using PairReader = Error (*)(Profiles& profiles, uint32_t slot, uint64_t cgroup, uint8_t* bits);

  Napi::Value hooks(const Napi::CallbackInfo& info);
  Napi::Value read_counts(const Napi::CallbackInfo& info);
  Napi::Value read_changes(const Napi::CallbackInfo& info);
  Napi::Value read_flows(const Napi::CallbackInfo& info);
  void free_slot(const Napi::CallbackInfo& info);
  void set_mode(const Napi::CallbackInfo& info);
  void load_pairs(const Napi::CallbackInfo& info);
  Napi::Value read_pairs(const Napi::CallbackInfo& info);
  Napi::Value take_pairs(const Napi::CallbackInfo& info);
  Napi::Value pairs_by(const Napi::CallbackInfo& info, PairReader reader);
  Napi::Value read_bigrams(const Napi::CallbackInfo& info);
  Napi::Value load_seen(const Napi::CallbackInfo& info);
  Napi::Value counters(const Napi::CallbackInfo& info);
  Napi::Value maps(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  bool is_open(Napi::Env env);
  void deliver(size_t limit);
  void finish();
  static void on_doorbell(napi_env env, napi_value callback, void* context, void* data);
  static void on_teardown(void* self);
  static void run_close(napi_env env, void* data);
  static void end_close(napi_env env, napi_status status, void* data);

  std::unique_ptr<Probe> probe_;
  Napi::FunctionReference on_batch_;
  Napi::ObjectReference closed_;  // the promise of close()
  napi_threadsafe_function doorbell_ = nullptr;
};

}  // namespace picket
