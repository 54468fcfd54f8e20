// SPDX-License-Identifier: Apache-2.0
#include "profiles.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace picket {

namespace {

constexpr uint32_t kMaxCompat = 4096;  // COMPAT_COUNTS of bpf/maps.h

struct CompatKey {
  uint32_t slot, number;
};

Error wrong_owner(uint32_t slot, uint64_t cgroup) {
  return {"PICKET_ARGUMENT", "slot " + std::to_string(slot) + " is not cgroup " + std::to_string(cgroup) + "'s"};
}

Error unmapped() { return system_error("PICKET_BPF_REFUSED", "slot_chunk: mmap", errno); }

// Programs write meanwhile: each word is read or replaced whole.
void read_words(const uint32_t* words, uint8_t* to, size_t bytes) {
  for (size_t i = 0; i < bytes / sizeof *words; i++) {
    uint32_t word = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
    std::memcpy(to + i * sizeof word, &word, sizeof word);
  }
}

// As remember() of bpf/seen.h does; false when both buckets are full.
bool place_key(uint64_t (&seen)[SEEN_KEYS], uint64_t key) {
  for (int shift : {57, 50}) {
    uint64_t* places = &seen[(key >> shift) % (SEEN_KEYS / SEEN_WAYS) * SEEN_WAYS];
    for (int i = 0; i < SEEN_WAYS; i++) {
      if (places[i] == 0) places[i] = key;
      if (places[i] == key) return true;
    }
  }
  return false;
}

// 64 bits of counts whose lower 32 stand by CPU: those that wrapped stand apart. Read again where one did meanwhile.
uint64_t sum_call(const slot_profile* profile, const slot_counts* counts, uint32_t cpus, uint32_t number) {
  for (;;) {
    uint32_t wraps = __atomic_load_n(&profile->wraps[number], __ATOMIC_ACQUIRE);
    uint64_t sum = static_cast<uint64_t>(wraps) << 32;
    for (uint32_t cpu = 0; cpu < cpus; cpu++) sum += __atomic_load_n(&counts[cpu].calls[number], __ATOMIC_ACQUIRE);
    if (__atomic_load_n(&profile->wraps[number], __ATOMIC_ACQUIRE) == wraps) return sum;
  }
}

}  // namespace

void Profiles::add_counts(SlotSums& sums) const {
  SlotView view = slots_.view(sums.slot);
  if (!view) return;
  const slot_profile* profile = view.profile();
  for (uint32_t i = 0; i < SYSCALL_NUMBERS; i++) sums.calls[i] = sum_call(profile, view.counts(), cpus_, i);
  for (uint32_t cpu = 0; cpu < cpus_; cpu++) {
    const slot_counts& counts = view.counts()[cpu];
    for (size_t i = 0; i < LOSS_REASONS; i++) sums.lost[i] += counts.lost[i];
    sums.forks += counts.forks;
    sums.execs += counts.execs;
    sums.exits += counts.exits;
  }
  for (size_t i = 0; i < BUCKET_KINDS; i++) sums.throttled[i] = profile->buckets[i].throttled;
}

void Profiles::add_compat(std::vector<SlotSums>& all) const {
  CompatKey key, *before = nullptr, last;
  // A key that is deleted meanwhile starts the walk anew: no more steps than there can be entries.
  for (uint32_t i = 0; i < kMaxCompat && bpf_map_get_next_key(maps_.compat_counts, before, &key) == 0; i++) {
    last = key;
    before = &last;
    uint64_t count = 0;
    if (bpf_map_lookup_elem(maps_.compat_counts, &key, &count) != 0) continue;
    for (SlotSums& sums : all) {
      if (sums.slot == key.slot) sums.compat.push_back({key.number, count});
    }
  }
}

std::vector<SlotSums> Profiles::read_counts() const {
  std::vector<SlotSums> all;
  for (uint32_t slot = SLOT_NONE; slot < kFirstSlot; slot++) {
    all.emplace_back();
    all.back().slot = slot;
  }
  uint64_t cgroup = 0, next = 0;
  for (uint32_t i = 0; i < MAX_SLOTS && bpf_map_get_next_key(maps_.owners, i ? &cgroup : nullptr, &next) == 0; i++) {
    cgroup = next;
    uint32_t slot = 0;
    if (bpf_map_lookup_elem(maps_.owners, &cgroup, &slot) != 0) continue;
    all.emplace_back();
    all.back().slot = slot;
    all.back().cgroup = cgroup;
  }
  for (SlotSums& sums : all) add_counts(sums);
  add_compat(all);
  slots_.look();
  return all;
}

static Sum sum_of(const SlotSums& sums) {
  uint64_t counted = sums.forks + sums.execs + sums.exits;
  for (uint64_t calls : sums.calls) counted += calls;
  for (uint64_t lost : sums.lost) counted += lost;
  for (uint64_t throttled : sums.throttled) counted += throttled;
  for (const CompatSum& one : sums.compat) counted += one.count;
  return {sums.cgroup, counted};
}

std::vector<SlotSums> Profiles::read_changes() {
  std::vector<SlotSums> changed = read_counts();
  changed.erase(std::remove_if(changed.begin(), changed.end(),
                               [this](const SlotSums& sums) {
                                 Sum now = sum_of(sums), &told = told_[sums.slot % MAX_SLOTS];
                                 bool same = told.cgroup == now.cgroup && told.counted == now.counted;
                                 told = now;
                                 return same;
                               }),
                changed.end());
  return changed;
}

// The host's slot is its own: cgroup 0.
Error Profiles::check_owner(uint32_t slot, uint64_t cgroup) const {
  uint32_t owned = 0;
  bool host = slot == SLOT_HOST && cgroup == 0;
  bool found = bpf_map_lookup_elem(maps_.owners, &cgroup, &owned) == 0 && owned == slot;
  return host || found ? Error{} : wrong_owner(slot, cgroup);
}

void Profiles::raise_epoch() { __atomic_fetch_add(maps_.epoch, 1, __ATOMIC_SEQ_CST); }

Error Profiles::set_mode(uint32_t slot, uint64_t cgroup, slot_mode mode) {
  Error error = check_owner(slot, cgroup);
  if (error) return error;
  SlotView view = slots_.view(slot);
  if (!view) return unmapped();
  __atomic_store_n(&view.profile()->mode, mode, __ATOMIC_SEQ_CST);
  return {};
}

Error Profiles::load_pairs(uint32_t slot, uint64_t cgroup, const uint8_t* bits) {
  Error error = check_owner(slot, cgroup);
  if (error) return error;
  SlotView view = slots_.view(slot);
  if (!view) return unmapped();
  for (size_t i = 0; i < PAIR_BYTES / sizeof(uint32_t); i++) {
    uint32_t word;
    std::memcpy(&word, bits + i * sizeof word, sizeof word);
    __atomic_store_n(&view.profile()->pairs[i], word, __ATOMIC_SEQ_CST);
  }
  raise_epoch();
  return {};
}

Error Profiles::read_pairs(uint32_t slot, uint64_t cgroup, uint8_t* bits) const {
  Error error = check_owner(slot, cgroup);
  if (error) return error;
  SlotView view = slots_.view(slot);
  if (!view) return unmapped();
  read_words(view.profile()->pairs, bits, PAIR_BYTES);
  return {};
}

Error Profiles::take_pairs(uint32_t slot, uint64_t cgroup, uint8_t* bits) {
  Error error = check_owner(slot, cgroup);
  if (error) return error;
  SlotView view = slots_.view(slot);
  if (!view) return unmapped();
  for (size_t i = 0; i < PAIR_BYTES / sizeof(uint32_t); i++) {
    uint32_t word = __atomic_exchange_n(&view.profile()->pairs[i], 0, __ATOMIC_SEQ_CST);
    std::memcpy(bits + i * sizeof word, &word, sizeof word);
  }
  raise_epoch();
  return {};
}

Error Profiles::load_seen(uint32_t slot, uint64_t cgroup, const uint64_t* keys, size_t count, uint32_t& left) {
  Error error = check_owner(slot, cgroup);
  if (error) return error;
  SlotView view = slots_.view(slot);
  if (!view) return unmapped();
  uint64_t seen[SEEN_KEYS] = {}, capabilities = 0;
  left = 0;
  for (size_t i = 0; i < count; i++) {
    if (keys[i] == 0) continue;
    if (keys[i] < SEEN_FIRST_KEY) {
      capabilities |= 1ull << (keys[i] - 1);
    } else if (!place_key(seen, keys[i])) {
      left++;
    }
  }
  for (size_t i = 0; i < SEEN_KEYS; i++) __atomic_store_n(&view.profile()->seen[i], seen[i], __ATOMIC_SEQ_CST);
  __atomic_store_n(&view.profile()->capabilities, capabilities, __ATOMIC_SEQ_CST);
  return {};
}

// What stands in the lines of the CPUs and not yet in the profile.
void Profiles::add_cached(uint32_t slot, uint32_t life, std::vector<uint32_t>& sums) const {
  size_t count = static_cast<size_t>(cpus_) * PAIR_LINES;
  Mapped mapped(maps_.pair_lines, 0, count * sizeof(pair_line));
  const auto* lines = reinterpret_cast<const pair_line*>(mapped.bytes());
  for (size_t i = 0; lines != nullptr && i < count; i++) {
    uint32_t pair = static_cast<uint32_t>(lines[i].key);
    if (lines[i].count != 0 && PAIR_SLOT(pair) == slot && lines[i].life == life) sums[BIGRAM_OF(pair)] += lines[i].count;
  }
}

Error Profiles::read_bigrams(uint32_t slot, uint64_t cgroup, std::vector<uint32_t>& sums) const {
  Error error = check_owner(slot, cgroup);
  if (error) return error;
  SlotView view = slots_.view(slot);
  if (!view) return unmapped();
  sums.resize(BIGRAMS);
  read_words(view.profile()->bigrams, reinterpret_cast<uint8_t*>(sums.data()), BIGRAMS * sizeof(uint32_t));
  add_cached(slot, view.profile()->life, sums);
  return {};
}

void Profiles::forget_compat(uint32_t slot) {
  std::vector<CompatKey> found;
  CompatKey key, last, *before = nullptr;
  for (uint32_t i = 0; i < kMaxCompat && bpf_map_get_next_key(maps_.compat_counts, before, &key) == 0; i++) {
    last = key;
    before = &last;
    if (key.slot == slot) found.push_back(key);
  }
  for (const CompatKey& gone : found) bpf_map_delete_elem(maps_.compat_counts, &gone);
}

// In this order: what the cache still holds of the old life is dropped, then all is cleared, then others may have it.
Error Profiles::free_slot(uint32_t slot, uint64_t cgroup) {
  Error error = slot < kFirstSlot ? wrong_owner(slot, cgroup) : check_owner(slot, cgroup);
  if (error) return error;
  SlotView view = slots_.view(slot);
  if (!view) return unmapped();
  __atomic_fetch_add(&view.profile()->life, 1, __ATOMIC_SEQ_CST);
  raise_epoch();
  constexpr size_t kept = offsetof(slot_profile, mode);  // the life
  std::memset(reinterpret_cast<uint8_t*>(view.profile()) + kept, 0, Slots::bytes_of(cpus_) - kept);
  forget_compat(slot);
  bpf_map_delete_elem(maps_.cached_slots, &cgroup);
  bpf_map_delete_elem(maps_.owners, &cgroup);
  __atomic_fetch_sub(maps_.given, 1, __ATOMIC_SEQ_CST);
  // Tasks and sockets of before look again, and find none, before the slot is another's.
  __atomic_fetch_add(maps_.generation, 1, __ATOMIC_SEQ_CST);
  error = slots_.give_back(slot);
  // Tasks of a container that found no slot try again.
  __atomic_fetch_add(maps_.generation, 1, __ATOMIC_SEQ_CST);
  return error;
}

}  // namespace picket
