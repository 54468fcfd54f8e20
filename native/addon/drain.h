// SPDX-License-Identifier: Apache-2.0
// The thread that reads the rings.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "bpf.h"
#include "handoff.h"

namespace picket {

struct DrainSettings {
  int urgent_fd = -1;
  int bulk_fd = -1;
  int bulk_ms = 0;
  std::string denials_path;  // pinned ring of the containment; may come and go
};

class Drain {
 public:
  // `after` is called each time that the urgent ring was read.
  Drain(DrainSettings settings, Handoff& handoff, std::function<void()> after)
      : settings_(std::move(settings)), handoff_(handoff), after_(std::move(after)) {}
  ~Drain() { stop(); }

  // JavaScript thread. The rings are mapped before it returns.
  Error start();
  // Any thread but the draining one. Reads the rings to the end, then joins; a second call does nothing.
  void stop();

 private:
  void run();
  void follow_denials();
  void consume();

  DrainSettings settings_;
  Handoff& handoff_;
  std::function<void()> after_;
  struct ring_buffer* urgent_ = nullptr;
  struct ring_buffer* bulk_ = nullptr;
  struct ring_buffer* denials_ = nullptr;
  unsigned long denials_inode_ = 0;
  Fd stop_fd_;
  std::thread thread_;
};

}  // namespace picket
