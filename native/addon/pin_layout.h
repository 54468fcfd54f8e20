// SPDX-License-Identifier: Apache-2.0
// Layouts of the pinned containment: which are on this node, and how the entries of an older one are read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "error.h"
#include "records.h"

namespace picket {

std::string layout_folder(const std::string& pin_folder, uint32_t layout);

// Layouts of which anything is in `pin_folder`, newest first.
std::vector<uint32_t> pinned_layouts(const std::string& pin_folder);

// An error when a newer picket holds containments here: what it pinned is not to be touched.
Error refuse_newer(const std::string& pin_folder);

// Copies the entries of an older layout into the map of this one; what is there already stays as it is. Nothing to do
// when its map is gone: an earlier try came as far as taking it away.
Error copy_entries(const std::string& pin_folder, uint32_t layout, int into);

}  // namespace picket
