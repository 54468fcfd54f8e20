// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

namespace picket {

// bpfUsers(cgroupRoot).
Napi::Value bpf_users(const Napi::CallbackInfo& info);

}  // namespace picket
