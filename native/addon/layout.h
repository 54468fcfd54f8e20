// SPDX-License-Identifier: Apache-2.0
// Sizes and offsets of records.h as this build has them.
#pragma once

#include <napi.h>

namespace picket {

Napi::Value layout(const Napi::CallbackInfo& info);
Napi::Value features(const Napi::CallbackInfo& info);

}  // namespace picket
