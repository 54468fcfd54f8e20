// SPDX-License-Identifier: Apache-2.0
#include "drain.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "records.h"

namespace picket {

namespace {

// Draining thread. A ring entry may have spare room behind the record: see bpf/path.h.
int on_record(void* context, void* data, size_t size) {
  const auto* header = static_cast<const record_header*>(data);
  if (size >= sizeof *header && header->size >= sizeof *header && header->size <= size) {
    static_cast<Handoff*>(context)->push(static_cast<const uint8_t*>(data), header->size);
  }
  return 0;
}

}  // namespace

Error Drain::start() {
  urgent_ = ring_buffer__new(settings_.urgent_fd, on_record, &handoff_, nullptr);
  bulk_ = ring_buffer__new(settings_.bulk_fd, on_record, &handoff_, nullptr);
  stop_fd_ = Fd(eventfd(0, EFD_CLOEXEC));
  if (urgent_ == nullptr || bulk_ == nullptr || !stop_fd_) {
    return system_error("PICKET_BPF_REFUSED", "ring buffer", errno);
  }
  HeldSignals held;
  thread_ = std::thread([this] { run(); });
  return {};
}

void Drain::stop() {
  if (thread_.joinable()) {
    uint64_t one = 1;
    while (write(stop_fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
    thread_.join();
  }
  for (struct ring_buffer** ring : {&urgent_, &bulk_, &denials_}) {
    if (*ring != nullptr) ring_buffer__free(*ring);
    *ring = nullptr;
  }
}

// Draining thread. The ring may be made, removed or made anew by whoever holds the containments.
void Drain::follow_denials() {
  struct stat info;
  unsigned long inode = stat(settings_.denials_path.c_str(), &info) == 0 ? info.st_ino : 0;
  if (inode == denials_inode_) return;
  if (denials_ != nullptr) ring_buffer__free(denials_);
  denials_ = nullptr;
  denials_inode_ = inode;
  if (inode == 0) return;
  Fd map(bpf_obj_get(settings_.denials_path.c_str()));
  if (map) denials_ = ring_buffer__new(map.get(), on_record, &handoff_, nullptr);
}

void Drain::consume() {
  ring_buffer__consume(urgent_);
  if (denials_ != nullptr) ring_buffer__consume(denials_);
}

void Drain::run() {
  using Clock = std::chrono::steady_clock;
  pthread_setname_np(pthread_self(), "picket-drain");
  LibbpfWords words;
  Clock::time_point next_bulk = Clock::now();
  for (bool stopping = false; !stopping;) {
    if (Clock::now() >= next_bulk) {
      follow_denials();
      ring_buffer__consume(bulk_);
      next_bulk = Clock::now() + std::chrono::milliseconds(settings_.bulk_ms);
    }
    consume();
    handoff_.ring();
    after_();
    auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(next_bulk - Clock::now()).count();
    struct pollfd waits[3] = {{ring_buffer__epoll_fd(urgent_), POLLIN, 0},
                              {stop_fd_.get(), POLLIN, 0},
                              {denials_ ? ring_buffer__epoll_fd(denials_) : -1, POLLIN, 0}};
    poll(waits, 3, wait > 0 ? static_cast<int>(wait) + 1 : 0);
    stopping = (waits[1].revents & POLLIN) != 0;
  }
  consume();
  ring_buffer__consume(bulk_);
}

}  // namespace picket
