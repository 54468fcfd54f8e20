/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS over UDP, as a client: the first bytes of questions and answers, each different one once between two readings of
 * the flows. User space decodes them; here is only walked far enough to tell two of them apart. Functions that are not
 * static are verified once, for any arguments, and not for each path that leads to them.
 */
#ifndef PICKET_DNS_H
#define PICKET_DNS_H

#include "flows.h"
#include "seen.h"

#define DNS_PORT 53
#define DNS_HEADER 12
#define DNS_LABELS 128 /* of a name: 255 bytes have no more, RFC 1035 */
#define DNS_WORDS (DNS_BYTES / 8)
#define DNS_SPAN 16 /* labels or words gone through by one function, which the verifier does once for all of them */
#define DNS_GOES_ON (1u << 31)
#define DNS_ANSWERS 16 /* records of an answer that are compared; a change behind them is not seen */
#define DNS_SEEN 8192  /* questions and answers told since the last reading, of all slots; the oldest are told again */
#define DNS_ASKED 4096 /* questions that wait for their answer, of all slots; the answer to a forgotten one is not believed */

/* The turn of the flows in which it was told: the next reading makes all of it news again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DNS_SEEN);
	__type(key, __u64);
	__type(value, __u32);
} dns_seen SEC(".maps");

/* By socket, server and id: the question, of which an answer has a copy. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DNS_ASKED);
	__type(key, __u64);
	__type(value, __u64);
} dns_asked SEC(".maps");

struct dns_message {
	__u8 bytes[DNS_BYTES + 8]; /* so that a word may begin at the last byte */
	__u32 used;
	__u32 pad;
};

/* By direction, as an answer may come in, in an interrupt, while a question is looked at. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct dns_message);
} dns_messages SEC(".maps");

struct dns_place {
	struct flow_key flow;
	__u64 owner;
	__u32 offset, bytes;
	__u16 own_port;
	__u8 egress, sender;
};

static __always_inline __u8 byte_at(const struct dns_message *message, __u32 at)
{
	return message->bytes[at & (DNS_BYTES - 1)];
}

static __always_inline __u64 word_at(const struct dns_message *message, __u32 at)
{
	return *(const __u64 *)(message->bytes + (at & (DNS_BYTES - 1)));
}

/* How much is looked at of a message that is not empty: 1 to DNS_BYTES. By a mask, as Linux 6.1 learns nothing of a number
 * by its not being 0. */
static __always_inline __u32 used_of(__u32 bytes)
{
	__u32 last = (bytes < DNS_BYTES ? bytes : DNS_BYTES) - 1;

	barrier_var(last);
	last &= DNS_BYTES - 1;
	barrier_var(last);
	return last + 1;
}

/* Behind the name whose next labels are at `at`, or DNS_GOES_ON and where its next ones are. */
__noinline __u32 dns_labels_end(const struct dns_message *message, __u32 at)
{
	if (!message)
		return 0;
	for (int i = 0; i < DNS_SPAN; i++) {
		if (at >= message->used)
			return message->used;
		__u8 length = byte_at(message, at);
		if (length >= 0xc0) /* the rest is elsewhere in the message */
			return at + 2;
		at += length + 1;
		if (!length)
			return at;
	}
	return at | DNS_GOES_ON;
}

/* Behind the name at `at`; at the end of the message when it goes on behind that. */
__noinline __u32 dns_name_end(const struct dns_message *message, __u32 at)
{
	if (!message)
		return 0;
	for (int i = 0; i < DNS_LABELS / DNS_SPAN; i++) {
		at = dns_labels_end(message, at);
		if (!(at & DNS_GOES_ON))
			return at;
		at &= ~DNS_GOES_ON;
	}
	return message->used;
}

/* Letters in one case, as names are equal in any; what is below '@', such as lengths of labels, stays. */
static __always_inline __u64 in_one_case(__u64 word)
{
	return word | (word & 0x4040404040404040) >> 1;
}

/* The fingerprint after the word at `at`, which ends before `end`. */
__noinline __u64 dns_word_hash(const struct dns_message *message, __u32 at, __u32 end, __u64 hash)
{
	__u32 left = end - at;

	if (!message)
		return 0;
	__u64 word = word_at(message, at);
	if (left < 8)
		word &= (1ull << left * 8) - 1;
	return mixed(hash ^ in_one_case(word));
}

/* The same after DNS_SPAN words. */
__noinline __u64 dns_span_hash(const struct dns_message *message, __u32 at, __u32 end, __u64 hash)
{
	if (!message)
		return 0;
	for (int i = 0; i < DNS_SPAN; i++) {
		if (at >= end || at >= DNS_BYTES)
			break;
		hash = dns_word_hash(message, at, end, hash);
		at += 8;
	}
	return hash;
}

/* Fingerprint of the bytes from `at` to `end`: see seen.h. */
__noinline __u64 dns_hash(const struct dns_message *message, __u32 at, __u32 end, __u64 hash)
{
	if (!message)
		return 0;
	for (int i = 0; i < DNS_WORDS / DNS_SPAN; i++) {
		if (at >= end || at >= DNS_BYTES)
			break;
		hash = dns_span_hash(message, at, end, hash);
		at += DNS_SPAN * 8;
	}
	return hash;
}

/* Of the answer's first records, in any order, as servers turn them round, and without their time to live. */
__noinline __u64 dns_answers_hash(const struct dns_message *message, __u32 at)
{
	__u64 sum = 0;

	if (!message)
		return 0;
	__u32 count = byte_at(message, 6) << 8 | byte_at(message, 7);
	for (__u32 i = 0; i < DNS_ANSWERS; i++) {
		if (i >= count)
			break;
		at = dns_name_end(message, at);
		if (at + 10 > message->used)
			break;
		__u32 end = at + 10 + (byte_at(message, at + 8) << 8 | byte_at(message, at + 9));
		sum += dns_hash(message, at + 10, end, byte_at(message, at) << 8 | byte_at(message, at + 1));
		at = end;
	}
	return mixed(sum ^ count);
}

/* One that was told in this turn is not told again; it counts as told only when its record was reserved. The urgent ring,
 * so that an answer is read before the connection to the address that it told. */
__noinline int tell_dns(struct __sk_buff *skb, const struct dns_place *place, __u64 key, __u32 what)
{
	__u32 *turn = bpf_map_lookup_elem(&dns_seen, &key), now = flow_turn;

	if (!place || (turn && *turn == now))
		return 0;
	__u32 slot = place->flow.slot;
	if (!take_tokens(slot, what == DNS_UNASKED ? BUCKET_DNS_UNASKED : RECORD_DNS, DNS_TOKENS)) {
		count_loss(slot, LOSS_DNS_LATER);
		return 0;
	}
	struct dns_record *record =
		reserve_if(true, &urgent, RECORD_DNS, struct dns_record, 0, slot, place->owner, LOSS_DNS_LATER);
	if (!record)
		return 0;
	bpf_map_update_elem(&dns_seen, &key, &now, BPF_ANY);
	record->flow = place->flow;
	record->what = what;
	record->own_port = place->own_port;
	record->total = place->bytes;
	__u32 used = used_of(place->bytes);
	record->used = used;
	if (place->sender) {
		fill_process(&record->header);
		write_exe(record->exe, (void *)bpf_get_current_task());
	}
	bpf_skb_load_bytes(skb, place->offset, record->message, used);
	bpf_ringbuf_submit(record, 0);
	return 0;
}

static __always_inline __u64 server_hash(const struct dns_place *place)
{
	const __u64 *peer = (const __u64 *)place->flow.peer;

	return mixed(mixed(seen_key ^ peer[0]) ^ peer[1]) + place->flow.port;
}

/* Which question of this socket an answer must repeat: server and id. */
static __always_inline __u64 asked_key(struct __sk_buff *skb, const struct dns_place *place,
				       const struct dns_message *message)
{
	__u64 id = message->bytes[0] << 8 | message->bytes[1];

	return mixed(server_hash(place) ^ (bpf_get_socket_cookie(skb) << 16 | id));
}

/* What else two messages of equal names differ in. */
static __always_inline __u64 dns_key(const struct dns_place *place, __u64 question, __u64 rest)
{
	return mixed(mixed(mixed(question ^ place->flow.slot) + place->owner) ^ rest);
}

__noinline int look_at_dns(struct __sk_buff *skb, const struct dns_place *place, struct flow_counts *counts_of)
{
	if (!place || !counts_of || place->bytes < DNS_HEADER || place->flow.slot == SLOT_NONE)
		return 0;
	__u32 which = place->egress, used = used_of(place->bytes);
	struct dns_message *message = bpf_map_lookup_elem(&dns_messages, &which);
	if (!message || bpf_skb_load_bytes(skb, place->offset, message->bytes, used))
		return 0;
	message->used = used;
	bool answer = message->bytes[2] >> 7;
	if (answer == place->egress) /* an answer is sent, or a question comes in: no client's */
		return 0;
	__u64 failure = message->bytes[3] & 15;
	if (!answer || failure)
		__sync_fetch_and_add(answer ? &counts_of->failures : &counts_of->attempts, 1);
	__u32 end = dns_name_end(message, DNS_HEADER);
	__u64 type = byte_at(message, end) << 8 | byte_at(message, end + 1);
	__u64 question = dns_hash(message, DNS_HEADER, end, seen_key + type);
	__u64 asked = asked_key(skb, place, message);
	if (!answer) {
		bpf_map_update_elem(&dns_asked, &asked, &question, BPF_ANY);
		tell_dns(skb, place, dns_key(place, question, 1), DNS_QUESTION);
		return 0;
	}
	__u64 *known = bpf_map_lookup_elem(&dns_asked, &asked);
	if (!known || *known != question) {
		tell_dns(skb, place, dns_key(place, server_hash(place), 2), DNS_UNASKED);
		return 0;
	}
	bpf_map_delete_elem(&dns_asked, &asked);
	__u64 answers = dns_answers_hash(message, end + 4);
	tell_dns(skb, place, dns_key(place, question, answers + failure + 3), DNS_ANSWER);
	return 0;
}

#endif
