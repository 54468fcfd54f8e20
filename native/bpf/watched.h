/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of files and folders that are looked for. */
#ifndef PICKET_WATCHED_H
#define PICKET_WATCHED_H

#include "identity.h"

#define LENGTH_BITS 64

static __always_inline bool may_be(__u64 lengths, __u32 length)
{
	return length < FILE_NAME_BYTES && (lengths >> (length & (LENGTH_BITS - 1))) & 1;
}

/* The kernel has room for eight bytes of every name: it makes at least that much for the shortest. */
static __always_inline __u64 head_of(bool direct, const unsigned char *name)
{
	__u64 head = 0;

	if (direct && bpf_core_field_offset(struct qstr, hash_len) == 0)
		return FIELD(true, struct qstr, name, hash_len); /* the bytes of a name have no type; this begins with eight */
	bpf_probe_read_kernel(&head, sizeof(head), name);
	return head;
}

static __always_inline bool may_begin(bool direct, const unsigned char *name, __u32 folder)
{
	__u64 head = head_of(direct, name);
	__u64 ends = (head - 0x0101010101010101ull) & ~head & 0x8080808080808080ull; /* its lowest bit: the first NUL's */
	if (ends)
		head &= ((ends & -ends) >> 7) - 1;
	__u32 bit = HEAD_BIT(head);
	return watched_heads[folder & 1][bit / 64 & (HEAD_WORDS - 1)] >> (bit % 64) & 1;
}

static __noinline __u32 stands_in_map(const unsigned char *name, __u32 folder)
{
	struct watched_name key = {.folder = folder};

	bpf_probe_read_kernel_str(key.name, sizeof(key.name), name);
	__u8 *how = bpf_map_lookup_elem(&watched_names, &key);
	return how ? *how : 0;
}

/* Most names have the length of some watched one: a look at their first bytes costs a tenth of a look in the map.
 * WATCHED_ALWAYS, WATCHED_WRITES or 0. */
static __always_inline __u32 is_watched_directly(bool direct, const unsigned char *name, __u32 folder)
{
	return may_begin(direct, name, folder) ? stands_in_map(name, folder) : 0;
}

static __noinline __u32 is_watched(const unsigned char *name, __u32 folder)
{
	return is_watched_directly(false, name, folder);
}

#endif
