// SPDX-License-Identifier: Apache-2.0
// The BPF LSM program that refuses what a contained container would execute: there only while an order asks for it.
#pragma once

#include <string>

#include "error.h"

namespace picket {

// Loads, attaches and pins it in `folder`, over the maps that are pinned there; nothing to do where it is, unless `anew`: then it
// takes the place of what is there. An error is this kernel's refusal.
Error attach_exec_deny(const std::string& folder, bool anew);

// Nothing to do where it is not.
void detach_exec_deny(const std::string& folder);

bool has_exec_deny(const std::string& folder);

// Whether the kernel asks BPF LSM at all; it may be compiled in and take programs all the same. Empty: as far as can be told.
std::string lsm_refusal();

}  // namespace picket
