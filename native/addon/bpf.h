// SPDX-License-Identifier: Apache-2.0
// What both skeletons need: libbpf's words, file descriptors that close, and hooks with their state.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <csignal>
#include <set>
#include <string>
#include <vector>

#include "error.h"

namespace picket {

// Collects what libbpf warns about on this thread while it lives; so that a refusal can carry the kernel's words.
class LibbpfWords {
 public:
  LibbpfWords();
  ~LibbpfWords();
  LibbpfWords(const LibbpfWords&) = delete;
  LibbpfWords& operator=(const LibbpfWords&) = delete;
  // The last lines that are not verifier trace, on one line.
  std::string reason() const;
  const std::string& all() const { return text_; }

 private:
  friend int collect(enum libbpf_print_level level, const char* format, va_list arguments);
  std::string text_;
  LibbpfWords* outer_;
};

// Holds this thread's signals back while it lives: threads made meanwhile are made so, as signals are JavaScript's; and the
// kernel gives up loading a program when one comes, five times at most until libbpf gives up, too.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t before_;
};

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release();
  void reset();

 private:
  int fd_ = -1;
};

struct Hook {
  std::string name;     // section: what it attaches to
  std::string program;
  std::string state;   // attached, absent, refused
  std::string reason;  // empty where attached
  bool required = false;
};

Napi::Array hooks_to_js(Napi::Env env, const std::vector<Hook>& hooks);

// Names among the kernel's types. libbpf would read some megabytes and go through 130,000 types for each.
class KernelTypes {
 public:
  KernelTypes();
  // True when there is the tracepoint or iterator that a program of this section name attaches to.
  bool has_hook(const std::string& section) const;
  // A function of the kernel that programs may call by name; one that begins with bpf_.
  bool has_function(const char* name) const;

 private:
  std::set<std::string, std::less<>> names_;
};

// The program that libbpf's words name as the one refused, or empty.
std::string refused_program(const std::string& words);

// Bytes that the kernel charges for a map, from its fdinfo; 0 when it does not say.
long map_bytes(int fd);

}  // namespace picket
