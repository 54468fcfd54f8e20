// SPDX-License-Identifier: Apache-2.0
#include "exec_deny.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "bpf.h"
#include "bpffs.h"
#include "deny.skel.h"

namespace picket {

namespace {

// Not everywhere mounted, in no pod of ours: it explains, and proves nothing.
constexpr const char* kActive = "/sys/kernel/security/lsm";

std::string link_path(const std::string& folder) { return folder + "/links/deny_exec"; }

// Where the skeleton would make maps of its own, the pinned ones are taken: the entries are there. No folder: its own maps.
Error load(struct deny_bpf* skeleton, const std::string& folder) {
  struct bpf_map* map;
  bpf_object__for_each_map(map, skeleton->obj) {
    if (folder.empty()) bpf_map__set_pin_path(map, nullptr);
    else if (!bpf_map__is_internal(map)) bpf_map__set_pin_path(map, (folder + "/maps/" + bpf_map__name(map)).c_str());
  }
  LibbpfWords words;
  int result = deny_bpf__load(skeleton);
  return result == 0 ? Error{} : system_error("PICKET_BPF_REFUSED", "deny_exec: " + words.reason(), -result);
}

// Asks for a file that no format takes: the kernel asks BPF LSM first, then says ENOEXEC. What it said instead, or 0.
int execute_nothing() {
  Fd nothing(memfd_create("picket", MFD_CLOEXEC));
  if (!nothing || write(nothing.get(), "nothing", 7) != 7) return errno;
  char name[] = "picket";
  char* arguments[] = {name, nullptr};
  char* environment[] = {nullptr};
  volatile int said = 0;
  pid_t child = vfork();
  if (child == 0) {
    syscall(SYS_execveat, nothing.get(), "", arguments, environment, AT_EMPTY_PATH);
    said = errno;
    _exit(1);
  }
  if (child < 0) return errno;
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return said == ENOEXEC ? 0 : said;
}

std::string never_asked() {
  std::ifstream file(kActive);
  std::string active;
  return std::getline(file, active) ? "the kernel was started without lsm=...,bpf (" + active + ")"
                                    : "the kernel takes the program and does not ask it (lsm=...,bpf at boot)";
}

// Whether the attached program is asked: compiled in, BPF LSM takes programs even where the kernel was started without it.
Error prove(struct deny_bpf* skeleton, std::string& doubt) {
  int said = execute_nothing();
  if (skeleton->bss->asked != 0) return {};
  if (said == 0) return Error{"PICKET_BPF_REFUSED", never_asked()};
  doubt = std::string("not known whether the kernel asks BPF LSM: ") + std::strerror(said);
  return {};
}

Error attach(struct deny_bpf* skeleton, const std::string& folder, std::string& doubt) {
  Error error = load(skeleton, folder);
  if (error) return error;
  LibbpfWords words;
  struct bpf_link* link = bpf_program__attach(skeleton->progs.deny_exec);
  if (link == nullptr) return system_error("PICKET_BPF_REFUSED", "deny_exec: " + words.reason(), errno);
  error = prove(skeleton, doubt);
  // Nor is that of an earlier agent asked.
  if (error && !folder.empty()) detach_exec_deny(folder);
  if (!error && !folder.empty()) error = pin_in_place(bpf_link__fd(link), link_path(folder));
  bpf_link__destroy(link);  // the pin holds it
  return error;
}

}  // namespace

bool has_exec_deny(const std::string& folder) { return access(link_path(folder).c_str(), F_OK) == 0; }

Error attach_exec_deny(const std::string& folder, std::string& doubt) {
  doubt.clear();
  HeldSignals held;
  struct deny_bpf* skeleton = deny_bpf__open();
  if (skeleton == nullptr) return system_error("PICKET_BPF_REFUSED", "deny_exec: open", errno);
  Error error = attach(skeleton, folder, doubt);
  deny_bpf__destroy(skeleton);
  return error;
}

std::string exec_deny_refusal() {
  std::string doubt;
  Error error = attach_exec_deny("", doubt);
  return error ? error.message : doubt;
}

void detach_exec_deny(const std::string& folder) { unlink(link_path(folder).c_str()); }

uint64_t hash_exec_deny(uint64_t hash) {
  size_t size = 0;
  const auto* bytes = static_cast<const uint8_t*>(deny_bpf__elf_bytes(&size));
  for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

}  // namespace picket
