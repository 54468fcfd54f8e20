// SPDX-License-Identifier: Apache-2.0
#include "probe_settings.h"

#include <cstring>

#include "convert.h"

namespace picket {

namespace {

constexpr uint64_t kMaxRing = 1u << 30;      // bytes
constexpr uint64_t kMaxRecords = 1'000'000;  // a second, or at once
constexpr uint64_t kMaxWatched = 256;        // WATCHED_NAMES of bpf/maps.h

bool is_power_of_two(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

void read_watched(Options& options, ProbeSettings& settings) {
  Napi::Array watched = options.array("watchedNames");
  if (watched.Length() > kMaxWatched) options.fail("watchedNames must be at most " + std::to_string(kMaxWatched));
  for (uint32_t i = 0; i < watched.Length() && !options.error(); i++) {
    Options entry(watched.Env(), watched.Get(i));
    std::string name = entry.text("name"), where = entry.text("where");
    if (entry.error()) return options.fail("watchedNames: " + entry.error().message);
    if (name.empty() || name.size() >= FILE_NAME_BYTES || name.find('/') != std::string::npos) {
      return options.fail("watchedNames: a name has 1 to 31 bytes and no slash: " + name);
    }
    if (where != "file" && where != "folder") return options.fail("watchedNames: where is file or folder");
    bool writes = entry.optional_flag("writesOnly");
    settings.watched_names.push_back({name, where == "folder", writes ? uint8_t{WATCHED_WRITES} : uint8_t{WATCHED_ALWAYS}});
  }
}

}  // namespace

Error read_settings(Napi::Env env, const Napi::Value& value, ProbeSettings& settings) {
  Options options(env, value);
  settings.pin_folder = options.text("pinFolder");
  settings.cgroup_root = options.text("cgroupRoot");
  settings.cgroup_hierarchy = static_cast<uint32_t>(options.number("cgroupHierarchy", 0, INT32_MAX));
  settings.self_pid = static_cast<uint32_t>(options.number("selfPid", 0, INT32_MAX));
  settings.urgent_bytes = static_cast<uint32_t>(options.number("urgentBytes", 4096, kMaxRing));
  settings.bulk_bytes = static_cast<uint32_t>(options.number("bulkBytes", 4096, kMaxRing));
  settings.bulk_ms = static_cast<uint32_t>(options.number("bulkMs", 1, 60000));
  settings.slots = static_cast<uint32_t>(options.number("slots", 3, MAX_SLOTS));
  settings.live_slots = static_cast<uint32_t>(options.number("liveSlots", 0, MAX_SLOTS));
  settings.flows = static_cast<uint32_t>(options.number("flows", 1, 1u << 20));
  settings.queue_batches = static_cast<uint32_t>(options.number("queueBatches", 1, 1u << 20));
  settings.records_per_second = static_cast<uint32_t>(options.number("recordsPerSecond", 1, kMaxRecords));
  settings.record_burst = static_cast<uint32_t>(options.number("recordBurst", 1, kMaxRecords));
  options.bytes("callIds", settings.call_ids, sizeof settings.call_ids);
  if (std::memchr(settings.call_ids, 0, sizeof settings.call_ids) != nullptr) options.fail("callIds must not hold a 0");
  settings.seen_key = options.big("seenKey");
  settings.by_helpers = options.optional_flag("byHelpers");
  read_watched(options, settings);
  if (!options.error() && !(is_power_of_two(settings.urgent_bytes) && is_power_of_two(settings.bulk_bytes))) {
    options.fail("urgentBytes and bulkBytes must be powers of two");
  }
  return options.error();
}

}  // namespace picket
