// SPDX-License-Identifier: Apache-2.0
// The number of this process as the kernel's programs and records have it.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

namespace picket {

struct OwnNumber {
  uint32_t number;      // 0: not known
  std::string refusal;  // empty where it is known
};

// In the initial pid namespace, whichever this process is in: getpid() is another process's number there as soon as the agent
// is in a namespace of its own, and is what counts where it is not and the kernel does not say.
OwnNumber own_number();

// ownNumber(): {number, refusal}.
Napi::Value own_number_to_js(const Napi::CallbackInfo& info);

}  // namespace picket
