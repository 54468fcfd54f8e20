/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is contained, and the record of what was stopped: for all objects of containment, which share the pinned maps. */
#ifndef PICKET_CONTAINMENT_H
#define PICKET_CONTAINMENT_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "../records.h"

#define CONTAINMENTS 1024   /* a node runs at most a few hundred containers */
#define DENIALS_BYTES 65536 /* at most three records a second per container */
#define CGROUP_DEPTH 16     /* level of a container's own cgroup below the root; kubelet's deepest is 6 */
#define REPORT_EVERY 1000000000ull /* ns */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONTAINMENTS);
	__type(key, __u64);
	__type(value, struct containment);
} containments SEC(".maps");

struct contain_settings {
	__u32 active; /* containments that kill on exec */
	__u32 agent;  /* its process, 0 where a build before this one wrote it */
	__u64 build;  /* which objects the pinned programs are from */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct contain_settings);
} settings SEC(".maps");

struct denied_key {
	__u64 cgroup;
	__u64 what;
};

/* When a denial of this kind was last reported, CLOCK_BOOTTIME ns. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONTAINMENTS * 3);
	__type(key, struct denied_key);
	__type(value, __u64);
} reported SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, DENIALS_BYTES);
} denials SEC(".maps");

struct found {
	struct containment *containment;
	__u64 cgroup;
};

static __always_inline bool applies(const struct containment *containment, __u32 flag)
{
	return containment && (containment->flags & flag) && bpf_ktime_get_boot_ns() < containment->until;
}

/* The containment with `flag` of the cgroup that ancestor_of(level) names at any level. */
#define find_containment(flag, ancestor_of)                                                                            \
	({                                                                                                             \
		struct found found_ = {};                                                                              \
		for (int level_ = 1; level_ <= CGROUP_DEPTH; level_++) {                                               \
			__u64 id_ = ancestor_of(level_);                                                               \
			if (!id_)                                                                                      \
				break;                                                                                 \
			struct containment *at_ = bpf_map_lookup_elem(&containments, &id_);                            \
			if (applies(at_, flag)) {                                                                      \
				found_.containment = at_;                                                              \
				found_.cgroup = id_;                                                                   \
				break;                                                                                 \
			}                                                                                              \
		}                                                                                                      \
		found_;                                                                                                \
	})

/* A record for the first denial of a kind in a second. The counters of the containment have them all. */
static __always_inline struct denied_record *begin_report(__u64 cgroup, __u32 what)
{
	struct denied_key key = {.cgroup = cgroup, .what = what};
	__u64 now = bpf_ktime_get_boot_ns(), *last = bpf_map_lookup_elem(&reported, &key);

	if (last && now - *last < REPORT_EVERY)
		return NULL;
	struct denied_record *record = bpf_ringbuf_reserve(&denials, sizeof(*record), 0);
	if (!record)
		return NULL;
	bpf_map_update_elem(&reported, &key, &now, BPF_ANY);
	__builtin_memset(record, 0, sizeof(*record));
	record->header.kind = RECORD_DENIED;
	record->header.size = sizeof(*record);
	record->header.slot = SLOT_NONE; /* slots belong to the probe, which may not be there */
	record->header.cpu = bpf_get_smp_processor_id();
	record->header.time = now;
	record->header.cgroup = cgroup;
	record->what = what;
	return record;
}

/* A child of the agent's own tries from inside whether the containment holds: no deed of the workload's. */
static __always_inline bool is_agents_try(struct task_struct *task)
{
	__u32 zero = 0;
	struct contain_settings *set = bpf_map_lookup_elem(&settings, &zero);

	return set && set->agent && task->real_parent->tgid == (int)set->agent;
}

/* The program that `task` asked for is stopped; the task's own numbers, as nothing of the new image has run. */
static __always_inline void report_stopped_exec(const struct found *found, struct task_struct *task)
{
	struct denied_record *record;

	if (is_agents_try(task))
		return;
	__sync_fetch_and_add(&found->containment->execs, 1);
	record = begin_report(found->cgroup, DENIED_EXEC);
	if (!record)
		return;
	record->header.start = task->group_leader->start_boottime;
	record->header.parent_start = task->real_parent->group_leader->start_boottime;
	record->header.pid = task->tgid;
	record->header.tid = task->pid;
	record->header.uid = task->cred->uid.val;
	record->header.parent_pid = task->real_parent->tgid;
	bpf_ringbuf_submit(record, 0);
}

#endif
