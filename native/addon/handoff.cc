// SPDX-License-Identifier: Apache-2.0
#include "handoff.h"

namespace picket {

namespace {
constexpr size_t kBatchBytes = 64 * 1024;  // large enough that crossing costs nothing per record
}

void Handoff::push(const uint8_t* record, size_t size) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (queue_.empty() || queue_.back().size() + size > kBatchBytes) {
    if (queue_.size() >= capacity_) {
      queue_full_++;
      return;
    }
    queue_.emplace_back();
    batches_++;
  }
  queue_.back().insert(queue_.back().end(), record, record + size);
  records_++;
}

void Handoff::ring() {
  if (doorbell_ == nullptr || rung_.exchange(true)) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (queue_.empty()) {
      rung_ = false;
      return;
    }
  }
  napi_call_threadsafe_function(doorbell_, nullptr, napi_tsfn_nonblocking);
}

bool Handoff::take(size_t limit, std::vector<std::vector<uint8_t>>& out) {
  rung_ = false;  // before the look: what is pushed after it rings again
  std::lock_guard<std::mutex> lock(mutex_);
  while (!queue_.empty() && out.size() < limit) {
    out.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return !queue_.empty();
}

}  // namespace picket
