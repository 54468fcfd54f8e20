/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of files and folders that are looked for. */
#ifndef PICKET_WATCHED_H
#define PICKET_WATCHED_H

#include "maps.h"

#define LENGTH_BITS 64
#define NAME_SCAN 128 /* bytes of a path in which the last name is looked for */

static __always_inline bool may_be(__u64 lengths, __u32 length)
{
	return length < FILE_NAME_BYTES && (lengths >> (length & (LENGTH_BITS - 1))) & 1;
}

static __noinline bool is_watched(const unsigned char *name, __u32 folder)
{
	struct watched_name key = {.folder = folder};

	bpf_probe_read_kernel_str(key.name, sizeof(key.name), name);
	return bpf_map_lookup_elem(&watched_names, &key) != NULL;
}

static const __u8 is_slash[256] = {['/'] = 1};

/* Whether the last name of a path is a watched one. A table, because a branch per character is a state per character. */
static __always_inline bool ends_watched(const char text[NAME_SCAN])
{
	__u32 last = 0;

	for (__u32 i = 0; i < NAME_SCAN; i++)
		last += (i + 1 - last) * is_slash[(__u8)text[i]];
	return is_watched((const unsigned char *)text + (last & (NAME_SCAN - 1)), 0);
}

#endif
