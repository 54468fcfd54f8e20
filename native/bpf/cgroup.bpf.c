/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slots come and go with cgroups; a moved task looks its slot up again. */
#include "slot.h"

/* The slot is there before the first process of the container runs. */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_made, struct cgroup *cgroup, const char *path)
{
	struct cached_slot found = {};

	/* The path begins at the hierarchy's root: below another it is looked up by id. A function that is verified alone
	 * takes no pointer of the context; the cgroup's own to itself is the same as a number. */
	if (is_ours(cgroup))
		find_slot((__u64)BPF_CORE_READ(cgroup, self.cgroup),
			  cgroup_root == ROOT_ID ? (__u64)path : PATH_ELSEWHERE, &found);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_removed, struct cgroup *cgroup, const char *path)
{
	if (!is_ours(cgroup))
		return 0;
	__u64 id = BPF_CORE_READ(cgroup, kn, id);
	__u32 *slot = bpf_map_lookup_elem(&owners, &id);

	bpf_map_delete_elem(&cached_slots, &id);
	if (slot)
		report_cgroup(CGROUP_REMOVED, id, *slot, path);
	return 0;
}

/* With `threadgroup` only the leader is named here, so all tasks look again rather than one. */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_moved, struct cgroup *to)
{
	if (is_ours(to))
		__sync_fetch_and_add(&generation, 1);
	return 0;
}
