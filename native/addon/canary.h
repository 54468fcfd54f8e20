// SPDX-License-Identifier: Apache-2.0
// An action of the agent's own, that the probe must see.
#pragma once

#include <napi.h>

namespace picket {

// runCanary({path, nonce}): Promise<pid>.
Napi::Value run_canary(const Napi::CallbackInfo& info);

}  // namespace picket
