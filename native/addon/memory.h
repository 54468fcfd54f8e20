// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

namespace picket {

// releaseMemory().
Napi::Value release_memory(const Napi::CallbackInfo& info);

}  // namespace picket
