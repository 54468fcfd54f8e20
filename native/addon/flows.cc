// SPDX-License-Identifier: Apache-2.0
#include "flows.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cerrno>

#include "bpf.h"

namespace picket {

namespace {

constexpr uint32_t kBatch = 512;  // entries; the kernel asks for more where one of its buckets holds more

struct Entry {
  flow_key key;
  KernelFlow counts;
};

// Some hundred entries a system call, where one by one would take two calls each.
std::vector<Entry> read_all(int map, bool remove) {
  std::vector<Entry> all;
  std::vector<flow_key> keys(kBatch);
  std::vector<KernelFlow> values(kBatch);
  uint32_t position = 0;
  bool begun = false;
  for (;;) {
    uint32_t count = static_cast<uint32_t>(keys.size());
    auto read = remove ? bpf_map_lookup_and_delete_batch : bpf_map_lookup_batch;
    int result = read(map, begun ? &position : nullptr, &position, keys.data(), values.data(), &count, nullptr);
    if (result != 0 && errno == ENOSPC) {
      keys.resize(keys.size() * 2);
      values.resize(keys.size());
      continue;
    }
    if (result != 0 && errno != ENOENT) return all;  // ENOENT: these are the last
    for (uint32_t i = 0; i < count; i++) all.push_back(Entry{keys[i], values[i]});
    if (result != 0) return all;
    begun = true;
  }
}

flow_entry entry_of(const Entry& entry) {
  const KernelFlow& counts = entry.counts;
  return flow_entry{entry.key,         counts.cgroup,   counts.opened,    counts.attempts,    counts.failures,    counts.first,
                    counts.last,       counts.bytes_in, counts.bytes_out, counts.segments_in, counts.segments_out};
}

std::string bytes_of(const flow_key& key) { return std::string(reinterpret_cast<const char*>(&key), sizeof key); }

void subtract(KernelFlow& counts, const KernelFlow& told) {
  counts.opened -= told.opened;
  counts.attempts -= told.attempts;
  counts.failures -= told.failures;
  counts.bytes_in -= told.bytes_in;
  counts.bytes_out -= told.bytes_out;
  counts.segments_in -= told.segments_in;
  counts.segments_out -= told.segments_out;
}

bool is_nothing(const KernelFlow& counts) {
  return (counts.opened | counts.attempts | counts.failures | counts.bytes_in | counts.bytes_out | counts.segments_in |
          counts.segments_out) == 0;
}

}  // namespace

void run_iterator(int link) {
  Fd run(bpf_iter_create(link));
  char ignored[64];
  while (run && read(run.get(), ignored, sizeof ignored) > 0) {
  }
}

Flows::Flows(int even_map, int odd_map, uint32_t* turn, int open_sockets)
    : maps_{even_map, odd_map}, turn_(turn), open_sockets_(open_sockets) {}

// Empties the map that was read at the last turn. No program has written it since, so what is more in it than was read
// then was added in that moment.
std::vector<flow_entry> Flows::late(int map) {
  std::vector<flow_entry> entries;
  for (Entry& entry : read_all(map, true)) {
    auto told = read_.find(bytes_of(entry.key));
    if (told != read_.end()) subtract(entry.counts, told->second);
    if (!is_nothing(entry.counts)) entries.push_back(entry_of(entry));
  }
  return entries;
}

std::vector<flow_entry> Flows::take() {
  if (open_sockets_ >= 0) run_iterator(open_sockets_);
  uint32_t turn = __atomic_load_n(turn_, __ATOMIC_SEQ_CST);
  std::vector<flow_entry> entries = late(maps_[(turn + 1) & 1]);
  __atomic_fetch_add(turn_, 1, __ATOMIC_SEQ_CST);
  read_.clear();
  for (const Entry& entry : read_all(maps_[turn & 1], false)) {
    read_[bytes_of(entry.key)] = entry.counts;
    entries.push_back(entry_of(entry));
  }
  return entries;
}

}  // namespace picket
