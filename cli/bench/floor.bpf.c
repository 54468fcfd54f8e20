// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The cheapest program that counts what the agent counts of every call: exact counts by cgroup and number, and hashed
// pairs of calls by cgroup and thread, read by nobody while it runs. What the agent costs more is the agent's own.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define SLOTS 256     /* cgroups told apart, here the load's and those of what else runs; later ones share number 0 */
#define NUMBERS 512   /* of system calls */
#define PAIRS 4096    /* counters of pairs of one cgroup */

/* Relocated to the running kernel's. */
struct pt_regs {
#if defined(__TARGET_ARCH_x86)
	unsigned long orig_ax;
#define CALL_NUMBER(regs) ((regs)->orig_ax)
#else
	int syscallno;
#define CALL_NUMBER(regs) ((regs)->syscallno)
#endif
} __attribute__((preserve_access_index));

struct task {
	__u32 previous;
	__u32 slot; /* 0: not looked up yet */
};

struct counts {
	__u64 of[NUMBERS];
};

struct pairs {
	__u32 of[PAIRS];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLOTS);
	__type(key, __u64);
	__type(value, __u32);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct counts);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct pairs);
} pairs SEC(".maps");

__u32 given;

static __always_inline __u32 slot_of_cgroup(void)
{
	__u64 cgroup = bpf_get_current_cgroup_id();
	__u32 *known = bpf_map_lookup_elem(&slots, &cgroup);

	if (known)
		return *known;
	__u32 slot = __sync_fetch_and_add(&given, 1) + 1;

	/* Where another CPU was first, its number holds. */
	if (slot >= SLOTS || bpf_map_update_elem(&slots, &cgroup, &slot, BPF_NOEXIST)) {
		known = bpf_map_lookup_elem(&slots, &cgroup);
		return known ? *known : 0;
	}
	return slot;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(count_call, struct pt_regs *regs, long result)
{
	struct task *task = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0,
						 BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!task)
		return 0;
	if (!task->slot)
		task->slot = slot_of_cgroup();
	__u32 slot = task->slot, number = (__u32)CALL_NUMBER(regs) % NUMBERS;
	struct counts *count = bpf_map_lookup_elem(&counts, &slot);
	struct pairs *pair = bpf_map_lookup_elem(&pairs, &slot);

	if (count && pair) {
		count->of[number] += 1;
		pair->of[((task->previous * NUMBERS + number) * 2654435761u) >> 20] += 1;
	}
	task->previous = number;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
