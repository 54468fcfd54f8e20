/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which call follows which, per thread: hashed counters, and an exact set in which a pair that is new shows. Every call
 * pays for note_pair; what is new, and so rare, is in new_pair.
 */
#ifndef PICKET_PAIRS_H
#define PICKET_PAIRS_H

#include "emit.h"

#define CALL_OF(packed) ((packed) & 0xffff)
#define ID_OF(packed) ((packed) >> 16)

/* The bit is set only once a record of it was reserved: what could not be told is told the next time. Of two CPUs that
 * see the pair at once, one finds that the other has set the bit. */
static __noinline int report_pair(struct task_state *state, __u32 *word, __u32 bit, __u32 current)
{
	if (!state || !word)
		return 0;
	struct pair_record *record =
		reserve_record(&bulk, RECORD_PAIR, struct pair_record, 0, state->slot, state->owner, LOSS_BULK_FULL);

	if (!record)
		return 0;
	if (__sync_fetch_and_or(word, bit) & bit) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return 0;
	}
	fill_process(&record->header);
	record->previous = CALL_OF(state->previous);
	record->current = CALL_OF(current);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

static __noinline int new_pair(struct task_state *state, __u32 *word, __u32 bit, __u32 current)
{
	if (!state || !word || state->previous == 0)
		return 0;
	__u32 slot = state->slot;
	__u32 *mode = bpf_map_lookup_elem(&pair_modes, &slot);

	if (mode && *mode == PAIRS_GUARD)
		return report_pair(state, word, bit, current);
	__sync_fetch_and_or(word, bit);
	return 0;
}

/* `number` is below SYSCALL_NUMBERS. */
static __always_inline void note_pair(struct task_state *state, __u32 slot, __u32 number)
{
	__u32 previous = state->previous, current = packed_calls[number & (SYSCALL_NUMBERS - 1)];
	struct slot_bigrams *bigram = bpf_map_lookup_elem(&bigrams, &slot);
	struct slot_pairs *pair = bpf_map_lookup_elem(&pairs, &slot);

	if (bigram)
		bigram->of[((CALL_OF(previous) * SYSCALL_NUMBERS + number) * 2654435761u) >> 20] += 1;
	if (pair) {
		__u32 index = (ID_OF(previous) * PAIR_IDS + ID_OF(current)) & (PAIR_IDS * PAIR_IDS - 1);
		__u32 *word = &pair->words[index / 32];
		if (!(*word >> (index % 32) & 1))
			new_pair(state, word, 1u << (index % 32), current);
	}
	state->previous = current;
}

#endif
