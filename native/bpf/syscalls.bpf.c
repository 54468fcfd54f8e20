/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one program that runs at every system call. The end of a call has its number and its result, and costs the
 * same as the start; two hooks would cost nearly twice one.
 */
#include "pairs.h"
#include "path.h"
#include "slot.h"
#include "watched.h"

/* The folder directly above, which for a mounted folder is named by where it is mounted. */
static __always_inline bool folder_is_watched(struct vfsmount *mnt, struct dentry *folder)
{
	struct qstr name = BPF_CORE_READ(folder, d_name);

	if (may_be(watched_folder_lengths, name.len) && is_watched(name.name, 1))
		return true;
	if (name.len != 1 || folder != BPF_CORE_READ(mnt, mnt_root))
		return false;
	struct mount *mount = mount_of(mnt);
	name = BPF_CORE_READ(mount, mnt_mountpoint, d_name);
	return may_be(watched_folder_lengths, name.len) && is_watched(name.name, 1);
}

static __noinline int report_open(struct task_state *state, struct file *file, __u32 flags)
{
	if (!state)
		return 0;
	struct open_record *record = reserve_record(&urgent, RECORD_OPEN, struct open_record, PATH_BYTES, state->slot,
						    state->owner, LOSS_URGENT_FULL);

	if (!record)
		return 0;
	fill_process(&record->header);
	struct written_path path =
		write_path(record->path, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
	record->flags = path.flags;
	record->path_bytes = path.bytes;
	record->open_flags = flags;
	write_exe(record->exe, bpf_get_current_task_btf());
	bpf_ringbuf_submit(record, 0);
	return 0;
}

#define FLAGS_OF_FILE (~0u) /* the call's flags are in the caller's memory: take what the kernel made of them */

/* The file behind the descriptor that the call has just returned. Every open pays for this, so it reads as little as
 * it can: five reads through a helper, the rest are loads. */
static __noinline int look_at_open(struct task_state *state, __u32 descriptor, __u32 flags)
{
	struct fdtable *table = bpf_get_current_task_btf()->files->fdt;
	struct file *file = NULL, **files = table->fd;
	struct path path;
	struct qstr name;

	if (descriptor >= table->max_fds)
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), &files[descriptor]);
	if (bpf_core_read(&path, sizeof(path), &file->f_path) || bpf_core_read(&name, sizeof(name), &path.dentry->d_name))
		return 0;
	if (!(may_be(watched_file_lengths, name.len) && is_watched(name.name, 0)) &&
	    !folder_is_watched(path.mnt, BPF_CORE_READ(path.dentry, d_parent)))
		return 0;
	return report_open(state, file, flags == FLAGS_OF_FILE ? BPF_CORE_READ(file, f_flags) : flags);
}

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

static __noinline int count_compat(struct task_state *state, int number, long result, __u32 second, __u32 third)
{
	struct slot_profile *profile = state ? profile_of(state->slot) : NULL;

	if (!profile)
		return 0;
	__u32 cpu = bpf_get_smp_processor_id();
	count_call(profile, cpu, CALL_COMPAT);
	count_compat_number(state->slot, number);
	note_pair(state, profile, cpu, CALL_COMPAT);
	if (result < 0)
		return 0;
	if (number == COMPAT_OPEN)
		look_at_open(state, result, second);
	else if (number == COMPAT_OPENAT)
		look_at_open(state, result, third);
	else if (number == COMPAT_CREAT || number == COMPAT_OPENAT2)
		look_at_open(state, result, FLAGS_OF_FILE);
	return 0;
}

static __always_inline bool is_fork(int number)
{
	return number == CALL_CLONE || number == CALL_FORK || number == CALL_VFORK || number == CALL_CLONE3;
}

static __noinline int look_closer(struct task_state *state, struct pt_regs *regs, long result, int number)
{
	if (!state || !regs)
		return 0;
	__u32 action = actions[number & (SYSCALL_NUMBERS - 1)];
	if (action != LOOK_CLOSER)
		return look_at_action(state, regs, result, action, false);
	if (result < 0)
		return 0;
	if (number == CALL_OPENAT)
		look_at_open(state, result, THIRD_ARGUMENT(regs));
	else if (number == CALL_OPEN)
		look_at_open(state, result, SECOND_ARGUMENT(regs));
	else if (number == CALL_OPENAT2 || number == CALL_CREAT)
		look_at_open(state, result, FLAGS_OF_FILE);
	return 0;
}

/* Every instruction here is paid for by every call: what only some numbers need is behind `actions`. */
SEC("tp_btf/sys_exit")
int BPF_PROG(call_returned, struct pt_regs *regs, long result)
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
		return count_compat(state, number, result, SECOND_ARGUMENT(regs), THIRD_ARGUMENT(regs));
	}
	if (number == CALL_NONE)
		number = CALL_RT_SIGRETURN;
	__u32 index = number;
	if (index >= CALL_UNKNOWN)
		index = CALL_UNKNOWN;
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
	return action ? look_closer(state, regs, result, index) : 0;
}
