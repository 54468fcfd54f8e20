// SPDX-License-Identifier: Apache-2.0
// How soon the kernel's scheduler lets this process run when a record wakes it.
#include "priority.h"

#include <dirent.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include "error.h"

namespace picket {

namespace {

// struct sched_attr of the kernel's first version of it; C libraries do not agree on having one.
struct Attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

// A short slice is an early deadline: a waking thread runs at once and not after the slice of who runs now. It is no
// larger share of the CPU and needs no right. Kernels before 6.12 do not look at it.
constexpr uint64_t kSliceNs = 100'000;

Error prefer(pid_t thread, int nice) {
  Attributes attributes = {sizeof attributes, SCHED_NORMAL, 0, nice, 0, kSliceNs, 0, 0};
  if (syscall(SYS_sched_setattr, thread, &attributes, 0) == 0) return {};
  int refused = errno;
  Attributes now = {};
  if (syscall(SYS_sched_getattr, thread, &now, sizeof now, 0) == 0) {
    attributes.nice = now.nice;
    syscall(SYS_sched_setattr, thread, &attributes, 0);
  }
  return system_error("PICKET_PRIORITY", "nice " + std::to_string(nice), refused);
}

// Threads that are made later have it from the one that makes them.
Error prefer_all(int nice) {
  DIR* threads = opendir("/proc/self/task");
  if (threads == nullptr) return system_error("PICKET_PRIORITY", "/proc/self/task", errno);
  Error first;
  while (const struct dirent* entry = readdir(threads)) {
    pid_t thread = std::atoi(entry->d_name);
    Error error = thread > 0 ? prefer(thread, nice) : Error{};
    if (!first) first = error;
  }
  closedir(threads);
  return first;
}

}  // namespace

void prefer_threads(const Napi::CallbackInfo& info) {
  int32_t nice = info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 20;
  if (nice < -20 || nice > 19) {
    return throw_js(info.Env(), Error{"PICKET_ARGUMENT", "nice is a number from -20 to 19"});
  }
  Error error = prefer_all(nice);
  if (error) throw_js(info.Env(), error);
}

}  // namespace picket
