/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who a process is and what it may do: ids and capabilities. */
#include "calls.h"
#include "deed.h"

static __always_inline void tell_ids(struct deed *deed, const struct ids *before, const struct ids *now)
{
	deed->args[0] = before->euid | (__u64)before->uid << 32;
	deed->args[1] = now->euid | (__u64)now->uid << 32;
	deed->args[2] = before->egid | (__u64)before->gid << 32;
	deed->args[3] = now->egid | (__u64)now->gid << 32;
}

static __always_inline bool ids_differ(const struct ids *a, const struct ids *b)
{
	return a->uid != b->uid || a->euid != b->euid || a->gid != b->gid || a->egid != b->egid;
}

__noinline int look_at_ids(struct task_state *state, struct deed *deed)
{
	struct ids now;

	if (!state || !deed)
		return false;
	if (deed->result)
		return was_refused(deed);
	read_ids(&now, bpf_get_current_task_btf());
	bool differ = ids_differ(&state->ids, &now);
	tell_ids(deed, &state->ids, &now);
	state->ids = now;
	return differ;
}

static __always_inline void tell_capabilities(struct deed *deed, __u64 before, __u64 now)
{
	deed->args[0] = before;
	deed->args[1] = now;
	bpf_probe_read_kernel(&deed->args[2], sizeof(deed->args[2]),
			      &BPF_CORE_READ(bpf_get_current_task_btf(), cred)->cap_permitted);
	deed->args[3] = 0;
}

__noinline int look_at_capabilities(struct task_state *state, struct deed *deed)
{
	struct ids now;

	if (!state || !deed)
		return false;
	if (deed->result) {
		deed->args[0] = deed->args[1] = deed->args[2] = 0; /* addresses */
		return was_refused(deed);
	}
	read_ids(&now, bpf_get_current_task_btf());
	__u64 before = state->ids.effective;
	state->ids = now;
	tell_capabilities(deed, before, now.effective);
	return before != now.effective;
}

/* Whether the executable may have given the ids. What binfmt_misc starts for another file may take them from that one;
 * and of 32-bit ARM the calls that change ids are not looked at. */
static __always_inline bool gives(struct linux_binprm *binary, const struct ids *before, const struct ids *now)
{
	__u32 mode = BPF_CORE_READ(binary, file, f_inode, i_mode);

	if (!SEES_COMPAT_IDS || binary->interp != binary->filename)
		return true;
	if ((before->uid != now->uid || before->euid != now->euid) && !(mode & S_ISUID))
		return false;
	return (before->gid == now->gid && before->egid == now->egid) || (mode & S_ISGID);
}

/* An executable that gives its starter other ids. Also where the memory of what was told once ends. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(ids_by_exec, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
	struct task_state *state = current_state();
	struct ids now;

	if (!state)
		return 0;
	state->seen = 0;
	state->seen_uring = 0;
	read_ids(&now, task);
	if (ids_differ(&state->ids, &now)) {
		struct deed deed = {.action = ACTION_EXEC_ID, .number = ACTION_NO_CALL};
		if (!gives(binary, &state->ids, &now))
			deed.action = ACTION_STOLEN_ID;
		tell_ids(&deed, &state->ids, &now);
		tell_path(&deed, BPF_CORE_READ(binary, file));
		tell(state, &deed);
	} else if (now.euid && (now.effective & ~state->ids.effective)) {
		struct deed deed = {.action = ACTION_EXEC_CAPS, .number = ACTION_NO_CALL};
		tell_capabilities(&deed, state->ids.effective, now.effective);
		tell_path(&deed, BPF_CORE_READ(binary, file));
		tell(state, &deed);
	}
	state->ids = now;
	return 0;
}
