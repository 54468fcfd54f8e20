/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one way a record leaves the kernel: reserve, zero, fill the header, submit; what has no room is counted. */
#ifndef PICKET_EMIT_H
#define PICKET_EMIT_H

#include "maps.h"

static __always_inline void count_loss(__u32 slot, __u32 reason)
{
	__u32 zero = 0;
	struct slot_counts *count = bpf_map_lookup_elem(&counts, &slot);
	struct loss_totals *total = bpf_map_lookup_elem(&totals, &zero);

	if (reason >= LOSS_REASONS)
		return;
	if (count)
		count->lost[reason] += 1;
	if (total)
		total->lost[reason] += 1;
}

static __always_inline void fill_header(struct record_header *header, __u32 kind, __u32 size, __u32 slot, __u64 cgroup)
{
	header->kind = kind;
	header->size = size;
	header->slot = slot;
	header->cpu = bpf_get_smp_processor_id();
	header->time = bpf_ktime_get_boot_ns();
	header->cgroup = cgroup;
}

/* Who did it: the current task, named by its thread group's leader. */
static __always_inline void fill_process(struct record_header *header)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *leader = task->group_leader;
	struct task_struct *parent = leader->real_parent;

	header->start = leader->start_boottime;
	header->pid = task->tgid;
	header->tid = task->pid;
	header->uid = task->cred->uid.val;
	header->parent_pid = parent->tgid;
	header->parent_start = parent->group_leader->start_boottime;
}

static __always_inline void read_ids(struct ids *ids, struct task_struct *task)
{
	const struct cred *cred = task->cred;

	ids->uid = cred->uid.val;
	ids->euid = cred->euid.val;
	ids->gid = cred->gid.val;
	ids->egid = cred->egid.val;
	bpf_probe_read_kernel(&ids->effective, sizeof(ids->effective), &cred->cap_effective);
}

/* Memory for a record, all zero and with its header, or NULL with the loss counted. `room` is more than the
 * record's size where a path is written into it: see path.h. */
#define reserve_record(ring, kind, type, room, slot, cgroup, reason)                                                   \
	({                                                                                                             \
		type *record_ = bpf_ringbuf_reserve(ring, sizeof(type) + (room), 0);                                   \
		if (record_) {                                                                                         \
			__builtin_memset(record_, 0, sizeof(type));                                                    \
			fill_header(&record_->header, kind, sizeof(type), slot, cgroup);                               \
		} else {                                                                                               \
			count_loss(slot, reason);                                                                      \
		}                                                                                                      \
		record_;                                                                                               \
	})

#endif
