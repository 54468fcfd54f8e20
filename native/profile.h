/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory of the slots and of the cache before it: written by the eBPF programs, mapped by the addon, so that both have
 * one definition. Nothing of it leaves the machine or outlives the probe: it has no version.
 */
#ifndef PICKET_PROFILE_H
#define PICKET_PROFILE_H

#include "records.h"

/* Slots whose memory is made at once; a power of two. Less is more map updates, each of which waits for all CPUs. */
#define CHUNK_SLOTS 64
#define MAX_SLOTS 4096 /* 12 bits in a pair, see bpf/pairs.h */
#define MAX_CHUNKS (MAX_SLOTS / CHUNK_SLOTS)
/* More than there are kinds of records; a power of two, so that a mask is proof enough for the verifier. */
#define BUCKET_KINDS 16
/* Of things that a record may be about beside the tokens of its kind: actions by number, then files by inode. */
#define RESERVES 128
#define RESERVE_NS 1000000000ull
#define ACTION_THING(action) ((action) & (RESERVES / 2 - 1))
#define FILE_THING(mixed) (RESERVES / 2 + ((mixed) & (RESERVES / 2 - 1)))
#define LOSS_ROOM 12  /* LOSS_REASONS or more; makes slot_counts whole cache lines */
#define SEEN_KEYS 1024
#define SEEN_WAYS 8   /* places of a bucket: one cache line */

enum slot_mode { SLOT_LEARN = 0, SLOT_GUARD = 1 };

struct bucket {
	__u64 used_until; /* CLOCK_BOOTTIME, ns; before now: the bucket is full */
	__u64 throttled;
};

/* What all CPUs share of a slot. All 0: a free one. */
struct slot_profile {
	__u32 life; /* raised as the slot is freed: what was counted before is not the next container's */
	__u32 mode; /* enum slot_mode */
	__u64 capabilities; /* bit n: capability n was used */
	__u64 pad[6];
	struct bucket buckets[BUCKET_KINDS];  /* by record_kind */
	__u64 reserves[RESERVES];             /* CLOCK_BOOTTIME, ns, until which one is used up */
	__u32 wraps[SYSCALL_NUMBERS];         /* times that a count of calls went from 2^32 - 1 to 0 */
	__u32 pairs[PAIR_BYTES / 4];          /* bit id(previous) * PAIR_IDS + id(current) */
	__u32 bigrams[BIGRAMS];               /* without what is still in pair_line */
	__u64 seen[SEEN_KEYS];                /* fingerprints of facts; 0: none */
};

/* What one CPU counted in a slot. 32 bits, as this is there for each slot on each CPU; of whole cache lines, so that no
 * two CPUs write to one. The slot's profile comes first, then one of these for each CPU. */
struct slot_counts {
	__u32 calls[SYSCALL_NUMBERS];
	__u32 forks, execs, exits;
	__u32 pad;
	__u32 lost[LOSS_ROOM];
};

/* One pair of calls on one CPU: how often it was made since it is here. */
struct pair_line {
	__u64 key; /* epoch << 32 | pair: see bpf/pairs.h */
	__u32 count;
	__u32 life; /* of the slot */
};

#define PAIR_LINES 4096 /* of a CPU: 64 KiB; a container in its stride makes some 50 to 300 pairs */
#define PAIR_KNOWN (1u << 31)
#define PAIR_SLOT(pair) ((pair) >> 18 & (MAX_SLOTS - 1))
#define BIGRAM_OF(pair) ((((pair) & 0x3ffff) * 2654435761u) >> 20)

/* How a name is watched: every opening, or those that may change the file. Other changes are told of both. */
#define WATCHED_ALWAYS 1
#define WATCHED_WRITES 2

/* A filter before the hash of watched names: 1024 bits by the first eight bytes of a name, those behind its end being 0. */
#define HEAD_WORDS 16
#define HEAD_BIT(head) ((__u32)((__u64)(head) * 0x9e3779b97f4a7c15ull >> 54))

#endif
