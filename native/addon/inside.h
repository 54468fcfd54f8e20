// SPDX-License-Identifier: Apache-2.0
// Whether a containment holds, tried from inside: a process of ours in the container's cgroup.
#pragma once

#include <napi.h>

namespace picket {

// tryInside({cgroup, cgroupPath}): Promise.
Napi::Value try_inside(const Napi::CallbackInfo& info);
// tryPeers({cgroup, cgroupPath, peers: [{address, protocol, port}]}): Promise.
Napi::Value try_peers(const Napi::CallbackInfo& info);
// tryExec({cgroup, cgroupPath, program}): Promise<0, errno or -1>.
Napi::Value try_exec(const Napi::CallbackInfo& info);

}  // namespace picket
