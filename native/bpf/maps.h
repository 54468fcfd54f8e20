/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Settings, maps and values that the subjects share. Sizes marked 1 are set by the addon before loading. */
#ifndef PICKET_MAPS_H
#define PICKET_MAPS_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "../profile.h"

/* Cgroups below containers and of the host, whose slot was looked up once. More are looked up again by a walk. */
#define CACHED_CGROUPS 8192
#define WATCHED_NAMES 256
/* Distinct (slot, number) of calls with 32-bit numbering. Few containers make any; more are counted LOSS_COMPAT_FULL. */
#define COMPAT_COUNTS 4096

/* settings */
const volatile __u32 self_pid = 0;
const volatile __u32 cgroup_hierarchy = 0; /* that containers are known by: v1's of the memory controller, or 0: cgroup2 */
const volatile __u64 cgroup_root = 1;      /* id of the cgroup that containers are below; what is above is the host's */
const volatile __u64 watched_file_lengths = 0; /* bit n: a watched file name has n bytes */
const volatile __u64 watched_folder_lengths = 0;
const volatile __u64 watched_heads[2][HEAD_WORDS] = {}; /* of files, of folders: see HEAD_BIT */
const volatile __u64 record_interval = 1000000;     /* ns that one record of a slot and kind uses up */
const volatile __u64 record_burst_time = 1000000000; /* ns that may be used up ahead: interval times burst */

const volatile __u32 cpus = 1;                      /* more than the highest number of one */
const volatile __u8 call_ids[SYSCALL_NUMBERS] = {};  /* what a call is in pairs; never 0 */

/* Raised whenever a task may have changed its slot or a slot was freed: every task and UDP socket then looks its own up again.
 * Never 0. */
__u32 generation = 1;
/* Raised by user space whenever bits of pairs were cleared: what is cached as known is tested again. */
__u32 epoch = 1;
/* Slots that are given out: user space makes memory for more in time. */
__u32 slots_given = 0;

#define TASK_SELF (1u << 0)     /* picket's own: nothing of it is counted or reported */
#define TASK_EXECUTED (1u << 1) /* executed something since the probe was loaded */

struct ids {
	__u32 uid, euid, gid, egid;
	__u64 effective; /* capabilities */
};

/* Of a process, in the state of its leader: what is told once of each image, and that anything was. */
#define SEEN_WRITE_EXEC (1u << 0)
#define SEEN_MAKE_EXEC (1u << 1)
#define SEEN_CHMOD_EXEC (1u << 2)
#define SEEN_TOLD (1u << 3) /* a record of it was sent: its end is told, too */

struct task_state {
	__u32 slot;
	__u32 generation; /* of the lookup; 0: not looked up yet */
	__u32 flags;
	__u32 pair; /* the next pair of calls without its second call: see pairs.h; 0: the call before is not known */
	__u64 owner;   /* cgroup id of the container or service, or of the task's own cgroup where it has none */
	char comm[16]; /* before the last change of it */
	struct ids ids; /* before the last call that changes them */
	__u64 seen_uring; /* bit n: operation n was told */
	__u32 seen;
	__u32 pad2;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tasks SEC(".maps");

/* A profile and the counts of each CPU, back to back; its size depends on the machine and is set by the addon. */
struct slot_chunk {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CHUNK_SLOTS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct slot_profile));
};

/* Memory by live slot: user space adds a chunk before the free slots run out. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_CHUNKS);
	__type(key, __u32);
	__array(values, struct slot_chunk);
} slot_chunks SEC(".maps");

/* PAIR_LINES of each CPU, one CPU after the other. A plain array, as a mapped one is read without a system call. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pair_line);
} pair_lines SEC(".maps");

struct compat_key {
	__u32 slot;
	__u32 number;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, COMPAT_COUNTS);
	__type(key, struct compat_key);
	__type(value, __u64);
} compat_counts SEC(".maps");

struct loss_totals {
	__u64 lost[LOSS_REASONS];
};

/* Apart from the counts by slot, which start again at 0 when a slot is given back. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct loss_totals);
} totals SEC(".maps");

static __always_inline struct slot_profile *profile_of(__u32 slot)
{
	__u32 chunk = slot / CHUNK_SLOTS, place = slot % CHUNK_SLOTS;
	void *slots = bpf_map_lookup_elem(&slot_chunks, &chunk);

	return slots ? bpf_map_lookup_elem(slots, &place) : NULL;
}

static __always_inline struct slot_counts *counts_at(struct slot_profile *profile, __u32 cpu)
{
	__u64 at = cpu;

	barrier_var(at); /* else, here and below, another register is bounded than is used: Linux 6.1 does not see through that */
	if (at >= cpus)
		return NULL;
	barrier_var(at);
	return (struct slot_counts *)(profile + 1) + at;
}

static __always_inline struct slot_counts *counts_of(__u32 slot)
{
	struct slot_profile *profile = profile_of(slot);

	return profile ? counts_at(profile, bpf_get_smp_processor_id()) : NULL;
}

/* Slots that no container has; filled by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} free_slots SEC(".maps");

/* Containers and services: cgroup id to slot. An entry stays after the cgroup is gone, until its slot is freed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u32);
} owners SEC(".maps");

struct cached_slot {
	__u64 owner;
	__u32 slot;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CACHED_CGROUPS);
	__type(key, __u64);
	__type(value, struct cached_slot);
} cached_slots SEC(".maps");

struct watched_name {
	char name[FILE_NAME_BYTES];
	__u32 folder; /* 0: the file's own name, 1: its folder's */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WATCHED_NAMES);
	__type(key, struct watched_name);
	__type(value, __u8); /* WATCHED_ALWAYS, or WATCHED_WRITES: opens that only read are not told */
} watched_names SEC(".maps");

/* Two, so that user space reads and empties one while programs write the other: a counter that is deleted under
 * a program's hands would be lost, or, as entries are used again, land on another flow. */
struct flow_counts {
	__u64 cgroup;
	__u64 opened;
	__u64 attempts;
	__u64 failures;
	__u64 first;
	__u64 last;
	__u64 bytes_in;
	__u64 bytes_out;
	__u64 segments_in;
	__u64 segments_out;
	__u64 reported; /* its record was reserved */
};

struct flow_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key);
	__type(value, struct flow_counts);
} flows_even SEC(".maps"), flows_odd SEC(".maps");

__u32 flow_turn = 0; /* of the map that programs write */

/* A TCP socket between its connect or accept and its close. The kernel frees it with the socket and charges it to the
 * socket's own memory (net.core.optmem_max), so there are no more of them than sockets. */
struct tcp_flow {
	struct flow_key flow;
	__u64 cgroup;
	__u64 bytes_in; /* told so far, as the socket counts */
	__u64 bytes_out;
	__u32 segments_in; /* wrap as the socket's do */
	__u32 segments_out;
	__u32 connecting; /* what comes next happens in the interrupt that took the answer, where the current task is any */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tcp_flow);
} tcp_flows SEC(".maps");

/* Woken: what a detection may stand on. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1);
} urgent SEC(".maps");

/* Read on a timer; a wake-up costs the sender more than a microsecond. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1);
} bulk SEC(".maps");

#endif
