// SPDX-License-Identifier: Apache-2.0
#include "containments.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bpffs.h"
#include "contain.skel.h"
#include "exec_deny.h"
#include "own_number.h"
#include "pin_layout.h"

namespace picket {

namespace {

constexpr unsigned long kCgroup2Magic = 0x63677270;  // linux/magic.h
constexpr const char* kKillOnExec = "kill_on_exec";
constexpr size_t kMaxNodeAddresses = 64;

constexpr const char* kFolders[] = {"maps", "programs", "links"};

// As in bpf/contain.bpf.c.
struct Settings {
  uint32_t active, agent;
  uint64_t build;
};

struct Address {
  uint32_t family;
  uint8_t bytes[16];
};

// Which objects pinned programs are from: FNV-1a of their bytes. Tells builds apart, protects from nothing.
uint64_t build_id() {
  size_t size = 0;
  const auto* bytes = static_cast<const uint8_t*>(contain_bpf__elf_bytes(&size));
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash_exec_deny(hash);
}

bool parse_address(const std::string& text, Address& address) {
  std::memset(&address, 0, sizeof address);
  address.family = text.find(':') == std::string::npos ? 4 : 6;
  if (inet_pton(address.family == 4 ? AF_INET : AF_INET6, text.c_str(), address.bytes) != 1) return false;
  static constexpr uint8_t kLoopback6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return address.family == 4 ? address.bytes[0] != 127 : std::memcmp(address.bytes, kLoopback6, 16) != 0;
}

uint64_t boot_time() {
  struct timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000ull + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

Containments::Containments(const std::string& pin_folder)
    : pin_folder_(pin_folder), folder_(layout_folder(pin_folder, PICKET_CONTAIN_LAYOUT)) {}

Error Containments::open() {
  Error error = make_pin_folder(pin_folder_);
  if (!error) error = refuse_newer(pin_folder_);
  if (!error) error = make_folder(folder_);
  for (const char* folder : kFolders) {
    if (!error) error = make_folder(folder_ + "/" + folder);
  }
  if (!error) error = adopt(adopted_);
  if (!error && !adopted_) error = install();
  if (!error) keep_exec_deny();
  // What this process tries from inside is nobody's deed, also where another's programs are adopted.
  if (!error) error = write_settings();
  for (uint32_t layout : pinned_layouts(pin_folder_)) {
    if (!error && layout < PICKET_CONTAIN_LAYOUT) error = migrate(layout);
  }
  return error;
}

// The program of an earlier build goes on where this one's is refused; where nobody is denied none is kept.
void Containments::keep_exec_deny() {
  if (!has_exec_deny(folder_) && !denies_exec()) return;
  if (!denies_exec()) return detach_exec_deny(folder_);
  // Also where it is from this build: whether it is asked is known only to who attached it.
  Error error = attach_exec_deny(folder_, exec_deny_refusal_);
  if (error && !has_exec_deny(folder_)) exec_deny_refusal_ = error.message;
}

bool Containments::denies_exec() const {
  for (const auto& [cgroup, entry] : list()) {
    if ((entry.flags & CONTAIN_DENY_EXEC) != 0) return true;
  }
  return false;
}

// Whoever is contained is so by the old layout, by both, or by this one; never by none. Each step may be the last before
// the process dies: the next one begins again from what is still there.
Error Containments::migrate(uint32_t layout) {
  std::string from = layout_folder(pin_folder_, layout);
  if (hooks_[0].state != "attached" && access((from + "/links/" + kKillOnExec).c_str(), F_OK) == 0) {
    return Error{"PICKET_BPF_REFUSED", from + ": the kernel refuses this version's " + kKillOnExec + ": " + hooks_[0].reason};
  }
  Error error = copy_entries(pin_folder_, layout, containments_.get());
  if (!error) error = write_settings();
  if (!error) error = move_network(from + "/links", folder_ + "/links", programs_);
  return error ? error : remove_layout(from);
}

Error Containments::open_maps() {
  for (auto [fd, name] : {std::pair{&containments_, "containments"},
                          std::pair{&node_addresses_, "node_addresses"},
                          std::pair{&settings_, "settings"},
                          std::pair{&allowed_, "allowed"}}) {
    *fd = Fd(bpf_obj_get((folder_ + "/maps/" + name).c_str()));
    if (!*fd) return system_error("PICKET_PIN", folder_ + "/maps/" + name, errno);
  }
  return {};
}

// Complete when every part is there and from this build.
Error Containments::adopt(bool& complete) {
  complete = false;
  uint32_t zero = 0;
  Settings settings = {};
  if (open_maps()) return {};
  if (bpf_map_lookup_elem(settings_.get(), &zero, &settings) != 0 || settings.build != build_id()) return {};
  Fd kill(bpf_obj_get((folder_ + "/links/" + kKillOnExec).c_str()));
  hooks_.clear();
  hooks_.push_back(Hook{"tp_btf/sched_process_exec", kKillOnExec, kill ? "attached" : "absent", kill ? "" : "no pinned link", false});
  for (const NetworkHook& hook : kNetworkHooks) {
    Fd program(bpf_obj_get((folder_ + "/programs/" + hook.program).c_str()));
    if (!program) return {};
    programs_[hook.program] = std::move(program);
    hooks_.push_back(Hook{hook.section, hook.program, "attached", "", false});
  }
  complete = static_cast<bool>(kill);
  return {};
}

// Leaves out what this kernel refuses; what is left works without it.
Error Containments::load(struct contain_bpf** skeleton) {
  HeldSignals held;
  std::map<std::string, std::string> refused;
  for (;;) {
    LibbpfWords words;
    *skeleton = contain_bpf__open();
    if (*skeleton == nullptr) return system_error("PICKET_BPF_REFUSED", "open", errno);
    struct bpf_map* map;
    bpf_object__for_each_map(map, (*skeleton)->obj) {
      if (bpf_map__is_internal(map)) continue;
      bpf_map__set_pin_path(map, (folder_ + "/maps/" + bpf_map__name(map)).c_str());
    }
    hooks_.clear();
    struct bpf_program* program;
    bpf_object__for_each_program(program, (*skeleton)->obj) {
      auto reason = refused.find(bpf_program__name(program));
      bpf_program__set_autoload(program, reason == refused.end());
      hooks_.push_back(Hook{bpf_program__section_name(program), bpf_program__name(program), reason == refused.end() ? "attached" : "refused",
                            reason == refused.end() ? "" : reason->second, false});
    }
    int result = contain_bpf__load(*skeleton);
    if (result == 0) return {};
    std::string name = refused_program(words.all());
    contain_bpf__destroy(*skeleton);
    *skeleton = nullptr;
    if (name.empty() || refused.count(name) > 0) {
      return system_error("PICKET_BPF_REFUSED", "containment: " + words.reason(), -result);
    }
    refused[name] = words.reason();
  }
}

Error Containments::install() {
  struct contain_bpf* skeleton = nullptr;
  Error error = load(&skeleton);
  if (error) return error;
  error = pin_programs(skeleton);
  contain_bpf__destroy(skeleton);
  if (!error) error = open_maps();
  if (!error) error = move_network(folder_ + "/links", folder_ + "/links", programs_);
  if (!error) error = write_settings();
  return error;
}

// The old kill-on-exec link ends when the new one has its name: for a moment there are two, never none.
Error Containments::pin_programs(struct contain_bpf* skeleton) {
  programs_.clear();
  for (const NetworkHook& hook : kNetworkHooks) {
    struct bpf_program* program = bpf_object__find_program_by_name(skeleton->obj, hook.program);
    if (!bpf_program__autoload(program)) continue;
    std::string path = folder_ + "/programs/" + hook.program;
    Error error = pin_in_place(bpf_program__fd(program), path);
    if (error) return error;
    programs_[hook.program] = Fd(bpf_obj_get(path.c_str()));
  }
  if (!bpf_program__autoload(skeleton->progs.kill_on_exec)) return {};
  LibbpfWords words;
  struct bpf_link* link = bpf_program__attach(skeleton->progs.kill_on_exec);
  if (link == nullptr) {
    hooks_[0].state = "refused";
    hooks_[0].reason = std::string(std::strerror(errno)) + ": " + words.reason();
    return {};
  }
  Error error = pin_in_place(bpf_link__fd(link), folder_ + "/links/" + kKillOnExec);
  bpf_link__destroy(link);  // the pin holds it
  return error;
}

Error Containments::write_settings() {
  uint32_t zero = 0;
  Settings settings = {0, own_number().number, build_id()};
  for (const auto& [cgroup, entry] : list()) settings.active += (entry.flags & CONTAIN_EXEC) != 0;
  if (bpf_map_update_elem(settings_.get(), &zero, &settings, BPF_ANY) != 0) {
    return system_error("PICKET_PIN", "settings", errno);
  }
  return {};
}

Error Containments::attach(const ContainRequest& request) {
  Fd cgroup(::open(request.cgroup_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info;
  struct statfs system;
  if (!cgroup || fstat(cgroup.get(), &info) != 0 || fstatfs(cgroup.get(), &system) != 0) {
    return system_error("PICKET_CGROUP", request.cgroup_path, errno);
  }
  // An id may belong to another cgroup than the path by now.
  if (static_cast<unsigned long>(system.f_type) != kCgroup2Magic || info.st_ino != request.cgroup) {
    return Error{"PICKET_CGROUP", request.cgroup_path + " is not the cgroup2 " + std::to_string(request.cgroup)};
  }
  return request.network_deny ? attach_network(folder_ + "/links", programs_, request.cgroup, cgroup.get()) : Error{};
}

// The entry says whether the list counts: a list that comes before it, or goes after it, lets nothing through.
Error Containments::write_entry(const ContainRequest& request, const containment& entry) {
  if (request.allowed.count > 0 && bpf_map_update_elem(allowed_.get(), &request.cgroup, &request.allowed, BPF_ANY) != 0) {
    return system_error("PICKET_BPF_REFUSED", "allowed", errno);
  }
  if (bpf_map_update_elem(containments_.get(), &request.cgroup, &entry, BPF_ANY) != 0) {
    return system_error("PICKET_BPF_REFUSED", "containments", errno);
  }
  if (request.allowed.count == 0) bpf_map_delete_elem(allowed_.get(), &request.cgroup);
  return {};
}

Error Containments::contain(const ContainRequest& request) {
  containment entry = {};
  bool renewed = bpf_map_lookup_elem(containments_.get(), &request.cgroup, &entry) == 0;
  Error error = attach(request);
  if (error) {
    if (!renewed) detach_network(folder_ + "/links", request.cgroup);
    return error;
  }
  if (!renewed) entry.since = boot_time();
  entry.flags = request.flags;
  if ((request.flags & CONTAIN_DENY_EXEC) != 0 && !can_deny_exec()) entry.flags &= ~CONTAIN_DENY_EXEC;
  entry.until = request.until;
  entry.order = request.order;
  error = write_entry(request, entry);
  if (error) {
    if (!renewed) detach_network(folder_ + "/links", request.cgroup);
    return error;
  }
  if (!request.network_deny) detach_network(folder_ + "/links", request.cgroup);
  if (!denies_exec()) detach_exec_deny(folder_);
  return write_settings();
}

// What else was asked for is done all the same, and the entry says that this was not.
bool Containments::can_deny_exec() {
  if (has_exec_deny(folder_)) return true;
  Error error = attach_exec_deny(folder_, exec_deny_refusal_);
  if (error) exec_deny_refusal_ = error.message;
  return !error;
}

Error Containments::release(uint64_t cgroup, bool& existed) {
  existed = bpf_map_delete_elem(containments_.get(), &cgroup) == 0;
  bpf_map_delete_elem(allowed_.get(), &cgroup);
  detach_network(folder_ + "/links", cgroup);
  if (has_exec_deny(folder_) && !denies_exec()) detach_exec_deny(folder_);
  return write_settings();
}

std::vector<std::pair<uint64_t, containment>> Containments::list() const {
  std::vector<std::pair<uint64_t, containment>> all;
  uint64_t cgroup = 0, next = 0;
  for (bool first = true; bpf_map_get_next_key(containments_.get(), first ? nullptr : &cgroup, &next) == 0; first = false) {
    cgroup = next;
    containment entry;
    if (bpf_map_lookup_elem(containments_.get(), &cgroup, &entry) == 0) all.emplace_back(cgroup, entry);
  }
  return all;
}

Error Containments::set_node_addresses(const std::vector<std::string>& addresses) {
  if (addresses.size() > kMaxNodeAddresses) return Error{"PICKET_ARGUMENT", "at most 64 node addresses"};
  std::vector<Address> wanted(addresses.size());
  for (size_t i = 0; i < addresses.size(); i++) {
    if (!parse_address(addresses[i], wanted[i])) {
      return Error{"PICKET_ARGUMENT", "not an address that a node can have: " + addresses[i]};
    }
  }
  std::vector<Address> old;
  Address key, next;
  for (bool first = true; bpf_map_get_next_key(node_addresses_.get(), first ? nullptr : &key, &next) == 0; first = false) {
    key = next;
    old.push_back(key);
  }
  for (const Address& address : old) bpf_map_delete_elem(node_addresses_.get(), &address);
  for (const Address& address : wanted) {
    uint8_t one = 1;
    if (bpf_map_update_elem(node_addresses_.get(), &address, &one, BPF_ANY) != 0) {
      return system_error("PICKET_BPF_REFUSED", "node_addresses", errno);
    }
  }
  return {};
}

Error Containments::remove() {
  close();
  return remove_pin_folder(pin_folder_, folder_);
}

void Containments::close() {
  programs_.clear();
  containments_.reset();
  node_addresses_.reset();
  settings_.reset();
  allowed_.reset();
}

}  // namespace picket
