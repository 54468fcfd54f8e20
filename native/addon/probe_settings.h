// SPDX-License-Identifier: Apache-2.0
// What a probe is opened with, and how it is read from what JavaScript gives.
#pragma once

#include <napi.h>

#include <string>
#include <utility>
#include <vector>

#include "error.h"
#include "profile.h"

namespace picket {

struct ProbeSettings {
  std::string pin_folder, cgroup_root;
  uint32_t cgroup_hierarchy = 0;  // of cgroup v1; 0: cgroup2
  uint32_t self_pid = 0, urgent_bytes = 0, bulk_bytes = 0, bulk_ms = 0, slots = 0, live_slots = 0, flows = 0, queue_batches = 0;
  uint32_t records_per_second = 0, record_burst = 0;  // per slot and record kind
  uint8_t call_ids[SYSCALL_NUMBERS] = {};             // of calls in pairs; never 0
  uint64_t seen_key = 0;                              // of the fingerprints of bpf/seen.h
  bool by_helpers = false;                            // as on a kernel without bpf_rdonly_cast
  struct Watched {
    std::string name;
    bool folder;
    uint8_t how;  // WATCHED_ALWAYS, WATCHED_WRITES
  };
  std::vector<Watched> watched_names;
};

// Says everything that is wrong with the first option that is.
Error read_settings(Napi::Env env, const Napi::Value& value, ProbeSettings& settings);

}  // namespace picket
