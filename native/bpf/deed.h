/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One action on its way to a record, and the record. What is told comes from registers and kernel objects; the few
 * texts that only the caller's memory has are marked as claimed.
 */
#ifndef PICKET_DEED_H
#define PICKET_DEED_H

#include "actions.h"
#include "path.h"
#include "slot.h"

#define EPERM 1
#define EACCES 13

/* One action on its way to a record: addresses are of the kernel's memory, but for those that are claimed. */
struct deed {
	__u64 args[4];
	__s64 result;
	__u32 action, number, flags;
	__u32 form; /* see actions.h */
	__u32 once; /* bit of task_state.seen: told once of each process image */
	__u32 pad;
	struct vfsmount *mnt;
	struct dentry *dentry;
	struct task_struct *target;
	const void *name, *claimed_name, *claimed_path;
	const void *copied_path; /* the kernel's copy of what was claimed */
};

static __always_inline bool was_refused(const struct deed *deed)
{
	return deed->result == -EPERM || deed->result == -EACCES;
}

static __always_inline bool was_done_or_refused(const struct deed *deed)
{
	return deed->result >= 0 || was_refused(deed);
}

/* ---- kernel objects ---- */

/* What the descriptor stands for now; another thread may have put something else in its place since the call. */
__noinline __u64 file_of(__u32 descriptor)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL, **files = BPF_CORE_READ(table, fd);

	if (descriptor < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), &files[descriptor]);
	return (__u64)file;
}

static __always_inline struct socket *socket_of(__u32 descriptor)
{
	struct file *file = (struct file *)file_of(descriptor);

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	return BPF_CORE_READ(file, private_data);
}

static __always_inline void tell_path(struct deed *deed, struct file *file)
{
	deed->mnt = BPF_CORE_READ(file, f_path.mnt);
	deed->dentry = BPF_CORE_READ(file, f_path.dentry);
}

static __always_inline void claim_path(struct deed *deed, __u64 address)
{
	deed->claimed_path = (const void *)address;
}

/* Whether what is told once of each process image was told: a bit of task_state.seen. `noted` is set. */
__noinline int was_told(struct task_state *state, __u32 bit, __u32 noted)
{
	struct task_state *process = state ? state_of_process(state) : NULL;

	if (!process)
		return 0;
	__u32 told = process->seen & bit;
	if (noted)
		process->seen |= noted;
	return told;
}

/* 0 for a process of which nothing was seen yet. */
static __always_inline __u32 slot_of(struct task_struct *task)
{
	struct cgroup *cgroup = cgroup_of(task);
	__u64 id = BPF_CORE_READ(cgroup, kn, id);
	struct cached_slot *cached = bpf_map_lookup_elem(&cached_slots, &id);

	if (cached)
		return cached->slot;
	__u32 *slot = bpf_map_lookup_elem(&owners, &id);
	return slot ? *slot : SLOT_NONE;
}

/* ---- the record ---- */

static __always_inline void write_texts(struct action_record *record, const struct deed *deed)
{
	if (deed->dentry) {
		struct written_path path = write_path(record->path, deed->mnt, deed->dentry);
		record->path_bytes = path.bytes;
		record->flags |= path.flags;
	} else if (deed->claimed_path) {
		long length = bpf_probe_read_user_str(record->path, PATH_BYTES, deed->claimed_path);
		record->path_bytes = length > 0 ? length : 0;
		record->flags |= PATH_CLAIMED;
	} else if (deed->copied_path) {
		long length = bpf_probe_read_kernel_str(record->path, PATH_BYTES, deed->copied_path);
		record->path_bytes = length > 0 ? length : 0;
		record->flags |= PATH_CLAIMED;
	}
	if (deed->name) {
		bpf_probe_read_kernel_str(record->name, sizeof(record->name), deed->name);
	} else if (deed->claimed_name) {
		bpf_probe_read_user_str(record->name, sizeof(record->name), deed->claimed_name);
		record->flags |= ACTION_CLAIMED;
	}
}

static __always_inline void write_target(struct action_record *record, struct task_struct *target)
{
	record->target_pid = BPF_CORE_READ(target, tgid);
	record->target_start = BPF_CORE_READ(target, group_leader, start_boottime);
	record->target_slot = slot_of(target);
}

/* Who looks for what he may open fails by the thousand: that takes no token of what was done. */
static __always_inline bool may_tell_deed(__u32 slot, __u32 action)
{
	if (action != ACTION_OPEN_FAILED)
		return may_send_of(slot, RECORD_ACTION, ACTION_THING(action));
	if (take_tokens(slot, BUCKET_OPEN_FAILED, OPEN_FAILED_TOKENS))
		return true;
	count_loss(slot, LOSS_OPENS_LATER);
	return false;
}

/* True when the record was reserved. Not static, so that it is verified once and not once per action. */
__noinline int tell(struct task_state *state, struct deed *deed)
{
	if (!state || !deed)
		return false;
	struct action_record *record = reserve_if(may_tell_deed(state->slot, deed->action), &urgent, RECORD_ACTION,
						  struct action_record, PATH_BYTES, state->slot, state->owner, LOSS_URGENT_FULL);
	if (!record)
		return false;
	fill_process(&record->header);
	write_exe(record->exe, bpf_get_current_task_btf());
	record->action = deed->action;
	record->number = deed->number;
	record->result = deed->result;
	__u8 told = told_args[deed->action & (ACTION_NUMBERS - 1)];
	for (int i = 0; i < 4; i++)
		record->args[i] = told & (1 << i) ? deed->args[i] : 0;
	record->flags = deed->flags;
	write_texts(record, deed);
	if (deed->target)
		write_target(record, deed->target);
	bpf_ringbuf_submit(record, 0);
	note_told(state);
	return true;
}

#endif
