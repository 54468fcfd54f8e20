/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Exec deny: a contained container's program is refused before anything of it is read, and who asked for it goes on with
 * EPERM. An object of its own, loaded and attached only while an order asks for it: a node where nobody is denied pays
 * nothing, and one whose kernel was started without BPF LSM loads nothing that it would refuse.
 */
#include "containment.h"

#define EPERM 1

/* Once for each execve, before the format is known (Linux 5.8); bprm_check_security runs for each interpreter again.
 * `refused`: what the program before this one said. */
SEC("lsm/bprm_creds_for_exec")
int BPF_PROG(deny_exec, struct linux_binprm *binary, int refused)
{
	if (refused)
		return refused;
	struct found found = find_containment(CONTAIN_DENY_EXEC, bpf_get_current_ancestor_cgroup_id);
	if (!found.containment)
		return 0;
	__sync_fetch_and_add(&found.containment->execs, 1);
	report_stopped_exec(&found, bpf_get_current_task_btf());
	return -EPERM;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
