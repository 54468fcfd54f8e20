// SPDX-License-Identifier: Apache-2.0
#include "network_links.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "bpffs.h"

namespace picket {

namespace {

std::string link_path(const std::string& folder, uint64_t cgroup, const char* hook) {
  return folder + "/" + std::to_string(cgroup) + "-" + hook;
}

}  // namespace

Error attach_network(const std::string& folder, const Programs& programs, uint64_t cgroup, int cgroup_fd) {
  for (const NetworkHook& hook : kNetworkHooks) {
    std::string path = link_path(folder, cgroup, hook.program);
    auto program = programs.find(hook.program);
    if (program == programs.end()) return Error{"PICKET_BPF_REFUSED", std::string(hook.program) + " is not loaded"};
    if (access(path.c_str(), F_OK) == 0) continue;
    Fd link(bpf_link_create(program->second.get(), cgroup_fd, hook.type, nullptr));
    if (!link) return system_error("PICKET_BPF_REFUSED", "attach " + path, errno);
    if (bpf_obj_pin(link.get(), path.c_str()) != 0) return system_error("PICKET_PIN", path, errno);
  }
  return {};
}

void detach_network(const std::string& folder, uint64_t cgroup) {
  for (const NetworkHook& hook : kNetworkHooks) unlink(link_path(folder, cgroup, hook.program).c_str());
}

Error move_network(const std::string& from, const std::string& to, const Programs& programs) {
  for (const std::string& name : list_folder(from)) {
    size_t dash = name.find('-');
    if (name[0] < '0' || name[0] > '9' || dash == std::string::npos) continue;  // not of a cgroup: kill_on_exec
    std::string path = from + "/" + name;
    auto program = programs.find(name.substr(dash + 1));
    if (program == programs.end()) {
      if (from == to) continue;  // the old program goes on with the same maps
      return Error{"PICKET_BPF_REFUSED", path + ": the kernel refuses this version's program for it"};
    }
    Fd link(bpf_obj_get(path.c_str()));
    if (!link) return system_error("PICKET_PIN", path, errno);
    // ENOLINK: the cgroup is gone, and what the link did with it.
    if (bpf_link_update(link.get(), program->second.get(), nullptr) != 0 && errno != ENOLINK) {
      return system_error("PICKET_PIN", path, errno);
    }
    if (from != to && rename(path.c_str(), (to + "/" + name).c_str()) != 0) return system_error("PICKET_PIN", path, errno);
  }
  return {};
}

}  // namespace picket
