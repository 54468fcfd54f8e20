/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Exec deny: a contained container's program is refused before anything of it is read, and who asked for it goes on with
 * EPERM. An object of its own, loaded and attached only while an order asks for it: a node where nobody is denied pays
 * nothing. One whose kernel was started without BPF LSM takes it all the same: see `asked`.
 */
#include "containment.h"

#define EPERM 1

/* Set by the first execve of whomever: a kernel that was started without BPF LSM takes the program and never asks it. */
volatile __u32 asked = 0;

/* Once for each execve, before the format is known (Linux 5.8); bprm_check_security runs for each interpreter again.
 * `refused`: what the program before this one said. */
SEC("lsm/bprm_creds_for_exec")
int BPF_PROG(deny_exec, struct linux_binprm *binary, int refused)
{
	if (!asked)
		asked = 1;
	if (refused)
		return refused;
	struct found found = find_containment(CONTAIN_DENY_EXEC, bpf_get_current_ancestor_cgroup_id);
	if (!found.containment)
		return 0;
	report_stopped_exec(&found, bpf_get_current_task_btf());
	return -EPERM;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
