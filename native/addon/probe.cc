// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "probe.skel.h"

namespace picket {

namespace {

constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";
constexpr uint32_t kFirstSlot = SLOT_HOST + 1;

// Without these the counts would be wrong rather than fewer.
bool is_required(const std::string& program) {
  static const std::set<std::string> optional = {"task_renamed", "socket_state",    "ids_by_exec", "namespaces_by_fork",
                                                 "signal_sent",  "uring_submitted", "oom_kill"};
  return optional.count(program) == 0;
}

// As the kernel lays it out: struct slot_counts of bpf/maps.h.
struct KernelCounts {
  uint64_t calls[SYSCALL_NUMBERS];
  uint64_t forks, execs, exits;
  uint64_t lost[LOSS_REASONS];
};

struct KernelFlow {
  uint64_t cgroup, opened, attempts, failures, first, last, reported;
};

// struct slot_buckets of bpf/maps.h.
struct KernelBuckets {
  struct {
    uint64_t used_until, throttled;
  } of[BUCKET_KINDS];
};

Error wrong_owner(uint32_t slot, uint64_t cgroup) {
  return {"PICKET_ARGUMENT", "slot " + std::to_string(slot) + " is not cgroup " + std::to_string(cgroup) + "'s"};
}

struct WatchedName {
  char name[FILE_NAME_BYTES];
  uint32_t folder;
};

}  // namespace

Probe::Probe(const ProbeSettings& settings)
    : settings_(settings), cpus_(libbpf_num_possible_cpus()), handoff_(settings.queue_batches) {}

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
  uint64_t files = 0, folders = 0;
  for (const auto& [name, folder] : settings_.watched_names) {
    (folder ? folders : files) |= 1ull << name.size();
  }
  skeleton_->rodata->watched_file_lengths = files;
  skeleton_->rodata->watched_folder_lengths = folders;
  skeleton_->rodata->record_interval = 1'000'000'000ull / settings_.records_per_second;
  skeleton_->rodata->record_burst_time = skeleton_->rodata->record_interval * settings_.record_burst;
  for (uint32_t i = 0; i < SYSCALL_NUMBERS; i++) {
    skeleton_->rodata->packed_calls[i] = static_cast<uint32_t>(settings_.call_ids[i]) << 16 | i;
  }
  auto& maps = skeleton_->maps;
  bpf_map__set_max_entries(maps.bigrams, settings_.slots);
  bpf_map__set_max_entries(maps.pairs, settings_.slots);
  bpf_map__set_max_entries(maps.pair_modes, settings_.slots);
  bpf_map__set_max_entries(maps.buckets, settings_.slots);
  bpf_map__set_max_entries(maps.counts, settings_.slots);
  bpf_map__set_max_entries(maps.owners, settings_.slots);
  bpf_map__set_max_entries(maps.free_slots, settings_.slots);
  bpf_map__set_max_entries(maps.flows_even, settings_.flows);
  bpf_map__set_max_entries(maps.flows_odd, settings_.flows);
  bpf_map__set_max_entries(maps.urgent, settings_.urgent_bytes);
  bpf_map__set_max_entries(maps.bulk, settings_.bulk_bytes);
}

// One try. A failed object cannot be loaded again, so `refused` names the program to leave out of the next.
Error Probe::load_once(const KernelTypes& types, std::string& refused) {
  LibbpfWords words;
  if (skeleton_ != nullptr) probe_bpf__destroy(skeleton_);
  skeleton_ = probe_bpf__open();
  if (skeleton_ == nullptr) return system_error("PICKET_BPF_REFUSED", "open", errno);
  configure();
  hooks_.clear();
  struct bpf_program* program;
  bpf_object__for_each_program(program, skeleton_->obj) {
    std::string name = bpf_program__name(program), section = bpf_program__section_name(program);
    Hook hook{section, "attached", "", is_required(name)};
    if (!types.has_tracepoint(section)) {
      hook.state = "absent";
      hook.reason = "this kernel has no such tracepoint";
    } else if (refused_.count(name) > 0) {
      hook.state = "refused";
      hook.reason = refusal_;
    }
    if (hook.required && hook.state != "attached") {
      return Error{"PICKET_BPF_REFUSED", section + ": " + hook.reason};
    }
    bpf_program__set_autoload(program, hook.state == "attached");
    hooks_.push_back(hook);
  }
  int result = probe_bpf__load(skeleton_);
  if (result == 0) return {};
  refused = refused_program(words.all());
  refusal_ = words.reason();
  return system_error("PICKET_BPF_REFUSED", "load: " + refusal_, -result);
}

Error Probe::load(const std::atomic<bool>& cancelled) {
  KernelTypes types;
  for (;;) {
    std::string refused;
    Error error = load_once(types, refused);
    if (!error || cancelled || refused.empty() || is_required(refused) || refused_.count(refused) > 0) return error;
    refused_.insert(refused);
  }
}

Error Probe::fill_maps() {
  int free_slots = bpf_map__fd(skeleton_->maps.free_slots);
  for (uint32_t slot = kFirstSlot; slot < settings_.slots; slot++) {
    if (bpf_map_update_elem(free_slots, nullptr, &slot, BPF_ANY) != 0) {
      return system_error("PICKET_BPF_REFUSED", "free_slots", errno);
    }
  }
  int watched = bpf_map__fd(skeleton_->maps.watched_names);
  for (const auto& [name, folder] : settings_.watched_names) {
    WatchedName key = {};
    std::memcpy(key.name, name.data(), name.size());
    key.folder = folder;
    uint8_t one = 1;
    if (bpf_map_update_elem(watched, &key, &one, BPF_ANY) != 0) {
      return system_error("PICKET_BPF_REFUSED", "watched_names", errno);
    }
  }
  return {};
}

Error Probe::attach() {
  size_t index = 0;
  struct bpf_program* program;
  bpf_object__for_each_program(program, skeleton_->obj) {
    Hook& hook = hooks_[index];
    struct bpf_link** link = skeleton_->skeleton->progs[index++].link;
    if (hook.state != "attached") continue;
    LibbpfWords words;
    *link = bpf_program__attach(program);
    if (*link != nullptr) continue;
    hook.state = "refused";
    hook.reason = std::string(std::strerror(errno)) + (words.reason().empty() ? "" : ": " + words.reason());
    if (hook.required) return Error{"PICKET_BPF_REFUSED", hook.name + ": " + hook.reason};
  }
  return {};
}

Error Probe::start() {
  DrainSettings settings;
  settings.urgent_fd = bpf_map__fd(skeleton_->maps.urgent);
  settings.bulk_fd = bpf_map__fd(skeleton_->maps.bulk);
  settings.bulk_ms = static_cast<int>(settings_.bulk_ms);
  settings.denials_path = settings_.pin_folder + "/v" + std::to_string(PICKET_CONTAIN_LAYOUT) + "/maps/denials";
  drain_ = std::make_unique<Drain>(settings, handoff_);
  return drain_->start();
}

void Probe::shut_down() {
  std::lock_guard<std::mutex> lock(closing_);
  if (skeleton_ == nullptr) return;
  probe_bpf__detach(skeleton_);  // first, so that the rings come to an end
  if (drain_) drain_->stop();
  drain_.reset();
  probe_bpf__destroy(skeleton_);
  skeleton_ = nullptr;
}

void Probe::add_counts(SlotSums& sums) const {
  std::vector<KernelCounts> by_cpu(static_cast<size_t>(cpus_));
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.counts), &sums.slot, by_cpu.data()) != 0) return;
  for (const KernelCounts& counts : by_cpu) {
    for (size_t i = 0; i < SYSCALL_NUMBERS; i++) sums.calls[i] += counts.calls[i];
    for (size_t i = 0; i < LOSS_REASONS; i++) sums.lost[i] += counts.lost[i];
    sums.forks += counts.forks;
    sums.execs += counts.execs;
    sums.exits += counts.exits;
  }
  KernelBuckets buckets = {};
  bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.buckets), &sums.slot, &buckets);
  for (size_t i = 0; i < BUCKET_KINDS; i++) sums.throttled[i] = buckets.of[i].throttled;
}

std::vector<SlotSums> Probe::read_counts() const {
  std::vector<SlotSums> all;
  for (uint32_t slot = SLOT_NONE; slot < kFirstSlot; slot++) {
    all.emplace_back();
    all.back().slot = slot;
  }
  int owners = bpf_map__fd(skeleton_->maps.owners);
  uint64_t cgroup = 0, next = 0;
  // A key that is deleted meanwhile starts the walk anew: no more steps than there can be entries.
  for (uint32_t i = 0; i < settings_.slots && bpf_map_get_next_key(owners, i ? &cgroup : nullptr, &next) == 0; i++) {
    cgroup = next;
    uint32_t slot = 0;
    if (bpf_map_lookup_elem(owners, &cgroup, &slot) != 0) continue;
    all.emplace_back();
    all.back().slot = slot;
    all.back().cgroup = cgroup;
  }
  for (SlotSums& sums : all) add_counts(sums);
  return all;
}

std::vector<flow_entry> Probe::read_flows() {
  bool odd = __atomic_fetch_add(&skeleton_->bss->flow_turn, 1, __ATOMIC_SEQ_CST) & 1;
  int map = bpf_map__fd(odd ? skeleton_->maps.flows_odd : skeleton_->maps.flows_even);
  std::vector<flow_entry> entries;
  flow_key key;
  while (bpf_map_get_next_key(map, nullptr, &key) == 0) {
    KernelFlow value;
    if (bpf_map_lookup_and_delete_elem(map, &key, &value) != 0) {
      if (errno == ENOENT) continue;
      break;
    }
    entries.push_back(flow_entry{key, value.cgroup, value.opened, value.attempts, value.failures, value.first, value.last});
  }
  return entries;
}

// The host's slot is its own: cgroup 0.
Error Probe::check_owner(uint32_t slot, uint64_t cgroup) const {
  uint32_t owned = 0;
  bool host = slot == SLOT_HOST && cgroup == 0;
  bool found = bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.owners), &cgroup, &owned) == 0 && owned == slot;
  return host || found ? Error{} : wrong_owner(slot, cgroup);
}

Error Probe::clear_pairs(uint32_t slot) {
  const auto& maps = skeleton_->maps;
  const uint32_t learn = PAIRS_LEARN;
  std::vector<uint8_t> none(PAIR_BYTES);
  std::vector<uint32_t> zero(static_cast<size_t>(cpus_) * BIGRAMS);
  if (bpf_map_update_elem(bpf_map__fd(maps.pair_modes), &slot, &learn, BPF_ANY) != 0 ||
      bpf_map_update_elem(bpf_map__fd(maps.pairs), &slot, none.data(), BPF_ANY) != 0 ||
      bpf_map_update_elem(bpf_map__fd(maps.bigrams), &slot, zero.data(), BPF_ANY) != 0) {
    return system_error("PICKET_BPF_REFUSED", "pairs", errno);
  }
  return {};
}

Error Probe::set_mode(uint32_t slot, uint64_t cgroup, pair_mode mode) {
  Error error = check_owner(slot, cgroup);
  uint32_t value = mode;
  if (!error && bpf_map_update_elem(bpf_map__fd(skeleton_->maps.pair_modes), &slot, &value, BPF_ANY) != 0) {
    error = system_error("PICKET_BPF_REFUSED", "pair_modes", errno);
  }
  return error;
}

Error Probe::load_pairs(uint32_t slot, uint64_t cgroup, const uint8_t* bits) {
  Error error = check_owner(slot, cgroup);
  if (!error && bpf_map_update_elem(bpf_map__fd(skeleton_->maps.pairs), &slot, bits, BPF_ANY) != 0) {
    error = system_error("PICKET_BPF_REFUSED", "pairs", errno);
  }
  return error;
}

Error Probe::read_pairs(uint32_t slot, uint64_t cgroup, uint8_t* bits) const {
  Error error = check_owner(slot, cgroup);
  if (!error && bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.pairs), &slot, bits) != 0) {
    error = system_error("PICKET_BPF_REFUSED", "pairs", errno);
  }
  return error;
}

Error Probe::read_bigrams(uint32_t slot, uint64_t cgroup, std::vector<uint32_t>& sums) const {
  Error error = check_owner(slot, cgroup);
  if (error) return error;
  std::vector<uint32_t> by_cpu(static_cast<size_t>(cpus_) * BIGRAMS);
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.bigrams), &slot, by_cpu.data()) != 0) {
    return system_error("PICKET_BPF_REFUSED", "bigrams", errno);
  }
  sums.assign(BIGRAMS, 0);
  for (size_t i = 0; i < by_cpu.size(); i++) sums[i % BIGRAMS] += by_cpu[i];
  return {};
}

Error Probe::free_slot(uint32_t slot, uint64_t cgroup) {
  Error error = slot < kFirstSlot ? wrong_owner(slot, cgroup) : check_owner(slot, cgroup);
  if (error) return error;
  error = clear_pairs(slot);
  if (error) return error;
  int owners = bpf_map__fd(skeleton_->maps.owners);
  bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.cached_slots), &cgroup);
  bpf_map_delete_elem(owners, &cgroup);
  std::vector<KernelCounts> zero(static_cast<size_t>(cpus_));
  bpf_map_update_elem(bpf_map__fd(skeleton_->maps.counts), &slot, zero.data(), BPF_ANY);
  KernelBuckets full = {};
  bpf_map_update_elem(bpf_map__fd(skeleton_->maps.buckets), &slot, &full, BPF_ANY);
  if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.free_slots), nullptr, &slot, BPF_ANY) != 0) {
    return system_error("PICKET_BPF_REFUSED", "free_slots", errno);
  }
  // Tasks of a container that found no slot try again.
  __atomic_fetch_add(&skeleton_->data->generation, 1, __ATOMIC_SEQ_CST);
  return {};
}

void Probe::read_lost(uint64_t (&lost)[LOSS_REASONS]) const {
  uint32_t zero = 0;
  std::vector<uint64_t> by_cpu(static_cast<size_t>(cpus_) * LOSS_REASONS);
  std::memset(lost, 0, sizeof lost);
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.totals), &zero, by_cpu.data()) != 0) return;
  for (size_t i = 0; i < by_cpu.size(); i++) lost[i % LOSS_REASONS] += by_cpu[i];
}

uint64_t Probe::map_bytes_total() const {
  uint64_t bytes = 0;
  struct bpf_map* map;
  bpf_object__for_each_map(map, skeleton_->obj) bytes += static_cast<uint64_t>(map_bytes(bpf_map__fd(map)));
  return bytes;
}

}  // namespace picket
