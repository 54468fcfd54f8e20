/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which slot a cgroup has, and giving out slots. */
#ifndef PICKET_SLOT_H
#define PICKET_SLOT_H

#include "emit.h"

#define CGROUP_NAME_BYTES 256 /* NAME_MAX and NUL */
#define CGROUP_DEPTH 16       /* of the tree: kubelet's deepest is 6; what is deeper is looked for below the 16th */
#define CONTAINER_ID_DIGITS 64
#define RUN_SEEN 0x10000

enum cgroup_class { CLASS_PLAIN, CLASS_SERVICE, CLASS_CONTAINER };

/* 1 for the characters of a container id. A table, because a branch per character is a state per character. */
static const __u8 hex_digit[256] = {
	['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1,
	['8'] = 1, ['9'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
};

/* A runtime's monitor process has the container's id in its name but is not the container. */
static __always_inline bool is_monitor(const char *name)
{
	return __builtin_memcmp(name, "crio-conmon-", 12) == 0 || __builtin_memcmp(name, "libpod-conmon-", 14) == 0;
}

#define NAME_SPAN 32
#define SPAN_READ 20 /* above RUN_SEEN: how many characters were read */

/* How long a run of digits is after the next NAME_SPAN characters of a name, or those up to its end; RUN_SEEN when it was
 * 64 on the way; and how many characters they were. A whole name has no room on a stack that eight functions share. */
__noinline int run_after_span(__u64 address, __u32 run)
{
	__u8 text[NAME_SPAN + 8] = {};
	long read = bpf_probe_read_kernel_str(text, NAME_SPAN + 1, (void *)address) - 1;
	__u32 seen = 0;

#pragma clang loop unroll(disable) /* else all characters are loaded first, to the stack */
	for (int i = 0; i < NAME_SPAN; i++) {
		run = ((run & 0xff) + 1) * hex_digit[text[i]];
		seen |= run; /* a run that reaches 64 passes through 64 */
	}
	return run | (seen & CONTAINER_ID_DIGITS ? RUN_SEEN : 0) | (read > 0 ? (__u32)read << SPAN_READ : 0);
}

/* Not static, so that it is verified once per program and not once per ancestor; so it takes a plain number. */
__noinline int class_of(__u64 name_address)
{
	const char *from = (const char *)name_address;
	char beginning[16] = {}, ending[8] = {};
	__u32 length = 0, run = 0, seen = 0;

	for (int i = 0; i < CGROUP_NAME_BYTES / NAME_SPAN; i++) {
		run = run_after_span(name_address + length, run);
		seen |= run;
		length += run >> SPAN_READ;
		if (run >> SPAN_READ < NAME_SPAN)
			break;
	}
	bpf_probe_read_kernel_str(beginning, sizeof(beginning), from);
	if (length > sizeof(ending))
		bpf_probe_read_kernel(ending, sizeof(ending), from + length - sizeof(ending));
	bool slice = __builtin_memcmp(ending + 2, ".slice", 6) == 0; /* podman names the slice of a pod after the pod's id */
	if (seen & RUN_SEEN && !slice && !is_monitor(beginning))
		return CLASS_CONTAINER;
	return __builtin_memcmp(ending, ".service", sizeof(ending)) == 0 ? CLASS_SERVICE : CLASS_PLAIN;
}

#define ROOT_ID 1 /* of a hierarchy's own root */

/* Of cgroup v1, the memory controller's: every runtime uses it, and each process is in one of its cgroups. */
static __always_inline struct cgroup *cgroup_of(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup_subsys_state *state = NULL;

	if (!cgroup_hierarchy)
		return BPF_CORE_READ(set, dfl_cgrp);
	void *states = (void *)set + bpf_core_field_offset(struct css_set, subsys);
	__u64 at = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) * sizeof(state);
	bpf_probe_read_kernel(&state, sizeof(state), states + at);
	return BPF_CORE_READ(state, cgroup);
}

/* A socket knows its cgroup2 only, whose id may be another cgroup's in v1: NULL, which is the host. */
static __always_inline struct cgroup *cgroup_of_socket(const struct sock *sk)
{
	return cgroup_hierarchy ? NULL : BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
}

/* All hierarchies of v1 fire too; cgroup2's is always the first that the kernel sets up. */
static __always_inline bool is_ours(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, root, hierarchy_id) == (int)cgroup_hierarchy;
}

struct owner_walk {
	struct cgroup *cgroup;
	__u64 service, container;
	__u64 inside;
};

/* One cgroup up; false at the end. */
__noinline int owner_step(struct owner_walk *walk)
{
	struct cgroup *cgroup = walk ? walk->cgroup : NULL;

	if (!cgroup)
		return false;
	__u64 id = BPF_CORE_READ(cgroup, kn, id);
	if (id == cgroup_root) {
		walk->inside = true;
		return false;
	}
	int class = class_of((__u64)BPF_CORE_READ(cgroup, kn, name));
	if (class == CLASS_CONTAINER)
		walk->container = id;
	else if (class == CLASS_SERVICE)
		walk->service = id;
	struct cgroup_subsys_state *parent = BPF_CORE_READ(cgroup, self.parent);
	walk->cgroup = parent ? BPF_CORE_READ(parent, cgroup) : NULL;
	return true;
}

/* The container that the cgroup is in: the outermost, as a container may make cgroups of any name inside itself.
 * Without one, the outermost systemd service. 0: neither. A container below a service is a container: rootless
 * podman's are below user@UID.service. Where the node is itself a container (kind), its root is cgroup_root. */
__noinline __u64 find_owner(__u64 cgroup_address)
{
	struct owner_walk walk = {.cgroup = (struct cgroup *)cgroup_address, .inside = cgroup_root == ROOT_ID};

	for (int depth = 0; depth < CGROUP_DEPTH; depth++)
		if (!owner_step(&walk))
			break;
	if (!walk.inside)
		return 0;
	return walk.container ? walk.container : walk.service;
}

/* In the place of a path: it is made just now, below another root than ours, from which its path does not begin. */
#define PATH_ELSEWHERE 1

static __always_inline void report_cgroup(__u32 event, __u64 owner, __u32 slot, const char *path)
{
	struct cgroup_record *record =
		reserve_record(&urgent, RECORD_CGROUP, struct cgroup_record, 0, slot, owner, LOSS_URGENT_FULL);

	if (!record)
		return;
	fill_process(&record->header);
	record->event = event;
	if ((__u64)path == PATH_ELSEWHERE) {
		record->event = CGROUP_BEGUN;
	} else if (path) {
		long length = bpf_probe_read_kernel_str(record->path, sizeof(record->path), path);
		if (length > 1 && length < CGROUP_PATH_BYTES) /* a longer one is cut: looked up by id */
			record->path_bytes = length;
		else
			record->path[0] = 0;
	}
	bpf_ringbuf_submit(record, 0);
}

/* A slot for a container that has none yet. Of several CPUs that see it at once one wins, the others give their
 * slot back and take the winner's. */
static __noinline __u32 give_slot(__u64 owner, const char *path)
{
	__u32 slot = SLOT_NONE;

	if (bpf_map_pop_elem(&free_slots, &slot)) {
		count_loss(SLOT_NONE, LOSS_NO_SLOT);
		return SLOT_NONE;
	}
	__sync_fetch_and_add(&slots_given, 1);
	if (bpf_map_update_elem(&owners, &owner, &slot, BPF_NOEXIST) == 0) {
		report_cgroup(CGROUP_MADE, owner, slot, path);
		return slot;
	}
	bpf_map_push_elem(&free_slots, &slot, 0);
	__sync_fetch_and_sub(&slots_given, 1);
	__u32 *winner = bpf_map_lookup_elem(&owners, &owner);
	if (winner)
		return *winner;
	count_loss(SLOT_NONE, LOSS_NO_SLOT);
	return SLOT_NONE;
}

/* Only for a cgroup that has a living task or is being made: a removed one must not be given a slot again. */
__noinline int find_slot(__u64 cgroup_address, __u64 path, struct cached_slot *result)
{
	struct cgroup *cgroup = (struct cgroup *)cgroup_address;
	__u64 id = BPF_CORE_READ(cgroup, kn, id);
	struct cached_slot *cached = bpf_map_lookup_elem(&cached_slots, &id);

	if (!result)
		return 0;
	if (cached) {
		*result = *cached;
		return 0;
	}
	__u64 owner = find_owner(cgroup_address);
	/* On the stack: before Linux 6.2 a map takes no memory that a function was given. */
	struct cached_slot found = {.owner = owner ? owner : id, .slot = SLOT_HOST};
	if (owner) {
		__u32 *known = bpf_map_lookup_elem(&owners, &owner);
		found.slot = known ? *known : give_slot(owner, owner == id ? (const char *)path : NULL);
	}
	if (found.slot != SLOT_NONE) /* without a slot: tried again, one may have become free */
		bpf_map_update_elem(&cached_slots, &id, &found, BPF_ANY);
	*result = found;
	return 0;
}

__noinline int resolve_task(struct task_state *state)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cached_slot found = {};
	__u32 now = generation; /* before the look: a change in between is looked up again */

	if (!state)
		return 0;
	find_slot((__u64)cgroup_of(task), 0, &found);
	if (!state->generation)
		read_ids(&state->ids, task);
	if (state->owner != found.owner || state->slot != found.slot)
		state->pair = 0; /* a pair across two containers is neither's */
	state->slot = found.slot;
	state->owner = found.owner;
	if (task->tgid == (int)self_pid)
		state->flags |= TASK_SELF;
	state->generation = now;
	return 0;
}

/* State of the current task, which is `task`, with its slot, or NULL: picket's own, or no memory, which is counted. */
static __always_inline struct task_state *state_of_current(struct task_struct *task)
{
	struct task_state *state = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!state) {
		count_loss(SLOT_NONE, LOSS_NO_STORAGE);
		return NULL;
	}
	if (state->generation != generation)
		resolve_task(state);
	return state->flags & TASK_SELF ? NULL : state;
}

static __always_inline struct task_state *current_state(void)
{
	return state_of_current(bpf_get_current_task_btf());
}

#endif
