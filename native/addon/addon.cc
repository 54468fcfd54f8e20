// SPDX-License-Identifier: Apache-2.0
// The exported names and the state of one environment; types and functions are described in ../index.ts.
#include <napi.h>

#include "canary.h"
#include "containments_object.h"
#include "inside.h"
#include "instance.h"
#include "layout.h"
#include "memory.h"
#include "own_number.h"
#include "priority.h"
#include "probe_object.h"
#include "users.h"

namespace {

// Added first, so it runs after the hooks of probes; the flag only stops loads under way, which own no JavaScript.
void on_teardown(void* ending) { *static_cast<std::atomic<bool>*>(ending) = true; }

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* instance = new picket::Instance();  // freed by the environment
  env.SetInstanceData(instance);
  instance->probe = picket::ProbeObject::define(env);
  instance->containments = picket::ContainmentsObject::define(env);
  napi_add_env_cleanup_hook(env, on_teardown, instance->ending.get());
  exports.Set("openProbe", Napi::Function::New<picket::ProbeObject::open>(env, "openProbe"));
  exports.Set("openContainments", Napi::Function::New<picket::ContainmentsObject::open>(env, "openContainments"));
  exports.Set("tryInside", Napi::Function::New<picket::try_inside>(env, "tryInside"));
  exports.Set("tryPeers", Napi::Function::New<picket::try_peers>(env, "tryPeers"));
  exports.Set("tryExec", Napi::Function::New<picket::try_exec>(env, "tryExec"));
  exports.Set("runCanary", Napi::Function::New<picket::run_canary>(env, "runCanary"));
  exports.Set("ownNumber", Napi::Function::New<picket::own_number_to_js>(env, "ownNumber"));
  exports.Set("layout", Napi::Function::New<picket::layout>(env, "layout"));
  exports.Set("features", Napi::Function::New<picket::features>(env, "features"));
  exports.Set("preferThreads", Napi::Function::New<picket::prefer_threads>(env, "preferThreads"));
  exports.Set("releaseMemory", Napi::Function::New<picket::release_memory>(env, "releaseMemory"));
  exports.Set("bpfUsers", Napi::Function::New<picket::bpf_users>(env, "bpfUsers"));
  return exports;
}

}  // namespace

NODE_API_MODULE(picket, init)
