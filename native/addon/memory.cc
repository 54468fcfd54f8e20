// SPDX-License-Identifier: Apache-2.0
// Gives back what only the start needed: freed heap of the loading thread (the kernel's types alone are megabytes), and
// mapped pages of program files, of which a start touches far more than what follows.
#include "memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

namespace picket {

namespace {

struct Mapping {
  uintptr_t from = 0, to = 0;
  bool file = false;  // of a program file, and not writable
  size_t rss = 0, own = 0;

  // A page with anything of its own, such as a relocation, would be lost: only mappings that are the file and nothing else.
  bool can_go() const { return file && own == 0 && rss > 0; }
};

bool read_head(const std::string& line, Mapping& mapping) {
  unsigned long from, to;
  char rights[5] = {};
  int path = 0;
  if (std::sscanf(line.c_str(), "%lx-%lx %4s %*x %*s %*u %n", &from, &to, rights, &path) != 3) return false;
  bool named = path > 0 && static_cast<size_t>(path) < line.size() && line[static_cast<size_t>(path)] == '/';
  mapping = Mapping{from, to, named && rights[0] == 'r' && rights[1] == '-' && rights[3] == 'p', 0, 0};
  return true;
}

size_t let_go(const Mapping& mapping) {
  if (!mapping.can_go()) return 0;
  return madvise(reinterpret_cast<void*>(mapping.from), mapping.to - mapping.from, MADV_DONTNEED) == 0 ? mapping.rss : 0;
}

}  // namespace

Napi::Value release_memory(const Napi::CallbackInfo& info) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  size_t kilobytes = 0;
  Mapping mapping;
  std::ifstream mappings("/proc/self/smaps");
  for (std::string line; std::getline(mappings, line);) {
    Mapping next;
    unsigned long value = 0;
    if (std::sscanf(line.c_str(), "Rss: %lu", &value) == 1) {
      mapping.rss = value;
    } else if (std::sscanf(line.c_str(), "Anonymous: %lu", &value) == 1) {
      mapping.own = value;
      kilobytes += let_go(mapping);
    } else if (read_head(line, next)) {
      mapping = next;
    }
  }
  return Napi::Number::New(info.Env(), static_cast<double>(kilobytes) * 1024);
}

}  // namespace picket
