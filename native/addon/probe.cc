// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>

#include "probe.skel.h"

namespace picket {

namespace {

constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";

// Without these the counts would be wrong rather than fewer.
bool is_required(const std::string& program) {
  static const std::set<std::string> optional = {"task_renamed", "socket_state",    "ids_by_exec", "namespaces_by_fork",
                                                 "signal_sent",  "uring_submitted", "oom_kill",    "open_sockets",
                                                 "sockets_before", "packet_sent",    "packet_taken",
                                                 "capability_used"};
  return optional.count(program) == 0;
}

struct WatchedName {
  char name[FILE_NAME_BYTES];
  uint32_t folder;
};

// What a map's memory grows with.
const char* group_of(const struct bpf_map* map) {
  std::string name = bpf_map__name(map);
  if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF) return "rings";
  if (name == "pair_lines") return "pairs";
  if (name.compare(0, 4, "flow") == 0 || name == "connecting") return "flows";
  return "other";
}

// The kernel numbers CPUs from 0, maybe with gaps, and has memory for those that may be plugged in.
uint32_t count_cpus() {
  std::ifstream possible("/sys/devices/system/cpu/possible");  // such as 0-3,8-11
  std::string text;
  std::getline(possible, text);
  size_t last = text.find_last_of(",-");
  int highest = std::atoi(text.c_str() + (last == std::string::npos ? 0 : last + 1));
  return static_cast<uint32_t>(highest) + 1;
}

bool is_cgroup(const std::string& folder) {
  struct statfs found = {};
  return statfs(folder.c_str(), &found) == 0 &&
         (found.f_type == CGROUP2_SUPER_MAGIC || found.f_type == CGROUP_SUPER_MAGIC);
}

}  // namespace

Probe::Probe(const ProbeSettings& settings)
    : settings_(settings),
      cpus_(count_cpus()),
      slots_(settings.slots, cpus_),
      profiles_(slots_, cpus_),
      handoff_(settings.queue_batches) {}

Probe::~Probe() { shut_down(); }

std::unique_ptr<Probe> Probe::open(const ProbeSettings& settings, const std::atomic<bool>& cancelled, Error& error) {
  std::unique_ptr<Probe> probe(new Probe(settings));
  if (access(kBtf, R_OK) != 0) {
    error = system_error("PICKET_NO_BTF", kBtf, errno);
    return nullptr;
  }
  error = probe->load(cancelled);
  if (!error) error = probe->fill_maps();
  if (!error && !cancelled) error = probe->attach();
  return error || cancelled ? nullptr : std::move(probe);
}

void Probe::configure() {
  skeleton_->rodata->self_pid = settings_.self_pid;
  skeleton_->rodata->seen_key = settings_.seen_key;
  skeleton_->rodata->cgroup_hierarchy = settings_.cgroup_hierarchy;
  struct stat root = {};
  // A folder that is no cgroup has containers' paths below it only in tests: the hierarchy's own root is meant.
  if (is_cgroup(settings_.cgroup_root) && stat(settings_.cgroup_root.c_str(), &root) == 0) {
    skeleton_->rodata->cgroup_root = root.st_ino;
  }
  uint64_t files = 0, folders = 0;
  for (const auto& [name, folder, _] : settings_.watched_names) {
    (folder ? folders : files) |= 1ull << name.size();
    uint64_t head = 0;
    std::memcpy(&head, name.data(), std::min(name.size(), sizeof head));
    uint32_t bit = HEAD_BIT(head);
    skeleton_->rodata->watched_heads[folder][bit / 64] |= 1ull << (bit % 64);
  }
  skeleton_->rodata->watched_file_lengths = files;
  skeleton_->rodata->watched_folder_lengths = folders;
  skeleton_->rodata->record_interval = 1'000'000'000ull / settings_.records_per_second;
  skeleton_->rodata->record_burst_time = skeleton_->rodata->record_interval * settings_.record_burst;
  skeleton_->rodata->cpus = cpus_;
  std::memcpy(const_cast<uint8_t*>(skeleton_->rodata->call_ids), settings_.call_ids, sizeof settings_.call_ids);
  auto& maps = skeleton_->maps;
  bpf_map__set_inner_map_fd(maps.slot_chunks, slots_.pattern());
  bpf_map__set_max_entries(maps.pair_lines, cpus_ * PAIR_LINES);
  bpf_map__set_max_entries(maps.owners, settings_.slots);
  bpf_map__set_max_entries(maps.free_slots, settings_.slots);
  bpf_map__set_max_entries(maps.flows_even, settings_.flows);
  bpf_map__set_max_entries(maps.flows_odd, settings_.flows);
  bpf_map__set_max_entries(maps.urgent, settings_.urgent_bytes);
  bpf_map__set_max_entries(maps.bulk, settings_.bulk_bytes);
}

// Two programs are for one hook: an older kernel would refuse the one that reads directly.
bool Probe::is_replaced(const std::string& program, const KernelTypes& types) const {
  bool direct = types.has_function("bpf_rdonly_cast") && !settings_.by_helpers;
  return program == (direct ? "call_returned_by_helpers" : "call_returned");
}

// One try. A failed object cannot be loaded again, so `refused` names the program to leave out of the next.
Error Probe::load_once(const KernelTypes& types, std::string& refused) {
  LibbpfWords words;
  if (skeleton_ != nullptr) probe_bpf__destroy(skeleton_);
  skeleton_ = probe_bpf__open();
  if (skeleton_ == nullptr) return system_error("PICKET_BPF_REFUSED", "open", errno);
  configure();
  hooks_.clear();
  programs_.clear();
  for (int i = 0; i < skeleton_->skeleton->prog_cnt; i++) {
    struct bpf_program* program = *skeleton_->skeleton->progs[i].prog;
    std::string name = bpf_program__name(program), section = bpf_program__section_name(program);
    if (is_replaced(name, types)) {
      bpf_program__set_autoload(program, false);
      continue;
    }
    Hook hook{section, name, "attached", "", is_required(name)};
    if (!types.has_hook(section)) {
      hook.state = "absent";
      hook.reason = "this kernel has no such hook";
    } else if (refused_.count(name) > 0) {
      hook.state = "refused";
      hook.reason = refusal_;
    }
    if (hook.required && hook.state != "attached") {
      return Error{"PICKET_BPF_REFUSED", section + ": " + hook.reason};
    }
    bpf_program__set_autoload(program, hook.state == "attached");
    hooks_.push_back(hook);
    programs_.push_back(i);
  }
  int result = probe_bpf__load(skeleton_);
  if (result == 0) return {};
  refused = refused_program(words.all());
  refusal_ = words.reason();
  return system_error("PICKET_BPF_REFUSED", "load: " + refusal_, -result);
}

Error Probe::load(const std::atomic<bool>& cancelled) {
  HeldSignals held;
  KernelTypes types;
  Error unable = slots_.make_pattern();
  if (unable) return unable;
  for (;;) {
    std::string refused;
    Error error = load_once(types, refused);
    if (!error || cancelled || refused.empty() || is_required(refused) || refused_.count(refused) > 0) return error;
    refused_.insert(refused);
  }
}

Error Probe::begin_slots() {
  const auto& maps = skeleton_->maps;
  uint32_t *given = &skeleton_->bss->slots_given, *generation = &skeleton_->data->generation;
  profiles_.begin({bpf_map__fd(maps.owners), bpf_map__fd(maps.cached_slots), bpf_map__fd(maps.compat_counts),
                   bpf_map__fd(maps.pair_lines), &skeleton_->data->epoch, generation, given});
  return slots_.begin({bpf_map__fd(maps.slot_chunks), bpf_map__fd(maps.free_slots), given, generation},
                      settings_.live_slots);
}

Error Probe::fill_maps() {
  Error error = begin_slots();
  if (error) return error;
  int watched = bpf_map__fd(skeleton_->maps.watched_names);
  for (const auto& [name, folder, how] : settings_.watched_names) {
    WatchedName key = {};
    std::memcpy(key.name, name.data(), name.size());
    key.folder = folder;
    if (bpf_map_update_elem(watched, &key, &how, BPF_ANY) != 0) {
      return system_error("PICKET_BPF_REFUSED", "watched_names", errno);
    }
  }
  return {};
}

// An iterator over a map is told which; a cgroup program is attached beside those of others.
static struct bpf_link* attach_to(struct bpf_program* program, const struct bpf_map& map, int cgroup_root) {
  std::string section = bpf_program__section_name(program);
  if (section.rfind("cgroup_skb/", 0) == 0) return bpf_program__attach_cgroup(program, cgroup_root);
  if (section != "iter/bpf_sk_storage_map") return bpf_program__attach(program);
  union bpf_iter_link_info info = {};
  info.map.map_fd = static_cast<uint32_t>(bpf_map__fd(&map));
  LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof info);
  return bpf_program__attach_iter(program, &options);
}

Error Probe::attach() {
  Fd cgroup_root(::open(settings_.cgroup_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (size_t index = 0; index < hooks_.size(); index++) {
    Hook& hook = hooks_[index];
    if (hook.state != "attached") continue;
    const struct bpf_prog_skeleton& entry = skeleton_->skeleton->progs[programs_[index]];
    LibbpfWords words;
    *entry.link = attach_to(*entry.prog, *skeleton_->maps.tcp_flows, cgroup_root.get());
    if (*entry.link != nullptr) continue;
    hook.state = "refused";
    hook.reason = std::string(std::strerror(errno)) + (words.reason().empty() ? "" : ": " + words.reason());
    if (hook.required) return Error{"PICKET_BPF_REFUSED", hook.name + ": " + hook.reason};
  }
  const auto& links = skeleton_->links;
  if (links.sockets_before != nullptr) run_iterator(bpf_link__fd(links.sockets_before));
  flows_ = std::make_unique<Flows>(bpf_map__fd(skeleton_->maps.flows_even), bpf_map__fd(skeleton_->maps.flows_odd),
                                   &skeleton_->bss->flow_turn,
                                   links.open_sockets == nullptr ? -1 : bpf_link__fd(links.open_sockets));
  return {};
}

Error Probe::start() {
  DrainSettings settings;
  settings.urgent_fd = bpf_map__fd(skeleton_->maps.urgent);
  settings.bulk_fd = bpf_map__fd(skeleton_->maps.bulk);
  settings.bulk_ms = static_cast<int>(settings_.bulk_ms);
  settings.denials_path = settings_.pin_folder + "/v" + std::to_string(PICKET_CONTAIN_LAYOUT) + "/maps/denials";
  slots_.start();
  drain_ = std::make_unique<Drain>(settings, handoff_, [this] { slots_.look(); });
  return drain_->start();
}

void Probe::shut_down() {
  std::lock_guard<std::mutex> lock(closing_);
  if (skeleton_ == nullptr) return;
  probe_bpf__detach(skeleton_);  // first, so that the rings come to an end
  if (drain_) drain_->stop();
  drain_.reset();
  slots_.stop();
  probe_bpf__destroy(skeleton_);
  skeleton_ = nullptr;
}

std::vector<flow_entry> Probe::read_flows() { return flows_->take(); }

void Probe::read_lost(uint64_t (&lost)[LOSS_REASONS]) const {
  uint32_t zero = 0;
  std::vector<uint64_t> by_cpu(static_cast<size_t>(libbpf_num_possible_cpus()) * LOSS_REASONS);
  std::memset(lost, 0, sizeof lost);
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.totals), &zero, by_cpu.data()) != 0) return;
  for (size_t i = 0; i < by_cpu.size(); i++) lost[i % LOSS_REASONS] += by_cpu[i];
}

uint64_t Probe::missed_runs() const {
  uint64_t missed = 0;
  for (size_t program : programs_) {
    struct bpf_prog_info info = {};
    uint32_t size = sizeof info;
    int fd = bpf_program__fd(*skeleton_->skeleton->progs[program].prog);
    if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0) missed += info.recursion_misses;
  }
  return missed;
}

std::map<std::string, uint64_t> Probe::map_groups() const {
  std::map<std::string, uint64_t> groups{{"slots", slots_.bytes()}};
  struct bpf_map* map;
  bpf_object__for_each_map(map, skeleton_->obj) {
    groups[group_of(map)] += static_cast<uint64_t>(map_bytes(bpf_map__fd(map)));
  }
  return groups;
}

}  // namespace picket
