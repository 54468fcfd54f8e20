// SPDX-License-Identifier: Apache-2.0
#include "pin_layout.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "bpf.h"
#include "bpffs.h"

namespace picket {

namespace {

// Value of `containments` in layout 1.
struct ContainmentV1 {
  uint32_t flags, pad;
  uint64_t until, order, packets, connects, sends, execs;
};

struct OlderLayout {
  uint32_t layout;
  uint32_t value_size;
  containment (*read)(const uint8_t* value);
};

containment read_v1(const uint8_t* value) {
  ContainmentV1 old;
  std::memcpy(&old, value, sizeof old);
  containment entry = {};
  entry.flags = old.flags;
  entry.until = old.until;
  entry.order = old.order;
  entry.packets = old.packets;
  entry.connects = old.connects;
  entry.sends = old.sends;
  entry.execs = old.execs;
  return entry;
}

// A release reads the layouts of the releases before it, for as long as one of them may still run somewhere.
constexpr OlderLayout kOlder[] = {{1, sizeof(ContainmentV1), read_v1}};

Error cannot_read(const std::string& folder, const char* why) {
  return {"PICKET_PIN_OLD", folder + ": " + why + ". Its containments hold until they end by themselves; remove the "
                            "folder to end them at once"};
}

bool is_live(const std::string& pin_folder, uint32_t layout) {
  return access((layout_folder(pin_folder, layout) + "/maps/containments").c_str(), F_OK) == 0;
}

}  // namespace

std::string layout_folder(const std::string& pin_folder, uint32_t layout) {
  return pin_folder + "/v" + std::to_string(layout);
}

std::vector<uint32_t> pinned_layouts(const std::string& pin_folder) {
  std::vector<uint32_t> layouts;
  for (const std::string& name : list_folder(pin_folder)) {
    char* end = nullptr;
    unsigned long layout = name[0] == 'v' && name.size() < 8 ? std::strtoul(name.c_str() + 1, &end, 10) : 0;
    if (layout > 0 && *end == '\0') layouts.push_back(static_cast<uint32_t>(layout));
  }
  std::sort(layouts.rbegin(), layouts.rend());
  return layouts;
}

Error refuse_newer(const std::string& pin_folder) {
  for (uint32_t layout : pinned_layouts(pin_folder)) {
    if (layout <= PICKET_CONTAIN_LAYOUT || !is_live(pin_folder, layout)) continue;
    return {"PICKET_PIN_NEWER", layout_folder(pin_folder, layout) + " was pinned by a newer version; this one knows "
                                "layout " + std::to_string(PICKET_CONTAIN_LAYOUT) + " and leaves its containments as they are"};
  }
  return {};
}

Error copy_entries(const std::string& pin_folder, uint32_t layout, int into) {
  std::string folder = layout_folder(pin_folder, layout);
  Fd old(bpf_obj_get((folder + "/maps/containments").c_str()));
  if (!old && errno == ENOENT) return {};
  if (!old) return system_error("PICKET_PIN", folder, errno);
  const OlderLayout* reader = std::find_if(std::begin(kOlder), std::end(kOlder),
                                           [&](const OlderLayout& older) { return older.layout == layout; });
  if (reader == std::end(kOlder)) return cannot_read(folder, "this version does not read that layout");
  struct bpf_map_info info = {};
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(old.get(), &info, &size) != 0) return system_error("PICKET_PIN", folder, errno);
  if (info.value_size != reader->value_size) return cannot_read(folder, "its entries are not as that layout has them");
  std::vector<uint8_t> value(info.value_size);
  uint64_t cgroup = 0, next = 0;
  for (bool first = true; bpf_map_get_next_key(old.get(), first ? nullptr : &cgroup, &next) == 0; first = false) {
    cgroup = next;
    if (bpf_map_lookup_elem(old.get(), &cgroup, value.data()) != 0) continue;
    containment entry = reader->read(value.data());
    if (bpf_map_update_elem(into, &cgroup, &entry, BPF_NOEXIST) != 0 && errno != EEXIST) {
      return system_error("PICKET_PIN", folder + ": entry " + std::to_string(cgroup), errno);
    }
  }
  return {};
}

}  // namespace picket
