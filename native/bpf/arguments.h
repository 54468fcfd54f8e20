/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The arguments of a program, from the memory that execve made for it: nobody else has that memory yet, so what the
 * caller does to its own, or another thread of it, changes nothing here.
 */
#ifndef PICKET_ARGUMENTS_H
#define PICKET_ARGUMENTS_H

#include "seen.h"

#define HASHED_BYTES (256 * 1024) /* of one vector; 10,000 arguments are some 100 KB. More is told by ARGS_HASH_CUT */
#define CHUNK_BYTES 1024
#define CHUNK_WORDS (CHUNK_BYTES / 8)
#define SPAN_WORDS 8   /* hashed by one call */
#define SPAN_CHUNKS 16 /* the same */
#define SPAN_BYTES_HASHED (SPAN_CHUNKS * CHUNK_BYTES)

/* Of the executable that is being told about, one a CPU: the tracepoint does not sleep and does not nest. */
struct exec_scratch {
	struct exec_record record;
	__u64 state[4]; /* of the hash */
	__u64 chunk[CHUNK_WORDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_scratch);
} exec_scratch SEC(".maps");

static __always_inline struct exec_scratch *scratch_of_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&exec_scratch, &zero);
}

#define ROTATED(word, bits) ((word) << (bits) | (word) >> (64 - (bits)))

/* One round of SipHash (Aumasson and Bernstein, 2012). */
static __always_inline void sip_round(__u64 v[4])
{
	v[0] += v[1], v[1] = ROTATED(v[1], 13), v[1] ^= v[0], v[0] = ROTATED(v[0], 32);
	v[2] += v[3], v[3] = ROTATED(v[3], 16), v[3] ^= v[2];
	v[0] += v[3], v[3] = ROTATED(v[3], 21), v[3] ^= v[0];
	v[2] += v[1], v[1] = ROTATED(v[1], 17), v[1] ^= v[2], v[2] = ROTATED(v[2], 32);
}

/* Not static, here and below, so that it is verified once and not once per call: 5.15 has no other loop for this. */
__noinline int hash_span(struct exec_scratch *scratch, __u32 from, __u32 words)
{
	if (!scratch)
		return 0;
	__u64 v[4] = {scratch->state[0], scratch->state[1], scratch->state[2], scratch->state[3]};
	for (__u32 i = 0; i < SPAN_WORDS && i < words; i++) {
		__u64 word = scratch->chunk[(from + i) & (CHUNK_WORDS - 1)];
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (int i = 0; i < 4; i++)
		scratch->state[i] = v[i];
	return 0;
}

static __always_inline void hash_words(struct exec_scratch *scratch, __u32 words)
{
	for (__u32 at = 0; at < CHUNK_WORDS && at < words; at += SPAN_WORDS)
		hash_span(scratch, at, words - at);
}

/* The chunk is read, words that are whole are hashed; what is left stands in the word after them, zeros above it. */
__noinline int hash_chunk(__u64 from, __u32 bytes)
{
	struct exec_scratch *scratch = scratch_of_cpu();

	if (!scratch || !bytes)
		return -1;
	barrier_var(bytes); /* see look_in_text */
	if (bytes > CHUNK_BYTES)
		return -1;
	if (bytes < CHUNK_BYTES)
		scratch->chunk[(bytes / 8) & (CHUNK_WORDS - 1)] = 0;
	if (bpf_probe_read_user(scratch->chunk, bytes, (void *)from))
		return -1;
	hash_words(scratch, bytes / 8);
	return 0;
}

/* As many whole chunks as there are, SPAN_CHUNKS at most. */
__noinline int hash_chunks(__u64 from, __u32 bytes)
{
	for (__u32 i = 0; i < SPAN_CHUNKS && i < bytes / CHUNK_BYTES; i++) {
		if (hash_chunk(from + i * CHUNK_BYTES, CHUNK_BYTES))
			return -1;
	}
	return 0;
}

/* SipHash-1-3 of the first `bytes` of the memory at `from`, into state[0]; less than 0 where it cannot be read. */
__noinline int hash_memory(__u64 from, __u32 bytes)
{
	struct exec_scratch *scratch = scratch_of_cpu();
	__u32 rest = bytes & (CHUNK_BYTES - 1);

	if (!scratch || !bytes || bytes > HASHED_BYTES)
		return -1;
	scratch->state[0] = seen_key ^ 0x736f6d6570736575;
	scratch->state[1] = ~seen_key ^ 0x646f72616e646f6d;
	scratch->state[2] = seen_key ^ 0x6c7967656e657261;
	scratch->state[3] = ~seen_key ^ 0x7465646279746573;
	for (__u32 at = 0; at < HASHED_BYTES && at < bytes; at += SPAN_BYTES_HASHED) {
		if (hash_chunks(from + at, bytes - at))
			return -1;
	}
	if (rest && hash_chunk(from + bytes - rest, rest))
		return -1;
	__u64 last = (__u64)bytes << 56, v[4];
	if (bytes & 7)
		last |= scratch->chunk[(bytes / 8) & (CHUNK_WORDS - 1)];
	for (int i = 0; i < 4; i++)
		v[i] = scratch->state[i];
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	scratch->state[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
	return 0;
}

/* The whole vector where it fits, else its head and its tail. */
static __always_inline void copy_arguments(struct exec_record *record, unsigned long start, __u32 total)
{
	if (total > ARGS_BYTES) {
		record->flags |= ARGS_CUT;
		if (bpf_probe_read_user(record->text, ARGS_HALF, (void *)start) == 0 &&
		    bpf_probe_read_user(record->text + ARGS_HALF, ARGS_HALF, (void *)(start + total - ARGS_HALF)) == 0)
			record->args_bytes = ARGS_BYTES;
		return;
	}
	__u32 bytes = total;
	barrier_var(bytes); /* else the compiler bounds `total`, and the verifier does not know `bytes` to be it */
	if (!bytes)
		return;
	barrier_var(bytes); /* see look_in_text */
	if (bytes > ARGS_BYTES)
		return;
	if (bytes < ARGS_BYTES)
		*(__u64 *)(record->text + (bytes & (ARGS_BYTES - 8))) = 0;
	if (bpf_probe_read_user(record->text, bytes, (void *)start) == 0)
		record->args_bytes = bytes;
	else
		record->flags |= ARGS_CUT;
}

static __always_inline void write_arguments(struct exec_scratch *scratch, struct mm_struct *mm, int count)
{
	struct exec_record *record = &scratch->record;
	unsigned long start = BPF_CORE_READ(mm, arg_start), end = BPF_CORE_READ(mm, arg_end);
	__u32 total = end > start ? end - start : 0;
	__u32 hashed = total < HASHED_BYTES ? total : HASHED_BYTES;

	record->args_total = total;
	record->args_count = count;
	copy_arguments(record, start, total);
	if (hashed < total)
		record->flags |= ARGS_HASH_CUT;
	if (hash_memory(start, hashed) == 0)
		record->args_hash = scratch->state[0];
	else
		record->flags |= ARGS_HASH_CUT;
}

#endif
