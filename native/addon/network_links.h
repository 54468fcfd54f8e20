// SPDX-License-Identifier: Apache-2.0
// The network programs on contained cgroups: one pinned link for each hook and cgroup, "<cgroup>-<hook>".
#pragma once

#include <map>
#include <string>

#include "bpf.h"

namespace picket {

struct NetworkHook {
  const char* program;
  const char* section;
  enum bpf_attach_type type;
};

constexpr NetworkHook kNetworkHooks[] = {
    {"packet_in", "cgroup_skb/ingress", BPF_CGROUP_INET_INGRESS},
    {"packet_out", "cgroup_skb/egress", BPF_CGROUP_INET_EGRESS},
    {"connect_v4", "cgroup/connect4", BPF_CGROUP_INET4_CONNECT},
    {"connect_v6", "cgroup/connect6", BPF_CGROUP_INET6_CONNECT},
    {"send_v4", "cgroup/sendmsg4", BPF_CGROUP_UDP4_SENDMSG},
    {"send_v6", "cgroup/sendmsg6", BPF_CGROUP_UDP6_SENDMSG},
};

using Programs = std::map<std::string, Fd>;  // by hook

// Attaches what is not attached to this cgroup yet, and pins it in `folder`.
Error attach_network(const std::string& folder, const Programs& programs, uint64_t cgroup, int cgroup_fd);
void detach_network(const std::string& folder, uint64_t cgroup);

// Gives every link pinned in `from` the program of its hook and its name in `to`, which may be the same folder. A link
// runs the old program or the new one, never none.
Error move_network(const std::string& from, const std::string& to, const Programs& programs);

}  // namespace picket
