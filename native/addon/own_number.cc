// SPDX-License-Identifier: Apache-2.0
// Asked of the kernel by a program of three instructions that is run once, here, and attached to nothing: /proc tells our own
// namespace's number only, and the one of the node is in no file that is visible from within.
#include "own_number.h"

#include "bpf.h"

namespace picket {

namespace {

// r0 = bpf_get_current_pid_tgid() >> 32; exit.
const struct bpf_insn kTellProcess[] = {
    {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_pid_tgid},
    {BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 32},
    {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
};

}  // namespace

uint32_t own_number() {
  HeldSignals held;
  LIBBPF_OPTS(bpf_prog_load_opts, how);
  // Of the kinds of programs that can be run by a call the one that runs in the caller's thread (Linux 5.10).
  Fd program(bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "own_number", "GPL", kTellProcess, 3, &how));
  LIBBPF_OPTS(bpf_test_run_opts, run);
  if (!program || bpf_prog_test_run_opts(program.get(), &run) != 0) return 0;
  return run.retval;
}

Napi::Value own_number_to_js(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), own_number()); }

}  // namespace picket
