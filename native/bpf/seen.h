/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a slot has done before, as keyed fingerprints: what is in the set is silent. A fingerprint has two buckets of
 * eight places, each one cache line; the second is looked at only where the first is full, so that what is known costs
 * one line. User space sets the key, so that nobody can compute a name that collides with a known one.
 */
#ifndef PICKET_SEEN_H
#define PICKET_SEEN_H

#include "emit.h"

#define SEEN_BUCKETS (SEEN_KEYS / SEEN_WAYS)
#define KEY_STEP 0x9e3779b97f4a7c15ull /* 2^64 divided by the golden ratio: keys of classes lie far apart */

const volatile __u64 seen_key = 0;

/* Finalizer of MurmurHash3 by A. Appleby: every bit of the value changes every other with a chance near a half. */
static __always_inline __u64 mixed(__u64 value)
{
	value ^= value >> 33;
	value *= 0xff51afd7ed558ccdull;
	value ^= value >> 33;
	value *= 0xc4ceb9fe1a85ec53ull;
	return value ^ value >> 33;
}

/* Fingerprint of a fact of a class: enum novel, or a class of seen.h. Numbers below SEEN_FIRST_KEY are capabilities. */
static __always_inline __u64 key_of(__u32 class, __u64 first, __u64 second)
{
	__u64 key = mixed(mixed((seen_key + class * KEY_STEP) ^ first) + second);

	return key < SEEN_FIRST_KEY ? key + SEEN_FIRST_KEY : key;
}

/* Which of the reserves of records a file has: keyed, so that nobody can choose one that shares it with another. */
static __always_inline __u32 thing_of(struct file *file)
{
	return FILE_THING(mixed(seen_key ^ BPF_CORE_READ(file, f_inode, i_ino)));
}

/* Of the places; SEEN_BUCKETS is a power of two. */
static __always_inline __u32 first_bucket(__u64 key)
{
	return (key >> 57 & (SEEN_BUCKETS - 1)) * SEEN_WAYS;
}

static __always_inline __u32 second_bucket(__u64 key)
{
	return (key >> 50 & (SEEN_BUCKETS - 1)) * SEEN_WAYS;
}

static __always_inline bool is_in(const __u64 *places, __u64 key)
{
#pragma unroll
	for (int i = 0; i < SEEN_WAYS; i++)
		if (places[i] == key)
			return true;
	return false;
}

static __always_inline bool is_known(const struct slot_profile *profile, __u64 key)
{
	const __u64 *places = &profile->seen[first_bucket(key)];

	/* Places are taken in order: one that is free is last. */
	return is_in(places, key) || (places[SEEN_WAYS - 1] && is_in(&profile->seen[second_bucket(key)], key));
}

enum remembered { REMEMBERED, WAS_KNOWN, NO_PLACE };

static __always_inline enum remembered remember_in(__u64 *places, __u64 key)
{
	for (int i = 0; i < SEEN_WAYS; i++) {
		__u64 before = __sync_val_compare_and_swap(&places[i], 0, key);
		if (before == 0)
			return REMEMBERED;
		if (before == key)
			return WAS_KNOWN;
	}
	return NO_PLACE;
}

/* Of several CPUs that see a fact at once, one remembers it and the others find it known. */
static __noinline int remember(struct slot_profile *profile, __u64 key)
{
	if (!profile)
		return NO_PLACE;
	enum remembered first = remember_in(&profile->seen[first_bucket(key)], key);
	return first == NO_PLACE ? remember_in(&profile->seen[second_bucket(key)], key) : first;
}

#endif
