// SPDX-License-Identifier: Apache-2.0
// The observing programs: configure, load, attach, read maps, close. Knows nothing of JavaScript but the handoff.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bpf.h"
#include "drain.h"
#include "handoff.h"
#include "records.h"

struct probe_bpf;

namespace picket {

constexpr uint32_t BUCKET_KINDS = 16;  // of bpf/maps.h

struct ProbeSettings {
  std::string pin_folder, cgroup_root;
  uint32_t self_pid = 0, urgent_bytes = 0, bulk_bytes = 0, bulk_ms = 0, slots = 0, flows = 0, queue_batches = 0;
  uint32_t records_per_second = 0, record_burst = 0;  // per slot and record kind
  uint8_t call_ids[SYSCALL_NUMBERS] = {};             // of calls in pairs; never 0
  std::vector<std::pair<std::string, bool>> watched_names;  // name, is it a folder's
};

// As struct slot_counts of bpf/maps.h, summed over CPUs.
struct SlotSums {
  uint32_t slot = 0;
  uint64_t cgroup = 0;
  uint64_t calls[SYSCALL_NUMBERS] = {};
  uint64_t forks = 0, execs = 0, exits = 0;
  uint64_t lost[LOSS_REASONS] = {};
  uint64_t throttled[BUCKET_KINDS] = {};
};

class Probe {
 public:
  ~Probe();

  // Any thread; takes a few hundred milliseconds. Null with `error` set when it cannot run, or when `cancelled`
  // became true meanwhile.
  static std::unique_ptr<Probe> open(const ProbeSettings& settings, const std::atomic<bool>& cancelled, Error& error);

  // JavaScript thread, once, after the handoff has its doorbell.
  Error start();
  // Any thread. Stops draining, detaches, frees the maps. A second call waits for the first.
  void shut_down();

  const std::vector<Hook>& hooks() const { return hooks_; }
  Handoff& handoff() { return handoff_; }

  // JavaScript thread, before shut_down().
  std::vector<SlotSums> read_counts() const;
  std::vector<flow_entry> read_flows();
  Error free_slot(uint32_t slot, uint64_t cgroup);
  Error set_mode(uint32_t slot, uint64_t cgroup, pair_mode mode);
  // PAIR_BYTES each.
  Error load_pairs(uint32_t slot, uint64_t cgroup, const uint8_t* bits);
  Error read_pairs(uint32_t slot, uint64_t cgroup, uint8_t* bits) const;
  Error read_bigrams(uint32_t slot, uint64_t cgroup, std::vector<uint32_t>& sums) const;
  void read_lost(uint64_t (&lost)[LOSS_REASONS]) const;
  uint64_t map_bytes_total() const;

 private:
  explicit Probe(const ProbeSettings& settings);
  Error load(const std::atomic<bool>& cancelled);
  Error load_once(const KernelTypes& types, std::string& refused);
  void configure();
  Error fill_maps();
  Error attach();
  Error check_owner(uint32_t slot, uint64_t cgroup) const;
  Error clear_pairs(uint32_t slot);
  void add_counts(SlotSums& sums) const;

  ProbeSettings settings_;
  int cpus_;
  Handoff handoff_;
  std::vector<Hook> hooks_;
  std::set<std::string> refused_;  // programs that the kernel would not load, left out
  std::string refusal_;
  struct probe_bpf* skeleton_ = nullptr;
  std::unique_ptr<Drain> drain_;
  std::mutex closing_;
};

}  // namespace picket
