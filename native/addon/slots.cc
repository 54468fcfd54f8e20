// SPDX-License-Identifier: Apache-2.0
#include "slots.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace picket {

namespace {

Error refused(const char* what, int error) { return system_error("PICKET_BPF_REFUSED", what, error); }

}  // namespace

Mapped::Mapped(int fd, size_t from, size_t bytes) {
  size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), before = from % page;
  length_ = before + bytes;
  base_ = mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(from - before));
  bytes_ = base_ == MAP_FAILED ? nullptr : static_cast<uint8_t*>(base_) + before;
}

Mapped::~Mapped() {
  if (base_ != MAP_FAILED) munmap(base_, length_);
}

SlotView::SlotView(int chunk, uint32_t slot, uint32_t cpus)
    : mapped_(chunk, slot % CHUNK_SLOTS * Slots::bytes_of(cpus), Slots::bytes_of(cpus)) {}

Error Slots::make(uint32_t index) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
  uint32_t bytes = static_cast<uint32_t>(bytes_of(cpus_));
  chunks_[index] = Fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "slot_chunk", sizeof(uint32_t), bytes, CHUNK_SLOTS, &options));
  return chunks_[index] ? Error{} : refused("slot_chunk", errno);
}

Error Slots::make_pattern() { return chunks_[0] ? Error{} : make(0); }

// Waits until no program can still see the chunk that was not there before.
Error Slots::add(uint32_t index) {
  Error error = chunks_[index] ? Error{} : make(index);
  if (error) return error;
  int fd = chunks_[index].get();
  if (bpf_map_update_elem(maps_.chunks, &index, &fd, BPF_ANY) != 0) return refused("slot_chunks", errno);
  uint32_t end = std::min(most_, (index + 1) * CHUNK_SLOTS);
  count_ = index + 1;
  for (uint32_t slot = std::max(kFirstSlot, index * CHUNK_SLOTS); slot < end && !error; slot++) error = give_back(slot);
  return error;
}

Error Slots::begin(const SlotMaps& maps, uint32_t live) {
  maps_ = maps;
  uint32_t wanted = std::min(most_, kFirstSlot + live + kSpareSlots);
  Error error = add(0);
  while (!error && count_ * CHUNK_SLOTS < wanted) error = add(count_);
  return error;
}

Error Slots::give_back(uint32_t slot) {
  return bpf_map_update_elem(maps_.free_slots, nullptr, &slot, BPF_ANY) == 0 ? Error{} : refused("free_slots", errno);
}

SlotView Slots::view(uint32_t slot) const {
  uint32_t index = slot / CHUNK_SLOTS;
  return SlotView(index < count_ ? chunks_[index].get() : -1, slot, cpus_);
}

bool Slots::is_short() const {
  uint32_t there = count_ * CHUNK_SLOTS;
  return there < most_ && there < kFirstSlot + __atomic_load_n(maps_.given, __ATOMIC_RELAXED) + kSpareSlots;
}

void Slots::start() {
  HeldSignals held;
  thread_ = std::thread([this] { run(); });
}

void Slots::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard<std::mutex> hold(lock_);
    stopping_ = true;
  }
  wanted_.notify_one();
  thread_.join();
}

void Slots::look() {
  if (!is_short()) return;
  {
    std::lock_guard<std::mutex> hold(lock_);
    looking_ = true;
  }
  wanted_.notify_one();
}

// Adding thread. One that fails is tried again at the next look: the containers without a slot are counted meanwhile.
void Slots::run() {
  pthread_setname_np(pthread_self(), "picket-slots");
  LibbpfWords words;
  std::unique_lock<std::mutex> hold(lock_);
  for (;;) {
    wanted_.wait(hold, [this] { return looking_ || stopping_; });
    if (stopping_) return;
    looking_ = false;
    hold.unlock();
    while (is_short() && !add(count_)) __atomic_fetch_add(maps_.generation, 1, __ATOMIC_SEQ_CST);
    hold.lock();
  }
}

}  // namespace picket
