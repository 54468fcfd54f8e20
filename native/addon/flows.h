// SPDX-License-Identifier: Apache-2.0
// The two flow maps, which programs write by turns, read so that nothing is counted twice and nothing is missed.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "records.h"

namespace picket {

// struct flow_counts of bpf/maps.h.
struct KernelFlow {
  uint64_t cgroup, opened, attempts, failures, first, last, bytes_in, bytes_out, segments_in, segments_out, reported;
};

class Flows {
 public:
  // `turn`: the number that programs look at, in memory shared with them. `open_sockets`: an iterator's link, or -1.
  Flows(int even_map, int odd_map, uint32_t* turn, int open_sockets);

  // JavaScript thread. What was counted since the last call.
  std::vector<flow_entry> take();

 private:
  std::vector<flow_entry> late(int map);

  int maps_[2];
  uint32_t* turn_;
  int open_sockets_;
  // What the map held when it was last read, by the bytes of the key. A program may have been about to add to it.
  std::unordered_map<std::string, KernelFlow> read_;
};

// Runs an iterator to its end.
void run_iterator(int link);

}  // namespace picket
