// SPDX-License-Identifier: Apache-2.0
#include "bpf.h"

#include <linux/btf.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>

namespace picket {

namespace {

constexpr size_t kWordsLimit = 256 * 1024;  // a verifier log may be megabytes; its end has the reason
constexpr size_t kReasonLines = 6;
constexpr size_t kReasonBytes = 1000;
constexpr const char* kKernelTypes = "/sys/kernel/btf/vmlinux";

thread_local LibbpfWords* current = nullptr;

// Verifier trace: instructions ("12: (85) call"), source lines ("; ..."), and libbpf's frame around them.
bool is_trace(const std::string& line) {
  if (line.empty() || line[0] == ';' || line.find("-- ") == 0) return true;
  return line.find_first_not_of("0123456789") != std::string::npos && line[line.find_first_not_of("0123456789")] == ':';
}

}  // namespace

int collect(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG || current == nullptr) return 0;
  char line[8192];
  int length = vsnprintf(line, sizeof line, format, arguments);
  if (current->text_.size() < kWordsLimit) current->text_ += line;
  return length;
}

LibbpfWords::LibbpfWords() : outer_(current) {
  libbpf_set_print(collect);  // the same function every time: other threads may do it at once
  current = this;
}

LibbpfWords::~LibbpfWords() { current = outer_; }

std::string LibbpfWords::reason() const {
  std::vector<std::string> lines;
  std::istringstream stream(text_);
  for (std::string line; std::getline(stream, line);) {
    if (!is_trace(line)) lines.push_back(line);
  }
  std::string reason;
  for (size_t i = lines.size() > kReasonLines ? lines.size() - kReasonLines : 0; i < lines.size(); i++) {
    reason += (reason.empty() ? "" : "; ") + lines[i];
  }
  return reason.substr(0, kReasonBytes);
}

HeldSignals::HeldSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before_);
}

HeldSignals::~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int Fd::release() {
  int fd = fd_;
  fd_ = -1;
  return fd;
}

void Fd::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Napi::Array hooks_to_js(Napi::Env env, const std::vector<Hook>& hooks) {
  Napi::Array array = Napi::Array::New(env, hooks.size());
  for (uint32_t i = 0; i < hooks.size(); i++) {
    Napi::Object hook = Napi::Object::New(env);
    hook.Set("name", hooks[i].name);
    hook.Set("program", hooks[i].program);
    hook.Set("state", hooks[i].state);
    hook.Set("reason", hooks[i].reason.empty() ? env.Null() : Napi::Value(Napi::String::New(env, hooks[i].reason)));
    hook.Set("required", Napi::Boolean::New(env, hooks[i].required));
    array.Set(i, hook);
  }
  return array;
}

// All names stand in one section of texts that end in NUL. A name beginning so is of one kind of type only.
KernelTypes::KernelTypes() {
  std::ifstream file(kKernelTypes, std::ios::binary);
  struct btf_header header = {};
  if (!file.read(reinterpret_cast<char*>(&header), sizeof header) || header.magic != BTF_MAGIC) return;
  std::vector<char> texts(header.str_len);
  if (!file.seekg(header.hdr_len + header.str_off) || !file.read(texts.data(), header.str_len)) return;
  for (size_t at = 0; at < texts.size();) {
    std::string_view name(&texts[at], strnlen(&texts[at], texts.size() - at));
    if (name.rfind("btf_trace_", 0) == 0 || name.rfind("bpf_", 0) == 0) names_.emplace(name);
    at += name.size() + 1;
  }
}

bool KernelTypes::has_hook(const std::string& section) const {
  std::string kind = section.substr(0, section.find('/')), name = section.substr(section.find('/') + 1);
  if (kind == "iter") return names_.count("bpf_iter_" + name) > 0;
  return kind != "tp_btf" || names_.count("btf_trace_" + name) > 0;
}

bool KernelTypes::has_function(const char* name) const { return names_.count(name) > 0; }

std::string refused_program(const std::string& words) {
  size_t failed = words.rfind("': failed to load");
  if (failed == std::string::npos) return "";
  size_t start = words.rfind('\'', failed - 1);
  return start == std::string::npos ? "" : words.substr(start + 1, failed - start - 1);
}

long map_bytes(int fd) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(fd));
  for (std::string word; info >> word;) {
    long bytes = 0;
    if (word == "memlock:" && info >> bytes) return bytes;
  }
  return 0;
}

}  // namespace picket
