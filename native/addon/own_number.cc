// SPDX-License-Identifier: Apache-2.0
// Asked of the kernel by a program of three instructions that is run once, here, and attached to nothing: /proc tells our own
// namespace's number only, and the one of the node is in no file that is visible from within.
#include "own_number.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bpf.h"

namespace picket {

namespace {

// r0 = bpf_get_current_pid_tgid() >> 32; exit.
const struct bpf_insn kTellProcess[] = {
    {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_pid_tgid},
    {BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 32},
    {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
};

constexpr ino_t kInitialNamespace = 0xeffffffc;  // PROC_PID_INIT_INO of the kernel's linux/proc_ns.h: of every boot

bool in_initial_namespace() {
  struct stat ours;
  return stat("/proc/self/ns/pid", &ours) == 0 && ours.st_ino == kInitialNamespace;
}

OwnNumber without_kernel(const char* asked, int error) {
  if (in_initial_namespace()) return {static_cast<uint32_t>(getpid()), ""};
  return {0, std::string(asked) + ": " + std::strerror(error)};
}

}  // namespace

OwnNumber own_number() {
  HeldSignals held;
  LIBBPF_OPTS(bpf_prog_load_opts, how);
  // Of the kinds of programs that can be run by a call the one that runs in the caller's thread (Linux 5.10).
  Fd program(bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "own_number", "GPL", kTellProcess, 3, &how));
  if (!program) return without_kernel("loading a program", errno);
  LIBBPF_OPTS(bpf_test_run_opts, run);
  if (bpf_prog_test_run_opts(program.get(), &run) != 0) return without_kernel("running a program", errno);
  return {run.retval, ""};
}

Napi::Value own_number_to_js(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  OwnNumber own = own_number();
  Napi::Object told = Napi::Object::New(env);
  told.Set("number", Napi::Number::New(env, own.number));
  told.Set("refusal", own.refusal.empty() ? env.Null() : Napi::String::New(env, own.refusal));
  return told;
}

}  // namespace picket
