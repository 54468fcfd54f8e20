// SPDX-License-Identifier: Apache-2.0
// State of the addon in one JavaScript environment: the main thread's, or a worker's.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>

namespace picket {

struct Instance {
  Napi::FunctionReference probe, containments;
  // Set when the environment goes down: loads under way end early and tell nobody.
  std::shared_ptr<std::atomic<bool>> ending = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace picket
