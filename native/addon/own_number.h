// SPDX-License-Identifier: Apache-2.0
// The number of this process as the kernel's programs and records have it.
#pragma once

#include <napi.h>

#include <cstdint>

namespace picket {

// In the initial pid namespace, whichever this process is in: 0 where the kernel does not say. getpid() is another process's
// number there as soon as the agent is in a namespace of its own.
uint32_t own_number();

// ownNumber(): number.
Napi::Value own_number_to_js(const Napi::CallbackInfo& info);

}  // namespace picket
