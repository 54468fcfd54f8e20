/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of files and folders that are looked for. */
#ifndef PICKET_WATCHED_H
#define PICKET_WATCHED_H

#include "maps.h"

#define LENGTH_BITS 64

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

#endif
