/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Capabilities used: the kernel asked for one and it was granted. */
#include "novel.h"

#define CAPABILITIES 64 /* bits of a set; there are 41 */

/* Only the task's own: file systems and checks of access act under other credentials for a while. */
SEC("tp_btf/cap_capable")
int BPF_PROG(capability_used, const struct cred *cred, struct user_namespace *target,
	     const struct user_namespace *having, int capability, int result)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (result || (__u32)capability >= CAPABILITIES || cred != BPF_CORE_READ(task, real_cred))
		return 0;
	struct task_state *state = current_state();
	struct slot_profile *profile = state && state->slot != SLOT_NONE ? profile_of(state->slot) : NULL;
	if (!profile || profile->capabilities >> (capability & (CAPABILITIES - 1)) & 1)
		return 0;
	struct novelty novelty = {.key = capability + 1, .what = NOVEL_CAPABILITY, .value = capability};
	return tell_novelty(state, &novelty);
}
