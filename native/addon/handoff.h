// SPDX-License-Identifier: Apache-2.0
// The bounded queue between the draining thread and JavaScript. It never blocks; what does not fit is counted.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

namespace picket {

class Handoff {
 public:
  explicit Handoff(size_t capacity) : capacity_(capacity) {}

  // Draining thread. One whole record; appended to the last batch while that has room.
  void push(const uint8_t* record, size_t size);
  // Draining thread. Tells JavaScript, unless it has been told and not yet looked.
  void ring();
  // JavaScript thread. Up to `limit` batches into `out`; true when more wait.
  bool take(size_t limit, std::vector<std::vector<uint8_t>>& out);

  // JavaScript thread, before the draining thread starts and after it ended.
  void set_doorbell(napi_threadsafe_function doorbell) { doorbell_ = doorbell; }

  uint64_t queue_full() const { return queue_full_; }
  uint64_t records() const { return records_; }
  uint64_t batches() const { return batches_; }

 private:
  const size_t capacity_;
  std::mutex mutex_;
  std::deque<std::vector<uint8_t>> queue_;
  napi_threadsafe_function doorbell_ = nullptr;
  std::atomic<bool> rung_{false};
  std::atomic<uint64_t> queue_full_{0}, records_{0}, batches_{0};
};

}  // namespace picket
