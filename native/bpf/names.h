/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Watched names in a path that is a text. */
#ifndef PICKET_NAMES_H
#define PICKET_NAMES_H

#include "watched.h"

#define TEXT_BYTES 4096 /* PATH_MAX: the kernel takes no longer one, so nothing in front can hide the end */
#define NAME_BYTES 256  /* NAME_MAX and NUL */
#define SPAN_BYTES 16   /* looked through at a time; the verifier goes through each loop byte by byte */
#define SUN_PATH_OFFSET 2 /* of struct sockaddr_un */
#define SUN_PATH_BYTES 108

#define WATCHED_HOW (WATCHED_ALWAYS | WATCHED_WRITES)

enum { NAME_PLAIN, NAME_WATCHED, NAME_WITHOUT_FOLDER };

/* One a CPU: the programs that use it run in system calls, where none is interrupted by another. */
struct name_scratch {
	char text[TEXT_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct name_scratch);
} name_scratch SEC(".maps");

static __always_inline struct name_scratch *name_scratch_of_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&name_scratch, &zero);
}

static __always_inline bool is_watched_dentry(struct dentry *dentry, __u32 folder)
{
	struct qstr name = BPF_CORE_READ(dentry, d_name);

	return may_be(folder ? watched_folder_lengths : watched_file_lengths, name.len) && is_watched(name.name, folder);
}

/* WATCHED_ALWAYS, WATCHED_WRITES or 0. */
static __noinline __u32 is_watched_span(struct name_scratch *scratch, __u32 from, __u32 to, __u32 folder)
{
	struct watched_name key = {.folder = folder};
	__u32 length = to - from;

	if (!scratch || !may_be(folder ? watched_folder_lengths : watched_file_lengths, length))
		return 0;
	if (bpf_probe_read_kernel(key.name, length & (FILE_NAME_BYTES - 1), &scratch->text[from & (TEXT_BYTES - 1)]))
		return 0;
	__u8 *how = bpf_map_lookup_elem(&watched_names, &key);
	return how ? *how : 0;
}

/* Where the name begins that ends at `end`, if within the last bytes before it; else 0. */
__noinline int begin_in_span(__u32 end)
{
	struct name_scratch *scratch = name_scratch_of_cpu();

	if (!scratch)
		return 0;
	for (__u32 i = 1; i <= SPAN_BYTES && i <= end; i++)
		if (scratch->text[(end - i) & (TEXT_BYTES - 1)] == '/')
			return end - i + 1;
	return 0;
}

/* Where the name begins that ends at `end`; found from the back. */
__noinline int begin_of_name(__u32 end)
{
	for (__u32 i = 0; i < NAME_BYTES / SPAN_BYTES && end; i++) {
		__u32 begin = begin_in_span(end);
		if (begin)
			return begin;
		end = end > SPAN_BYTES ? end - SPAN_BYTES : 0;
	}
	return end;
}

#define TEXT_WITHOUT_FOLDER (1 << 8)

/* How a path's last name, or the folder above it, is watched (WATCHED_HOW), and whether it has no folder. `bytes` counts
 * the NUL that is set behind them. Not static, as above. */
__noinline int look_in_text(__u64 address, int of_user, __u32 bytes)
{
	struct name_scratch *scratch = name_scratch_of_cpu();

	if (!scratch || !address || !bytes)
		return 0;
	barrier_var(bytes); /* else both bounds are one comparison of a sum, which tells Linux 6.1 nothing */
	if (bytes > TEXT_BYTES)
		return 0;
	long length = of_user ? bpf_probe_read_user_str(scratch->text, bytes, (void *)address) :
				bpf_probe_read_kernel_str(scratch->text, bytes, (void *)address);
	if (length < 2 || length > TEXT_BYTES)
		return 0;
	__u32 end = length - 1;
	if (end > 1 && scratch->text[(end - 1) & (TEXT_BYTES - 1)] == '/')
		end -= 1;
	__u32 last = begin_of_name(end);
	__u32 how = is_watched_span(scratch, last, end, 0) | is_watched_span(scratch, last, end, 1);
	if (last == 0)
		return how | TEXT_WITHOUT_FOLDER;
	return how & WATCHED_ALWAYS ? how : how | is_watched_span(scratch, begin_of_name(last - 1), last - 1, 1);
}

/* Whether either is watched in any way; or that there is no folder. */
static __always_inline int watched_in_text(__u64 address, int of_user, __u32 bytes)
{
	int found = look_in_text(address, of_user, bytes);

	return found & WATCHED_HOW ? NAME_WATCHED : found ? NAME_WITHOUT_FOLDER : NAME_PLAIN;
}

/* The path of a Unix socket's address ends with its length, or before that with NUL. */
static __always_inline bool is_watched_address(__u64 address, __u32 length)
{
	__u32 path = length - SUN_PATH_OFFSET;

	return path <= SUN_PATH_BYTES && watched_in_text(address + SUN_PATH_OFFSET, true, path + 1) == NAME_WATCHED;
}

#endif
