// SPDX-License-Identifier: Apache-2.0
#include "containments.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bpffs.h"
#include "contain.skel.h"

namespace picket {

namespace {

constexpr unsigned long kCgroup2Magic = 0x63677270;  // linux/magic.h
constexpr const char* kKillOnExec = "kill_on_exec";
constexpr size_t kMaxNodeAddresses = 64;

struct NetworkHook {
  const char* program;
  enum bpf_attach_type type;
};

constexpr NetworkHook kNetworkHooks[] = {
    {"packet_in", BPF_CGROUP_INET_INGRESS},    {"packet_out", BPF_CGROUP_INET_EGRESS},
    {"connect_v4", BPF_CGROUP_INET4_CONNECT},  {"connect_v6", BPF_CGROUP_INET6_CONNECT},
    {"send_v4", BPF_CGROUP_UDP4_SENDMSG},      {"send_v6", BPF_CGROUP_UDP6_SENDMSG},
};

constexpr const char* kFolders[] = {"maps", "programs", "links"};

// As in bpf/contain.bpf.c.
struct Settings {
  uint32_t active, pad;
  uint64_t build;
};

struct Address {
  uint32_t family;
  uint8_t bytes[16];
};

// Which object pinned programs are from: FNV-1a of its bytes. Tells builds apart, protects from nothing.
uint64_t build_id() {
  size_t size = 0;
  const auto* bytes = static_cast<const uint8_t*>(contain_bpf__elf_bytes(&size));
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

bool parse_address(const std::string& text, Address& address) {
  std::memset(&address, 0, sizeof address);
  address.family = text.find(':') == std::string::npos ? 4 : 6;
  if (inet_pton(address.family == 4 ? AF_INET : AF_INET6, text.c_str(), address.bytes) != 1) return false;
  static constexpr uint8_t kLoopback6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return address.family == 4 ? address.bytes[0] != 127 : std::memcmp(address.bytes, kLoopback6, 16) != 0;
}

}  // namespace

Containments::Containments(const std::string& pin_folder)
    : pin_folder_(pin_folder), folder_(pin_folder + "/v" + std::to_string(PICKET_CONTAIN_LAYOUT)) {}

std::string Containments::link_path(uint64_t cgroup, const char* hook) const {
  return folder_ + "/links/" + std::to_string(cgroup) + "-" + hook;
}

Error Containments::open() {
  Error error = make_pin_folder(pin_folder_);
  if (!error) error = make_folder(folder_);
  for (const char* folder : kFolders) {
    if (!error) error = make_folder(folder_ + "/" + folder);
  }
  if (!error) error = adopt(adopted_);
  if (!error && !adopted_) error = install();
  return error;
}

Error Containments::open_maps() {
  for (auto [fd, name] : {std::pair{&containments_, "containments"},
                          std::pair{&node_addresses_, "node_addresses"},
                          std::pair{&settings_, "settings"}}) {
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
  hooks_.push_back(Hook{"tp_btf/sched_process_exec", kill ? "attached" : "absent", kill ? "" : "no pinned link", false});
  for (const NetworkHook& hook : kNetworkHooks) {
    Fd program(bpf_obj_get((folder_ + "/programs/" + hook.program).c_str()));
    if (!program) return {};
    programs_[hook.program] = std::move(program);
    hooks_.push_back(Hook{hook.program, "attached", "", false});
  }
  complete = static_cast<bool>(kill);
  return {};
}

// Leaves out what this kernel refuses; what is left works without it.
Error Containments::load(struct contain_bpf** skeleton) {
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
      hooks_.push_back(Hook{bpf_program__section_name(program), reason == refused.end() ? "attached" : "refused",
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
  if (!error) error = move_links();
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

// Network links of containments that an earlier build made: the same attachment, with the new program.
Error Containments::move_links() {
  for (const auto& [cgroup, entry] : list()) {
    for (const NetworkHook& hook : kNetworkHooks) {
      Fd link(bpf_obj_get(link_path(cgroup, hook.program).c_str()));
      auto program = programs_.find(hook.program);
      if (!link || program == programs_.end()) continue;
      if (bpf_link_update(link.get(), program->second.get(), nullptr) != 0 && errno != ENOLINK) {
        return system_error("PICKET_PIN", link_path(cgroup, hook.program), errno);
      }
    }
  }
  return {};
}

Error Containments::write_settings() {
  uint32_t zero = 0;
  Settings settings = {0, 0, build_id()};
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
  if (!request.network_deny) return {};
  for (const NetworkHook& hook : kNetworkHooks) {
    std::string path = link_path(request.cgroup, hook.program);
    auto program = programs_.find(hook.program);
    if (program == programs_.end()) return Error{"PICKET_BPF_REFUSED", std::string(hook.program) + " is not loaded"};
    if (access(path.c_str(), F_OK) == 0) continue;
    Fd link(bpf_link_create(program->second.get(), cgroup.get(), hook.type, nullptr));
    if (!link) return system_error("PICKET_BPF_REFUSED", "attach " + path, errno);
    if (bpf_obj_pin(link.get(), path.c_str()) != 0) return system_error("PICKET_PIN", path, errno);
  }
  return {};
}

void Containments::detach(uint64_t cgroup) {
  for (const NetworkHook& hook : kNetworkHooks) unlink(link_path(cgroup, hook.program).c_str());
}

Error Containments::contain(const ContainRequest& request) {
  containment entry = {};
  bool renewed = bpf_map_lookup_elem(containments_.get(), &request.cgroup, &entry) == 0;
  Error error = attach(request);
  if (error) {
    if (!renewed) detach(request.cgroup);
    return error;
  }
  entry.flags = request.flags;
  entry.until = request.until;
  entry.order = request.order;
  if (bpf_map_update_elem(containments_.get(), &request.cgroup, &entry, BPF_ANY) != 0) {
    error = system_error("PICKET_BPF_REFUSED", "containments", errno);
    if (!renewed) detach(request.cgroup);
    return error;
  }
  if (!request.network_deny) detach(request.cgroup);
  return write_settings();
}

Error Containments::release(uint64_t cgroup, bool& existed) {
  existed = bpf_map_delete_elem(containments_.get(), &cgroup) == 0;
  detach(cgroup);
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
}

}  // namespace picket
