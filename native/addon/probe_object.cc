// SPDX-License-Identifier: Apache-2.0
#include "probe_object.h"

#include <cstring>

#include "convert.h"
#include "instance.h"
#include "readings.h"

namespace picket {

namespace {

constexpr size_t kBatchesPerTurn = 4;     // so that a backlog does not hold the loop

// False as the environment goes down. Work that ends then is told so before cleanup hooks run, so that no flag of
// ours can say it; a call that only reads a property can.
bool can_run_js(napi_env env) {
  napi_value global;
  bool has = false;
  return napi_get_global(env, &global) == napi_ok && napi_has_named_property(env, global, "Object", &has) == napi_ok;
}

// A load under way, on a thread of the pool.
struct Opening {
  Opening(Napi::Env env, std::shared_ptr<std::atomic<bool>> ending)
      : deferred(Napi::Promise::Deferred::New(env)), ending(std::move(ending)) {}

  Napi::Promise::Deferred deferred;
  std::shared_ptr<std::atomic<bool>> ending;
  Napi::FunctionReference on_batch;
  ProbeSettings settings;
  std::unique_ptr<Probe> probe;
  Error error;
  napi_async_work work = nullptr;
};

// Pool thread.
void run_open(napi_env, void* data) {
  auto* opening = static_cast<Opening*>(data);
  opening->probe = Probe::open(opening->settings, *opening->ending, opening->error);
}

// JavaScript thread.
void end_open(napi_env raw, napi_status, void* data) {
  std::unique_ptr<Opening> opening(static_cast<Opening*>(data));
  if (*opening->ending) {
    opening->on_batch.SuppressDestruct();
    return;
  }
  Napi::Env env(raw);
  Napi::HandleScope scope(env);
  if (!can_run_js(env)) return opening->on_batch.SuppressDestruct();
  napi_delete_async_work(env, opening->work);
  if (!opening->error) {
    Napi::Object object = env.GetInstanceData<Instance>()->probe.New({});
    opening->error =
        ProbeObject::Unwrap(object)->begin(std::move(opening->probe), opening->on_batch.Value());
    if (!opening->error) return opening->deferred.Resolve(object);
  }
  opening->deferred.Reject(to_js(env, opening->error).Value());
}

}  // namespace

Napi::FunctionReference ProbeObject::define(Napi::Env env) {
  return Napi::Persistent(DefineClass(env, "Probe",
                                      {InstanceAccessor<&ProbeObject::hooks>("hooks"),
                                       InstanceMethod<&ProbeObject::read_counts>("readCounts"),
                                       InstanceMethod<&ProbeObject::read_changes>("readChanges"),
                                       InstanceMethod<&ProbeObject::read_flows>("readFlows"),
                                       InstanceMethod<&ProbeObject::free_slot>("freeSlot"),
                                       InstanceMethod<&ProbeObject::set_mode>("setMode"),
                                       InstanceMethod<&ProbeObject::load_pairs>("loadPairs"),
                                       InstanceMethod<&ProbeObject::read_pairs>("readPairs"),
                                       InstanceMethod<&ProbeObject::take_pairs>("takePairs"),
                                       InstanceMethod<&ProbeObject::read_bigrams>("readBigrams"),
                                       InstanceMethod<&ProbeObject::load_seen>("loadSeen"),
                                       InstanceMethod<&ProbeObject::counters>("counters"),
                                       InstanceMethod<&ProbeObject::maps>("maps"),
                                       InstanceMethod<&ProbeObject::close>("close")}));
}

Napi::Value ProbeObject::open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto opening = std::make_unique<Opening>(env, env.GetInstanceData<Instance>()->ending);
  Error error = read_settings(env, info[0], opening->settings);
  if (!error && !info[1].IsFunction()) error = Error{"PICKET_ARGUMENT", "onBatch must be a function"};
  Napi::Promise promise = opening->deferred.Promise();
  if (error) {
    opening->deferred.Reject(to_js(env, error).Value());
    return promise;
  }
  opening->on_batch = Napi::Persistent(info[1].As<Napi::Function>());
  Napi::String name = Napi::String::New(env, "picket.openProbe");
  napi_create_async_work(env, nullptr, name, run_open, end_open, opening.get(), &opening->work);
  napi_queue_async_work(env, opening->work);
  opening.release();  // end_open has it
  return promise;
}

Error ProbeObject::begin(std::unique_ptr<Probe> probe, Napi::Function on_batch) {
  Napi::Env env = Env();
  probe_ = std::move(probe);
  on_batch_ = Napi::Persistent(on_batch);
  Napi::String name = Napi::String::New(env, "picket.records");
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, on_doorbell,
                                      &doorbell_) != napi_ok) {
    return Error{"PICKET_CLOSED", "the JavaScript environment is going down"};
  }
  probe_->handoff().set_doorbell(doorbell_);
  // After the doorbell was made: hooks run in reverse, and the thread must have ended before the doorbell goes.
  napi_add_env_cleanup_hook(env, on_teardown, this);
  Ref();
  Error error = probe_->start();
  if (error) finish();
  return error;
}

// Also when an environment goes down without a teardown hook having run: never with an open probe.
ProbeObject::~ProbeObject() { probe_.reset(); }

// JavaScript thread, as its environment goes down: nothing may be called in JavaScript any more.
void ProbeObject::on_teardown(void* self) {
  auto* object = static_cast<ProbeObject*>(self);
  object->probe_->shut_down();
  napi_release_threadsafe_function(object->doorbell_, napi_tsfn_abort);
  object->on_batch_.SuppressDestruct();
  object->closed_.SuppressDestruct();
}

void ProbeObject::on_doorbell(napi_env env, napi_value, void* context, void*) {
  if (env != nullptr) static_cast<ProbeObject*>(context)->deliver(kBatchesPerTurn);
}

// JavaScript thread.
void ProbeObject::deliver(size_t limit) {
  if (!probe_) return;
  Napi::Env env = Env();
  Napi::HandleScope scope(env);
  std::vector<std::vector<uint8_t>> batches;
  bool more = probe_->handoff().take(limit, batches);
  if (more) probe_->handoff().ring();
  for (const std::vector<uint8_t>& batch : batches) {
    Napi::HandleScope inner(env);
    on_batch_.Call({Napi::Buffer<uint8_t>::Copy(env, batch.data(), batch.size())});
    if (env.IsExceptionPending()) napi_fatal_exception(env, env.GetAndClearPendingException().Value());
  }
}

bool ProbeObject::is_open(Napi::Env env) {
  if (probe_ && closed_.IsEmpty()) return true;
  throw_js(env, Error{"PICKET_CLOSED", "the probe is closed"});
  return false;
}

Napi::Value ProbeObject::hooks(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return info.Env().Undefined();
  return hooks_to_js(info.Env(), probe_->hooks());
}

Napi::Value ProbeObject::read_counts(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return info.Env().Undefined();
  return slots_to_js(info.Env(), probe_->profiles().read_counts());
}

Napi::Value ProbeObject::read_changes(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return info.Env().Undefined();
  return slots_to_js(info.Env(), probe_->profiles().read_changes());
}

Napi::Value ProbeObject::read_flows(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return info.Env().Undefined();
  std::vector<flow_entry> entries = probe_->read_flows();
  return Napi::Buffer<uint8_t>::Copy(info.Env(), reinterpret_cast<const uint8_t*>(entries.data()),
                                     entries.size() * sizeof(flow_entry));
}

void ProbeObject::free_slot(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return;
  if (!info[0].IsNumber() || !info[1].IsNumber()) {
    return throw_js(info.Env(), Error{"PICKET_ARGUMENT", "freeSlot takes a slot and a cgroup id"});
  }
  Error error = probe_->profiles().free_slot(info[0].As<Napi::Number>().Uint32Value(),
                                  static_cast<uint64_t>(info[1].As<Napi::Number>().DoubleValue()));
  if (error) throw_js(info.Env(), error);
}

namespace {

// The first two arguments of what is done to one slot.
struct SlotArguments {
  explicit SlotArguments(const Napi::CallbackInfo& info) : given(info[0].IsNumber() && info[1].IsNumber()) {
    if (!given) {
      throw_js(info.Env(), Error{"PICKET_ARGUMENT", "a slot and a cgroup id come first"});
      return;
    }
    slot = info[0].As<Napi::Number>().Uint32Value();
    cgroup = static_cast<uint64_t>(info[1].As<Napi::Number>().DoubleValue());
  }
  bool given;
  uint32_t slot = 0;
  uint64_t cgroup = 0;
};

}  // namespace

void ProbeObject::set_mode(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return;
  SlotArguments of(info);
  if (!of.given) return;
  std::string mode = info[2].IsString() ? info[2].As<Napi::String>().Utf8Value() : "";
  if (mode != "learn" && mode != "guard") {
    return throw_js(info.Env(), Error{"PICKET_ARGUMENT", "the mode is learn or guard"});
  }
  Error error = probe_->profiles().set_mode(of.slot, of.cgroup, mode == "guard" ? SLOT_GUARD : SLOT_LEARN);
  if (error) throw_js(info.Env(), error);
}

void ProbeObject::load_pairs(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return;
  SlotArguments of(info);
  if (!of.given) return;
  if (!info[2].IsBuffer() || info[2].As<Napi::Buffer<uint8_t>>().Length() != PAIR_BYTES) {
    return throw_js(info.Env(), Error{"PICKET_ARGUMENT", "pairs are a Buffer of 8192 bytes"});
  }
  Error error = probe_->profiles().load_pairs(of.slot, of.cgroup, info[2].As<Napi::Buffer<uint8_t>>().Data());
  if (error) throw_js(info.Env(), error);
}

Napi::Value ProbeObject::pairs_by(const Napi::CallbackInfo& info, PairReader reader) {
  Napi::Env env = info.Env();
  if (!is_open(env)) return env.Undefined();
  SlotArguments of(info);
  if (!of.given) return env.Undefined();
  Napi::Buffer<uint8_t> bits = Napi::Buffer<uint8_t>::New(env, PAIR_BYTES);
  Error error = reader(probe_->profiles(), of.slot, of.cgroup, bits.Data());
  if (!error) return bits;
  throw_js(env, error);
  return env.Undefined();
}

Napi::Value ProbeObject::read_pairs(const Napi::CallbackInfo& info) {
  return pairs_by(info, [](Profiles& profiles, uint32_t slot, uint64_t cgroup, uint8_t* bits) {
    return profiles.read_pairs(slot, cgroup, bits);
  });
}

Napi::Value ProbeObject::take_pairs(const Napi::CallbackInfo& info) {
  return pairs_by(info, [](Profiles& profiles, uint32_t slot, uint64_t cgroup, uint8_t* bits) {
    return profiles.take_pairs(slot, cgroup, bits);
  });
}

Napi::Value ProbeObject::read_bigrams(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!is_open(env)) return env.Undefined();
  SlotArguments of(info);
  if (!of.given) return env.Undefined();
  std::vector<uint32_t> sums;
  Error error = probe_->profiles().read_bigrams(of.slot, of.cgroup, sums);
  if (error) {
    throw_js(env, error);
    return env.Undefined();
  }
  Napi::Uint32Array array = Napi::Uint32Array::New(env, sums.size());
  std::memcpy(array.Data(), sums.data(), sums.size() * sizeof(uint32_t));
  return array;
}

Napi::Value ProbeObject::load_seen(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!is_open(env)) return env.Undefined();
  SlotArguments of(info);
  if (!of.given) return env.Undefined();
  if (!info[2].IsTypedArray() || info[2].As<Napi::TypedArray>().TypedArrayType() != napi_biguint64_array) {
    throw_js(env, Error{"PICKET_ARGUMENT", "the keys are a BigUint64Array"});
    return env.Undefined();
  }
  Napi::BigUint64Array keys = info[2].As<Napi::BigUint64Array>();
  uint32_t left = 0;
  Error error = probe_->profiles().load_seen(of.slot, of.cgroup, keys.Data(), keys.ElementLength(), left);
  if (!error) return Napi::Number::New(env, left);
  throw_js(env, error);
  return env.Undefined();
}

Napi::Value ProbeObject::counters(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!is_open(env)) return env.Undefined();
  return counters_to_js(env, *probe_);
}

Napi::Value ProbeObject::maps(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return info.Env().Undefined();
  return maps_to_js(info.Env(), *probe_);
}

struct ProbeObject::Closing {
  Closing(Napi::Env env, ProbeObject* object) : deferred(Napi::Promise::Deferred::New(env)), object(object) {}

  Napi::Promise::Deferred deferred;
  ProbeObject* object;  // holds itself until end_close
  std::shared_ptr<std::atomic<bool>> ending;
  napi_async_work work = nullptr;
};

Napi::Value ProbeObject::close(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!closed_.IsEmpty()) return closed_.Value();
  auto closing = std::make_unique<Closing>(env, this);
  Napi::Promise promise = closing->deferred.Promise();
  closing->ending = env.GetInstanceData<Instance>()->ending;
  closed_ = Napi::Persistent(promise.As<Napi::Object>());
  Napi::String name = Napi::String::New(env, "picket.close");
  napi_create_async_work(env, nullptr, name, run_close, end_close, closing.get(), &closing->work);
  napi_queue_async_work(env, closing->work);
  closing.release();  // end_close has it
  return promise;
}

// Pool thread.
void ProbeObject::run_close(napi_env, void* data) { static_cast<Closing*>(data)->object->probe_->shut_down(); }

// JavaScript thread.
void ProbeObject::end_close(napi_env raw, napi_status, void* data) {
  std::unique_ptr<Closing> closing(static_cast<Closing*>(data));
  Napi::Env env(raw);
  if (*closing->ending) return;
  Napi::HandleScope scope(env);
  napi_delete_async_work(env, closing->work);
  ProbeObject* object = closing->object;
  object->probe_->handoff().set_doorbell(nullptr);
  bool telling = can_run_js(env);
  if (telling) object->deliver(SIZE_MAX);
  object->finish();
  if (telling) closing->deferred.Resolve(env.Undefined());
}

void ProbeObject::finish() {
  napi_remove_env_cleanup_hook(Env(), on_teardown, this);
  napi_release_threadsafe_function(doorbell_, napi_tsfn_abort);
  doorbell_ = nullptr;
  probe_.reset();
  Unref();
}

}  // namespace picket
