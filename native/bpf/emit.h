/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one way a record leaves the kernel: reserve, zero, fill the header, submit; what has no room is counted. */
#ifndef PICKET_EMIT_H
#define PICKET_EMIT_H

#include "maps.h"

/* Not static, here and elsewhere: such a function is verified once in each program, whatever its callers know, and not
 * once for every state in which it is called. */
__noinline int count_loss(__u32 slot, __u32 reason)
{
	__u32 zero = 0;
	struct slot_counts *count = counts_of(slot);
	struct loss_totals *total = bpf_map_lookup_elem(&totals, &zero);

	if (reason >= LOSS_REASONS)
		return 0;
	/* Atomic although per CPU: an accept is reported in an interrupt, maybe of a program that counts a loss. */
	if (count)
		__sync_fetch_and_add(&count->lost[reason], 1);
	if (total)
		__sync_fetch_and_add(&total->lost[reason], 1);
	return 0;
}

#define TOKEN_TRIES 4 /* of a compare and swap; each failed one means that another CPU was given a token */

/* Whether the slot has tokens for one more record of the kind, so that a flood of one kind hides no other kind and no other
 * container. The token bucket as one number, the time until which it is used up (the generic cell rate algorithm of
 * ATM): a slot that was freed is 0, which is a full bucket, and refilling is the passing of time. After the last try
 * the token is taken without looking, which lets at most one record per CPU through too many and loses no token. */
__noinline int draw_tokens(__u32 slot, __u32 kind, __u32 tokens)
{
	struct slot_profile *profile = profile_of(slot);
	__u64 wanted = record_interval * tokens;

	if (!profile)
		return 1;
	struct bucket *bucket = &profile->buckets[kind & (BUCKET_KINDS - 1)];
	__u64 now = bpf_ktime_get_boot_ns();
	if (wanted > record_burst_time)
		wanted = record_burst_time; /* a burst is one record at least */
	for (int i = 0; i < TOKEN_TRIES; i++) {
		__u64 before = *(volatile __u64 *)&bucket->used_until;
		__u64 after = (before > now ? before : now) + wanted;
		if (after > now + record_burst_time)
			return 0;
		if (__sync_val_compare_and_swap(&bucket->used_until, before, after) == before)
			return 1;
	}
	__sync_fetch_and_add(&bucket->used_until, wanted);
	return 1;
}

__noinline int count_throttled(__u32 slot, __u32 kind)
{
	struct slot_profile *profile = profile_of(slot);

	if (profile)
		__sync_fetch_and_add(&profile->buckets[kind & (BUCKET_KINDS - 1)].throttled, 1);
	return 0;
}

static __always_inline int take_tokens(__u32 slot, __u32 kind, __u32 tokens)
{
	if (draw_tokens(slot, kind, tokens))
		return 1;
	count_throttled(slot, kind);
	return 0;
}

static __always_inline int take_token(__u32 slot, __u32 kind)
{
	return take_tokens(slot, kind, 1);
}

/* One record a second of each thing, when the tokens of its kind are used up: a flood of one action, file or program does
 * not hide another of its own container. Of two CPUs that come at once one has it. */
__noinline int take_reserve(__u32 slot, __u32 thing)
{
	struct slot_profile *profile = profile_of(slot);

	if (!profile)
		return 0;
	__u64 *used_until = &profile->reserves[thing & (RESERVES - 1)];
	__u64 now = bpf_ktime_get_boot_ns(), before = *(volatile __u64 *)used_until;
	return before <= now && __sync_val_compare_and_swap(used_until, before, now + RESERVE_NS) == before;
}

/* Whether a record may be sent; if not, the loss is counted. Slots come and go by RECORD_CGROUP, so that one is never
 * throttled. */
static __always_inline bool may_send(__u32 slot, __u32 kind)
{
	if (kind == RECORD_CGROUP || take_token(slot, kind))
		return true;
	count_loss(slot, LOSS_THROTTLED);
	return false;
}

/* The same of a record about one thing: ACTION_THING or FILE_THING. */
static __always_inline bool may_send_of(__u32 slot, __u32 kind, __u32 thing)
{
	if (draw_tokens(slot, kind, 1) || take_reserve(slot, thing))
		return true;
	count_throttled(slot, kind);
	count_loss(slot, LOSS_THROTTLED);
	return false;
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

/* Who did it: the current task, named by its thread group's leader. By helpers, which programs of every type may call;
 * and for each pointer loaded from a task the verifier looks through all types of the kernel for its name. */
__noinline int fill_process(struct record_header *header)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct task_struct *parent = BPF_CORE_READ(leader, real_parent);

	if (!header)
		return 0;
	header->start = BPF_CORE_READ(leader, start_boottime);
	header->pid = BPF_CORE_READ(task, tgid);
	header->tid = BPF_CORE_READ(task, pid);
	header->uid = BPF_CORE_READ(task, cred, uid.val);
	header->parent_pid = BPF_CORE_READ(parent, tgid);
	header->parent_start = BPF_CORE_READ(parent, group_leader, start_boottime);
	return 0;
}

/* State of the process: of its first thread, which may be gone. */
static __always_inline struct task_state *state_of_process(struct task_state *state)
{
	struct task_struct *leader = bpf_get_current_task_btf()->group_leader;
	struct task_state *found = leader ? bpf_task_storage_get(&tasks, leader, 0, 0) : NULL;

	return found ? found : state;
}

/* Whoever keeps what a process was lets it go at its end: that is told of each of which a record was sent. */
__noinline int note_told(struct task_state *state)
{
	struct task_state *process = state ? state_of_process(state) : NULL;

	if (process && !(process->seen & SEEN_TOLD))
		process->seen |= SEEN_TOLD;
	return 0;
}

static __always_inline void read_ids(struct ids *ids, struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);

	ids->uid = BPF_CORE_READ(cred, uid.val);
	ids->euid = BPF_CORE_READ(cred, euid.val);
	ids->gid = BPF_CORE_READ(cred, gid.val);
	ids->egid = BPF_CORE_READ(cred, egid.val);
	bpf_probe_read_kernel(&ids->effective, sizeof(ids->effective), &cred->cap_effective);
}

/* Memory for a record, all zero and with its header, or NULL with the loss counted. `room` is more than the record's
 * size where a path is written into it: see path.h. */
#define reserve_record(ring, kind, type, room, slot, cgroup, reason)                                                   \
	reserve_if(may_send(slot, kind), ring, kind, type, room, slot, cgroup, reason)

#define reserve_if(may, ring, kind, type, room, slot, cgroup, reason)                                                  \
	({                                                                                                             \
		type *record_ = NULL;                                                                                  \
		if (may) {                                                                                             \
			record_ = bpf_ringbuf_reserve(ring, sizeof(type) + (room), 0);                                 \
			if (record_) {                                                                                 \
				__builtin_memset(record_, 0, sizeof(type));                                            \
				fill_header(&record_->header, kind, sizeof(type), slot, cgroup);                       \
			} else {                                                                                       \
				count_loss(slot, reason);                                                              \
			}                                                                                              \
		}                                                                                                      \
		record_;                                                                                               \
	})

/* Sends a record that was written elsewhere, as its size was not known before; `size` is bounded by the caller. */
static __always_inline void send_copy(void *ring, struct record_header *header, __u32 size, __u32 reason)
{
	header->size = size;
	if (bpf_ringbuf_output(ring, header, size, 0))
		count_loss(header->slot, reason);
}

#endif
