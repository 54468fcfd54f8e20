// SPDX-License-Identifier: Apache-2.0
// What this kernel offers, found by trying: each program is two instructions, and closed again at once.
#include <bpf/btf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "bpf.h"
#include "exec_deny.h"
#include "layout.h"

namespace picket {

namespace {

constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";

// r0 = 1; exit. 1 lets a packet through, where the kernel minds.
const struct bpf_insn kReturnOne[] = {
    {BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1},
    {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
};
// For hooks that allow by 0.
const struct bpf_insn kReturnZero[] = {
    {BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
    {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
};

Fd try_load(enum bpf_prog_type type, const struct bpf_insn* code, enum bpf_attach_type attach, const char* target,
            uint32_t target_kind) {
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = attach);
  if (target != nullptr) {
    struct btf* btf = btf__load_vmlinux_btf();
    int id = btf == nullptr ? -ENOENT : btf__find_by_name_kind(btf, target, target_kind);
    btf__free(btf);
    if (id <= 0) {
      errno = ENOENT;
      return Fd();
    }
    options.attach_btf_id = static_cast<uint32_t>(id);
  }
  return Fd(bpf_prog_load(type, "picket_try", "GPL", code, 2, &options));
}

}  // namespace

Napi::Value features(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object object = Napi::Object::New(env);
  std::string refusal;
  auto set = [&](const char* name, bool present, bool required, const std::string& what) {
    if (!present && required && refusal.empty()) refusal = what + ": " + std::strerror(errno);
    object.Set(name, Napi::Boolean::New(env, present));
  };
  LibbpfWords words;
  set("btf", access(kBtf, R_OK) == 0, true, kBtf);
  errno = EPERM;  // what libbpf's probes do not tell apart from "no such map"
  set("ringBuffer", libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, nullptr) == 1, true, "BPF ring buffer");
  errno = EPERM;
  set("taskStorage", libbpf_probe_bpf_map_type(BPF_MAP_TYPE_TASK_STORAGE, nullptr) == 1, true, "BPF task storage");
  Fd tracing = try_load(BPF_PROG_TYPE_TRACING, kReturnZero, BPF_TRACE_RAW_TP, "btf_trace_sys_exit", BTF_KIND_TYPEDEF);
  set("tracingBtf", static_cast<bool>(tracing), true, "BTF tracepoint sys_exit");
  Fd skb = try_load(BPF_PROG_TYPE_CGROUP_SKB, kReturnOne, BPF_CGROUP_INET_EGRESS, nullptr, 0);
  set("cgroupSkb", static_cast<bool>(skb), false, "cgroup_skb");
  set("bpfLsm", exec_deny_refusal().empty(), false, "BPF LSM");
  object.Set("refusal", refusal.empty() ? env.Null() : Napi::Value(Napi::String::New(env, refusal)));
  return object;
}

}  // namespace picket
