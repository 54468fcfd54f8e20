// SPDX-License-Identifier: Apache-2.0
// What is read from the maps, as JavaScript values. JavaScript thread.
#pragma once

#include <napi.h>

#include <vector>

#include "probe.h"

namespace picket {

Napi::Array slots_to_js(Napi::Env env, const std::vector<SlotSums>& all);
Napi::Object counters_to_js(Napi::Env env, const Probe& probe);
// Bytes by what they grow with.
Napi::Object maps_to_js(Napi::Env env, const Probe& probe);

}  // namespace picket
