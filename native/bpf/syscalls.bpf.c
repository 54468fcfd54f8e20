/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one program that runs at every system call. The end of a call has its number and its result, and costs the
 * same as the start; two hooks would cost nearly twice one.
 */
#include "failed.bpf.c"
#include "files.bpf.c"
#include "pairs.h"
#include "slot.h"

static __always_inline void count_call(struct slot_profile *profile, __u32 cpu, __u32 number)
{
	struct slot_counts *count = counts_at(profile, cpu);

	if (!count)
		return;
	__u32 now = count->calls[number] + 1;
	count->calls[number] = now;
	if (!now)
		__sync_fetch_and_add(&profile->wraps[number], 1);
}

/* Of two CPUs that make the first of a number at once, one finds the other's. */
static __always_inline void count_compat_number(__u32 slot, __u32 number)
{
	struct compat_key key = {.slot = slot, .number = number};
	__u64 first = 1, *count = bpf_map_lookup_elem(&compat_counts, &key);

	if (!count) {
		if (bpf_map_update_elem(&compat_counts, &key, &first, BPF_NOEXIST) == 0)
			return;
		count = bpf_map_lookup_elem(&compat_counts, &key);
	}
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		count_loss(slot, LOSS_COMPAT_FULL);
}

static __always_inline int count_compat(bool direct, struct task_state *state, struct pt_regs *regs, long result)
{
	struct slot_profile *profile = profile_of(state->slot);
	int number = CALL_NUMBER(regs);

	if (!profile)
		return 0;
	__u32 cpu = bpf_get_smp_processor_id();
	count_call(profile, cpu, CALL_COMPAT);
	count_compat_number(state->slot, number);
	note_pair(state, profile, cpu, CALL_COMPAT);
	if (result < 0)
		return compat_open_failed(state, regs, result, number);
	if (number == COMPAT_BIND)
		return note_datagrams_port(state, COMPAT_FIRST_ARGUMENT(regs));
	if (number == COMPAT_OPEN)
		return opened(direct, state, profile, result, SECOND_ARGUMENT(regs));
	if (number == COMPAT_OPENAT)
		return opened(direct, state, profile, result, THIRD_ARGUMENT(regs));
	if (number == COMPAT_CREAT || number == COMPAT_OPENAT2)
		return opened(direct, state, profile, result, FLAGS_OF_FILE);
	return 0;
}

static __always_inline bool is_fork(int number)
{
	return number == CALL_CLONE || number == CALL_FORK || number == CALL_VFORK || number == CALL_CLONE3;
}

static __always_inline int look_closer(bool direct, struct task_state *state, struct slot_profile *profile,
				       struct pt_regs *regs, long result, int number)
{
	if (!state || !profile || !regs)
		return 0;
	__u32 action = actions[number & (SYSCALL_NUMBERS - 1)];
	if (action != LOOK_CLOSER)
		return look_at_action(state, regs, result, action, false);
	if (result < 0)
		return open_failed(state, regs, result, number);
	if (number == CALL_BIND)
		return note_datagrams_port(state, FIRST_ARGUMENT(regs));
	if (number == CALL_OPENAT)
		return opened(direct, state, profile, result, THIRD_ARGUMENT(regs));
	if (number == CALL_OPEN)
		return opened(direct, state, profile, result, SECOND_ARGUMENT(regs));
	if (number == CALL_OPENAT2 || number == CALL_CREAT)
		return opened(direct, state, profile, result, FLAGS_OF_FILE);
	return 0;
}

static __noinline int look_directly(struct task_state *state, struct slot_profile *profile, struct pt_regs *regs, long result,
				  int number)
{
	return look_closer(true, state, profile, regs, result, number);
}

static __noinline int look_by_helpers(struct task_state *state, struct slot_profile *profile, struct pt_regs *regs, long result,
				  int number)
{
	return look_closer(false, state, profile, regs, result, number);
}

/* Every instruction here is paid for by every call: what only some numbers need is behind `actions`. */
static __always_inline int returned(bool direct, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = state_of_current(task);

	if (!state)
		return 0;
	int number = CALL_NUMBER(regs);
	if (IS_COMPAT(task)) {
		__u32 compat = number & (SYSCALL_NUMBERS - 1);
		if (compat_actions[compat] && number == (int)compat)
			look_at_action(state, regs, result, compat_actions[compat], true);
		return count_compat(direct, state, regs, result);
	}
	if (number == CALL_NONE)
		number = CALL_RT_SIGRETURN;
	__u32 index = number;
	if (index >= CALL_UNKNOWN)
		index = CALL_UNKNOWN;
	if (!direct)
		barrier_var(index); /* see path_step; a newer kernel, which has the direct form, needs no mask here */
	index &= SYSCALL_NUMBERS - 1; /* which the verifier has forgotten where it is used */
	__u32 action = actions[index];
	/* In the child, whose first return it is; the parent's is the one counted. What the child does next follows it. */
	if (action && result == 0 && is_fork(number)) {
		state->pair = PAIR_AFTER(state->slot, index);
		return 0;
	}
	struct slot_profile *profile = profile_of(state->slot);
	if (!profile)
		return 0;
	__u32 cpu = bpf_get_smp_processor_id();
	count_call(profile, cpu, index);
	note_pair(state, profile, cpu, index);
	if (!action)
		return 0;
	return direct ? look_directly(state, profile, regs, result, index) :
			look_by_helpers(state, profile, regs, result, index);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_returned, struct pt_regs *regs, long result)
{
	return returned(true, regs, result);
}

/* Instead of the other where the kernel has no bpf_rdonly_cast. */
SEC("tp_btf/sys_exit")
int BPF_PROG(call_returned_by_helpers, struct pt_regs *regs, long result)
{
	return returned(false, regs, result);
}
