// SPDX-License-Identifier: Apache-2.0
#include "exec_deny.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "bpf.h"
#include "bpffs.h"
#include "deny.skel.h"

namespace picket {

namespace {

constexpr const char* kActive = "/sys/kernel/security/lsm";

std::string link_path(const std::string& folder) { return folder + "/links/deny_exec"; }

// Where the skeleton would make maps of its own, the pinned ones are taken: the entries are there.
Error load(struct deny_bpf* skeleton, const std::string& folder) {
  struct bpf_map* map;
  bpf_object__for_each_map(map, skeleton->obj) {
    if (!bpf_map__is_internal(map)) bpf_map__set_pin_path(map, (folder + "/maps/" + bpf_map__name(map)).c_str());
  }
  LibbpfWords words;
  int result = deny_bpf__load(skeleton);
  return result == 0 ? Error{} : system_error("PICKET_BPF_REFUSED", "deny_exec: " + words.reason(), -result);
}

Error attach(struct deny_bpf* skeleton, const std::string& folder) {
  Error error = load(skeleton, folder);
  if (error) return error;
  LibbpfWords words;
  struct bpf_link* link = bpf_program__attach(skeleton->progs.deny_exec);
  if (link == nullptr) return system_error("PICKET_BPF_REFUSED", "deny_exec: " + words.reason(), errno);
  error = pin_in_place(bpf_link__fd(link), link_path(folder));
  bpf_link__destroy(link);  // the pin holds it
  return error;
}

}  // namespace

std::string lsm_refusal() {
  std::ifstream file(kActive);
  std::string active;
  if (!std::getline(file, active)) return {};
  return ("," + active + ",").find(",bpf,") != std::string::npos ? "" : "the kernel was started without lsm=...,bpf (" + active + ")";
}

bool has_exec_deny(const std::string& folder) { return access(link_path(folder).c_str(), F_OK) == 0; }

Error attach_exec_deny(const std::string& folder, bool anew) {
  if (has_exec_deny(folder) && !anew) return {};
  std::string refusal = lsm_refusal();
  if (!refusal.empty()) return Error{"PICKET_BPF_REFUSED", refusal};
  HeldSignals held;
  struct deny_bpf* skeleton = deny_bpf__open();
  if (skeleton == nullptr) return system_error("PICKET_BPF_REFUSED", "deny_exec: open", errno);
  Error error = attach(skeleton, folder);
  deny_bpf__destroy(skeleton);
  return error;
}

void detach_exec_deny(const std::string& folder) { unlink(link_path(folder).c_str()); }

}  // namespace picket
