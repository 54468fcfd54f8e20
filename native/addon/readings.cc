// SPDX-License-Identifier: Apache-2.0
#include "readings.h"

#include "convert.h"

namespace picket {

namespace {

Napi::Object slot_to_js(Napi::Env env, const SlotSums& sums) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("slot", Napi::Number::New(env, sums.slot));
  object.Set("cgroup", number_to_js(env, sums.cgroup));
  object.Set("calls", numbers_to_js(env, sums.calls, SYSCALL_NUMBERS));
  Napi::Array compat = Napi::Array::New(env, sums.compat.size());
  for (uint32_t i = 0; i < sums.compat.size(); i++) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("number", Napi::Number::New(env, sums.compat[i].number));
    one.Set("count", Napi::BigInt::New(env, sums.compat[i].count));
    compat.Set(i, one);
  }
  object.Set("compat", compat);
  object.Set("forks", Napi::BigInt::New(env, sums.forks));
  object.Set("execs", Napi::BigInt::New(env, sums.execs));
  object.Set("exits", Napi::BigInt::New(env, sums.exits));
  object.Set("lost", numbers_to_js(env, sums.lost, LOSS_REASONS));
  object.Set("throttled", numbers_to_js(env, sums.throttled, BUCKET_KINDS));
  return object;
}

}  // namespace

Napi::Array slots_to_js(Napi::Env env, const std::vector<SlotSums>& all) {
  Napi::Array array = Napi::Array::New(env, all.size());
  for (uint32_t i = 0; i < all.size(); i++) array.Set(i, slot_to_js(env, all[i]));
  return array;
}

Napi::Object counters_to_js(Napi::Env env, const Probe& probe) {
  uint64_t lost[LOSS_REASONS];
  probe.read_lost(lost);
  Napi::Object object = Napi::Object::New(env);
  object.Set("lost", numbers_to_js(env, lost, LOSS_REASONS));
  object.Set("missedRuns", Napi::BigInt::New(env, probe.missed_runs()));
  object.Set("slots", Napi::Number::New(env, probe.profiles().given()));
  object.Set("queueFull", Napi::BigInt::New(env, probe.handoff().queue_full()));
  object.Set("records", Napi::BigInt::New(env, probe.handoff().records()));
  object.Set("batches", Napi::BigInt::New(env, probe.handoff().batches()));
  return object;
}

Napi::Object maps_to_js(Napi::Env env, const Probe& probe) {
  Napi::Object groups = Napi::Object::New(env);
  for (const auto& [name, bytes] : probe.map_groups()) groups.Set(name, number_to_js(env, bytes));
  return groups;
}

}  // namespace picket
