/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which call follows which, per thread: hashed counters, and an exact set in which a pair that is new shows. Every call
 * pays for note_pair: it counts in a line of this CPU's cache, in which a pair stands only while its bit is known to be
 * set. What is not there is tested, told where it is new, and takes the line; the count that stood in it goes to the
 * hashed counters then.
 *
 * A pair is PAIR_KNOWN, 12 bits of slot, 9 of the previous call, 9 of this one; tasks keep it without the last.
 */
#ifndef PICKET_PAIRS_H
#define PICKET_PAIRS_H

#include "emit.h"

#define PREVIOUS_OF(pair) ((pair) >> 9 & (SYSCALL_NUMBERS - 1))
#define CURRENT_OF(pair) ((pair) & (SYSCALL_NUMBERS - 1))
#define PAIR_AFTER(slot, number) (PAIR_KNOWN | ((slot) & (MAX_SLOTS - 1)) << 18 | (number) << 9)

/* The bit is set only once a record of it was reserved: what could not be told is told the next time. Of two CPUs that
 * see the pair at once, one finds that the other has set the bit. */
__noinline int report_pair(struct task_state *state, __u32 *word, __u32 bit, __u32 pair)
{
	if (!state || !word)
		return 0;
	struct pair_record *record =
		reserve_record(&bulk, RECORD_PAIR, struct pair_record, 0, state->slot, state->owner, LOSS_BULK_FULL);

	if (!record)
		return 0;
	if (__sync_fetch_and_or(word, bit) & bit) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return 1;
	}
	fill_process(&record->header);
	record->previous = PREVIOUS_OF(pair);
	record->current = CURRENT_OF(pair);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	note_told(state);
	return 1;
}

/* Whether the pair's bit is set now. */
__noinline int make_known(struct task_state *state, struct slot_profile *profile, __u32 pair)
{
	if (!state || !profile)
		return 0;
	__u32 index = call_ids[PREVIOUS_OF(pair)] * PAIR_IDS + call_ids[CURRENT_OF(pair)];
	__u32 at = index / 32;
	barrier_var(at); /* see path_step */
	__u32 *word = &profile->pairs[at & (PAIR_BYTES / 4 - 1)], bit = 1u << (index % 32);

	if (*word & bit)
		return 1;
	if (profile->mode == SLOT_GUARD)
		return report_pair(state, word, bit, pair);
	__sync_fetch_and_or(word, bit);
	return 1;
}

/* Of a slot that was freed meanwhile the count is dropped. */
static __always_inline void empty_line(struct pair_line *line)
{
	__u32 pair = line->key, count = line->count;
	struct slot_profile *profile = count ? profile_of(PAIR_SLOT(pair)) : NULL;

	line->count = 0;
	if (profile && profile->life == line->life)
		__sync_fetch_and_add(&profile->bigrams[BIGRAM_OF(pair)], count);
}

/* Of a pair whose previous call is not known, or that could not be told, only the hashed counter is raised. */
__noinline int take_line(struct task_state *state, struct slot_profile *profile, struct pair_line *line, __u64 key)
{
	__u32 pair = key;

	if (!state || !profile || !line)
		return 0;
	if (!(pair & PAIR_KNOWN) || !make_known(state, profile, pair)) {
		__sync_fetch_and_add(&profile->bigrams[BIGRAM_OF(pair)], 1);
		return 0;
	}
	empty_line(line);
	line->life = profile->life;
	line->key = key;
	line->count = 1;
	return 0;
}

/* `number` is below SYSCALL_NUMBERS. Nothing else of this CPU comes in between: the tracepoint holds off preemption, and
 * no program that runs in an interrupt notes pairs. */
static __always_inline void note_pair(struct task_state *state, struct slot_profile *profile, __u32 cpu,
					     __u32 number)
{
	__u32 pair = state->pair | number;
	__u64 key = (__u64)epoch << 32 | pair; /* before the bit is looked at: a change in between is looked at again */
	__u32 at = cpu * PAIR_LINES + ((pair * 2654435761u) >> 20);
	struct pair_line *line = bpf_map_lookup_elem(&pair_lines, &at);

	if (line && line->key == key)
		line->count += 1;
	else
		take_line(state, profile, line, key);
	state->pair = PAIR_AFTER(state->slot, number);
}

#endif
