// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

namespace picket {

// preferThreads(nice).
void prefer_threads(const Napi::CallbackInfo& info);

}  // namespace picket
