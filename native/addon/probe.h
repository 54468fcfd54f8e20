// SPDX-License-Identifier: Apache-2.0
// The observing programs: configure, load, attach, read maps, close. Knows nothing of JavaScript but the handoff.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bpf.h"
#include "drain.h"
#include "flows.h"
#include "handoff.h"
#include "probe_settings.h"
#include "profiles.h"
#include "records.h"

struct probe_bpf;

namespace picket {

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
  const Handoff& handoff() const { return handoff_; }

  // These: JavaScript thread, before shut_down().
  Profiles& profiles() { return profiles_; }
  const Profiles& profiles() const { return profiles_; }
  std::vector<flow_entry> read_flows();
  void read_lost(uint64_t (&lost)[LOSS_REASONS]) const;
  // Times that a program was not run, as it was running on that CPU already: what it would have seen is lost.
  uint64_t missed_runs() const;
  // Bytes that the kernel charges, by what they grow with: slots, pairs, rings, flows, other.
  std::map<std::string, uint64_t> map_groups() const;

 private:
  explicit Probe(const ProbeSettings& settings);
  Error load(const std::atomic<bool>& cancelled);
  Error load_once(const KernelTypes& types, std::string& refused);
  void configure();
  Error begin_slots();
  Error fill_maps();
  Error attach();
  bool is_replaced(const std::string& program, const KernelTypes& types) const;

  ProbeSettings settings_;
  const uint32_t cpus_;  // more than the highest number of one
  Slots slots_;
  Profiles profiles_;
  Handoff handoff_;
  std::vector<Hook> hooks_;
  std::vector<size_t> programs_;   // of the hooks: index in the skeleton
  std::set<std::string> refused_;  // programs that the kernel would not load, left out
  std::string refusal_;
  struct probe_bpf* skeleton_ = nullptr;
  std::unique_ptr<Drain> drain_;
  std::unique_ptr<Flows> flows_;
  std::mutex closing_;
};

}  // namespace picket
