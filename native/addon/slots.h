// SPDX-License-Identifier: Apache-2.0
// Memory of the slots (profile.h): made chunk by chunk, mapped only while it is looked at, as mapped pages count as
// resident. Knows nothing of who has a slot.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "bpf.h"
#include "profile.h"

namespace picket {

constexpr uint32_t kFirstSlot = SLOT_HOST + 1;  // that a container may have
// Free ones below which a chunk is added. It takes some 20 ms, in which so many containers may start at once.
constexpr uint32_t kSpareSlots = 32;

// Bytes of a map that was made with BPF_F_MMAPABLE; null where the kernel would not.
class Mapped {
 public:
  Mapped(int fd, size_t from, size_t bytes);
  ~Mapped();
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  uint8_t* bytes() const { return bytes_; }

 private:
  void* base_;
  size_t length_;
  uint8_t* bytes_;
};

// One slot's memory, or null where it could not be mapped.
class SlotView {
 public:
  SlotView(int chunk, uint32_t slot, uint32_t cpus);
  explicit operator bool() const { return mapped_.bytes() != nullptr; }
  slot_profile* profile() const { return reinterpret_cast<slot_profile*>(mapped_.bytes()); }
  slot_counts* counts() const { return reinterpret_cast<slot_counts*>(profile() + 1); }  // of each CPU

 private:
  Mapped mapped_;
};

struct SlotMaps {
  int chunks = -1;  // array of maps
  int free_slots = -1;
  uint32_t* given = nullptr;       // how many the programs gave out
  uint32_t* generation = nullptr;  // raised: tasks that found no slot look again
};

class Slots {
 public:
  Slots(uint32_t most, uint32_t cpus) : most_(most), cpus_(cpus) {}
  ~Slots() { stop(); }

  static size_t bytes_of(uint32_t cpus) { return sizeof(slot_profile) + cpus * sizeof(slot_counts); }

  // The first chunk, which is also the pattern by which the kernel checks the programs; before they are loaded.
  Error make_pattern();
  int pattern() const { return chunks_[0].get(); }
  // Gives the loaded programs memory for `live` containers, and what is to be spare.
  Error begin(const SlotMaps& maps, uint32_t live);
  // From here on chunks are added by a thread of its own: the kernel waits for all CPUs, which no other may.
  void start();
  void stop();
  // Any thread. Sees whether a chunk is to be added; cheap.
  void look();

  SlotView view(uint32_t slot) const;
  // Of kernel memory; chunks are never taken back.
  uint64_t bytes() const { return static_cast<uint64_t>(count_) * CHUNK_SLOTS * bytes_of(cpus_); }
  // Puts a slot, with its memory cleared, among the free ones.
  Error give_back(uint32_t slot);

 private:
  bool is_short() const;
  Error add(uint32_t index);
  Error make(uint32_t index);
  void run();

  const uint32_t most_, cpus_;
  SlotMaps maps_;
  std::array<Fd, MAX_CHUNKS> chunks_;
  std::atomic<uint32_t> count_{0};
  std::mutex lock_;
  std::condition_variable wanted_;
  bool looking_ = false, stopping_ = false;  // under lock_
  std::thread thread_;
};

}  // namespace picket
