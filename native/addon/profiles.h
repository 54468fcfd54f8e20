// SPDX-License-Identifier: Apache-2.0
// What the programs know of each slot: read, loaded, cleared as its container goes. JavaScript thread only.
#pragma once

#include <array>
#include <vector>

#include "slots.h"

namespace picket {

struct CompatSum {
  uint32_t number;
  uint64_t count;
};

// Sums over all CPUs.
struct SlotSums {
  uint32_t slot = 0;
  uint64_t cgroup = 0;
  uint64_t calls[SYSCALL_NUMBERS] = {};
  std::vector<CompatSum> compat;
  uint64_t forks = 0, execs = 0, exits = 0;
  uint64_t lost[LOSS_REASONS] = {};
  uint64_t throttled[BUCKET_KINDS] = {};
};

// Everything that a slot counted, added up: counts only grow, so that where the sum is the same all of them are.
struct Sum {
  uint64_t cgroup = 0, counted = 0;
};

struct ProfileMaps {
  int owners = -1, cached_slots = -1, compat_counts = -1, pair_lines = -1;
  uint32_t* epoch = nullptr;       // of bpf/maps.h
  uint32_t* generation = nullptr;
  uint32_t* given = nullptr;
};

class Profiles {
 public:
  Profiles(Slots& slots, uint32_t cpus) : slots_(slots), cpus_(cpus) {}
  void begin(const ProfileMaps& maps) { maps_ = maps; }

  // Of the slots 0 and 1 and of every one that is given out.
  std::vector<SlotSums> read_counts() const;
  // Of those that counted anything since they were last read so, or went to another container.
  std::vector<SlotSums> read_changes();
  // Slots that containers have now.
  uint32_t given() const { return __atomic_load_n(maps_.given, __ATOMIC_RELAXED); }
  // Clears what is known of the slot and gives it to the next container.
  Error free_slot(uint32_t slot, uint64_t cgroup);
  Error set_mode(uint32_t slot, uint64_t cgroup, slot_mode mode);
  // PAIR_BYTES each. What is taken is cleared, and each bit that was ever set is in one of the readings.
  Error load_pairs(uint32_t slot, uint64_t cgroup, const uint8_t* bits);
  Error read_pairs(uint32_t slot, uint64_t cgroup, uint8_t* bits) const;
  Error take_pairs(uint32_t slot, uint64_t cgroup, uint8_t* bits);
  // Replaces what the slot is known to have done; `left` is how many keys had no place.
  Error load_seen(uint32_t slot, uint64_t cgroup, const uint64_t* keys, size_t count, uint32_t& left);
  Error read_bigrams(uint32_t slot, uint64_t cgroup, std::vector<uint32_t>& sums) const;

 private:
  Error check_owner(uint32_t slot, uint64_t cgroup) const;
  void raise_epoch();
  void add_counts(SlotSums& sums) const;
  void add_compat(std::vector<SlotSums>& all) const;
  void forget_compat(uint32_t slot);
  void add_cached(uint32_t slot, uint32_t life, std::vector<uint32_t>& sums) const;

  Slots& slots_;
  const uint32_t cpus_;
  ProfileMaps maps_;
  std::array<Sum, MAX_SLOTS> told_ = {};  // by slot, at the last read_changes()
};

}  // namespace picket
