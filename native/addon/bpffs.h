// SPDX-License-Identifier: Apache-2.0
// Folders and names on a bpf file system.
#pragma once

#include <string>
#include <vector>

#include "error.h"

namespace picket {

// Makes `folder` a folder on a bpffs: mounts one at /sys/fs/bpf for a folder below it, otherwise at `folder` itself.
Error make_pin_folder(const std::string& folder);

Error make_folder(const std::string& folder);
std::vector<std::string> list_folder(const std::string& folder);
// Pins the object of `fd`, in place of what had the name before, with no moment at which the name is missing.
Error pin_in_place(int fd, const std::string& path);
// Removes the folder of a layout with all that is pinned in it.
Error remove_layout(const std::string& folder);
// Removes `folder` with all in it; and the mount, where `folder` is one of its own.
Error remove_pin_folder(const std::string& folder, const std::string& layout_folder);

}  // namespace picket
