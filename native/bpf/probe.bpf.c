/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The observing programs, one subject a file, loaded together because they share their maps. */
#include "kernel.h"
#include "../records.h"
#include "calls.h"
#include "cgroup.bpf.c"
#include "process.bpf.c"
#include "privilege.bpf.c"
#include "syscalls.bpf.c"
#include "network.bpf.c"
#include "udp.bpf.c"
#include "capability.bpf.c"

/* The kernel offers task storage and signals to programs under the GPL only. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";
