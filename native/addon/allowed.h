// SPDX-License-Identifier: Apache-2.0
// Reads what a containment lets through.
#pragma once

#include "convert.h"
#include "records.h"

namespace picket {

// The property `allow`: an array of {direction, address, bits, protocol, low, high}; its violations are those of `options`.
allowed_peers read_allowed(Napi::Env env, Options& options);

}  // namespace picket
