// SPDX-License-Identifier: Apache-2.0
// The BPF LSM program that refuses what a contained container would execute: there only while an order asks for it.
#pragma once

#include <cstdint>
#include <string>

#include "error.h"

namespace picket {

// Loads, attaches and pins it in `folder`, over the maps that are pinned there, in the place of what is there. An error is this
// kernel's refusal; one that is never asked is a refusal too, and what is pinned there goes. `doubt`: it is attached, and
// why nobody knows whether it is asked.
Error attach_exec_deny(const std::string& folder, std::string& doubt);

// Nothing to do where it is not.
void detach_exec_deny(const std::string& folder);

bool has_exec_deny(const std::string& folder);

// Why it would be refused here, tried for a moment over maps of its own; empty: it would not.
std::string exec_deny_refusal();

// `hash` (FNV-1a) carried on over the bytes of its object.
uint64_t hash_exec_deny(uint64_t hash);

}  // namespace picket
