/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What TCP and UDP share: a flow's counters, its record at first sight, and whose a socket is. */
#ifndef PICKET_FLOWS_H
#define PICKET_FLOWS_H

#include "path.h"
#include "slot.h"

/* An IPv6 socket may carry an IPv4 peer, ::ffff:a.b.c.d: that is the IPv4 flow. */
static __always_inline void set_peer(struct flow_key *flow, const __be32 words[4], bool v4)
{
	if (v4 || (words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff))) {
		__be32 peer = v4 ? words[0] : words[3];
		flow->family = 4;
		__builtin_memcpy(flow->peer, &peer, sizeof(peer));
		return;
	}
	flow->family = 6;
	__builtin_memcpy(flow->peer, words, sizeof(flow->peer));
}

/* Reports the flow; true when the record was reserved. `sender`: the current task is the one that began it. */
__noinline int report_flow(const struct flow_key *flow, __u64 cgroup, int sender)
{
	if (!flow)
		return false;
	struct flow_record *record =
		reserve_record(&urgent, RECORD_FLOW, struct flow_record, 0, flow->slot, cgroup, LOSS_URGENT_FULL);

	if (!record)
		return false;
	record->flow = *flow;
	if (sender) {
		fill_process(&record->header);
		write_exe(record->exe, (void *)bpf_get_current_task());
	}
	bpf_ringbuf_submit(record, 0);
	return true;
}

static __always_inline struct flow_counts *lookup_flow(__u32 turn, const struct flow_key *flow)
{
	return turn & 1 ? bpf_map_lookup_elem(&flows_odd, flow) : bpf_map_lookup_elem(&flows_even, flow);
}

static __always_inline long insert_flow(__u32 turn, const struct flow_key *flow, const struct flow_counts *new)
{
	return turn & 1 ? bpf_map_update_elem(&flows_odd, flow, new, BPF_NOEXIST)
			: bpf_map_update_elem(&flows_even, flow, new, BPF_NOEXIST);
}

#define REPORT_NOT 0    /* a context, or a moment, that does not report a first sight */
#define REPORT 1        /* no process is known */
#define REPORT_SENDER 2 /* the current task began it */

/* Makes the counters of a flow and reports it, as far as that was not done; true when its record was sent. Not static, so
 * that it is verified once and not for every path to a flow. */
__noinline int begin_flow(__u32 turn, const struct flow_key *flow, __u64 cgroup, __u32 report)
{
	if (!flow)
		return 0;
	struct flow_key key = *flow; /* see count_flow */
	struct flow_counts *counts_of = lookup_flow(turn, &key);

	if (!counts_of) {
		struct flow_counts new = {.cgroup = cgroup, .first = bpf_ktime_get_boot_ns()};
		insert_flow(turn, &key, &new); /* fails where another CPU was first, too */
		counts_of = lookup_flow(turn, &key);
		if (!counts_of) {
			count_loss(flow->slot, LOSS_FLOWS_FULL);
			return report ? report_flow(flow, cgroup, report == REPORT_SENDER) : false;
		}
	}
	if (!report || __sync_val_compare_and_swap(&counts_of->reported, 0, 1))
		return false;
	if (report_flow(flow, cgroup, report == REPORT_SENDER))
		return true;
	counts_of->reported = 0;
	return false;
}

/* The counters of a flow, made if need be. `flow` is on the caller's stack: before Linux 6.2 a map takes no key in memory
 * that a function was given. */
static __always_inline struct flow_counts *count_flow(const struct flow_key *flow, __u64 cgroup, __u32 report)
{
	__u32 turn = flow_turn;
	struct flow_counts *counts_of = lookup_flow(turn, flow);

	if (!counts_of || (report && !counts_of->reported)) {
		if (begin_flow(turn, flow, cgroup, report) && report == REPORT_SENDER)
			note_told(current_state());
		counts_of = lookup_flow(turn, flow);
	}
	if (counts_of)
		counts_of->last = bpf_ktime_get_boot_ns();
	return counts_of;
}

/* A container that ended while its socket lived on may have left its slot to another. */
static __always_inline bool still_has_slot(__u64 cgroup, __u32 slot)
{
	__u32 *now = bpf_map_lookup_elem(&owners, &cgroup);

	return slot < 2 || (now && *now == slot);
}

#endif
