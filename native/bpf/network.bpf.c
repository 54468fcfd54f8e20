/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP connections opened and accepted, counted per flow; the first sight of a flow in a window is a record. */
#include "path.h"
#include "slot.h"
#include <bpf/bpf_endian.h>

/* An IPv6 socket may carry an IPv4 peer, ::ffff:a.b.c.d: that is the IPv4 flow. */
static __always_inline void set_peer(struct flow_key *flow, const struct sock *sk)
{
	if (sk->__sk_common.skc_family == AF_INET) {
		__be32 peer = sk->__sk_common.skc_daddr;
		flow->family = 4;
		__builtin_memcpy(flow->peer, &peer, sizeof(peer));
		return;
	}
	__be32 words[4];
	bpf_probe_read_kernel(words, sizeof(words), &sk->__sk_common.skc_v6_daddr);
	if (words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff)) {
		flow->family = 4;
		__builtin_memcpy(flow->peer, &words[3], sizeof(words[3]));
		return;
	}
	flow->family = 6;
	__builtin_memcpy(flow->peer, words, sizeof(words));
}

/* Reports the flow; true when the record was reserved. The process is the current one, or none for an accept. */
static __noinline bool report_flow(const struct flow_key *flow, __u64 cgroup)
{
	if (!flow)
		return false;
	struct flow_record *record =
		reserve_record(&urgent, RECORD_FLOW, struct flow_record, 0, flow->slot, cgroup, LOSS_URGENT_FULL);

	if (!record)
		return false;
	record->flow = *flow;
	if (flow->direction == FLOW_CONNECT) {
		fill_process(&record->header);
		write_exe(record->exe, bpf_get_current_task_btf());
	}
	bpf_ringbuf_submit(record, 0);
	return true;
}

static __always_inline struct flow_counts *lookup_flow(const struct flow_key *flow)
{
	return flow_turn & 1 ? bpf_map_lookup_elem(&flows_odd, flow) : bpf_map_lookup_elem(&flows_even, flow);
}

static __always_inline long insert_flow(const struct flow_key *flow, const struct flow_counts *new)
{
	return flow_turn & 1 ? bpf_map_update_elem(&flows_odd, flow, new, BPF_NOEXIST)
			     : bpf_map_update_elem(&flows_even, flow, new, BPF_NOEXIST);
}

/* The counters of a flow, made if need be. `report`: in a context that may report its first sight. */
static __noinline struct flow_counts *count_flow(const struct flow_key *flow, __u64 cgroup, bool report)
{
	if (!flow)
		return NULL;
	struct flow_counts *counts_of = lookup_flow(flow);

	if (!counts_of) {
		struct flow_counts new = {.cgroup = cgroup, .first = bpf_ktime_get_boot_ns()};
		insert_flow(flow, &new); /* fails where another CPU was first, too */
		counts_of = lookup_flow(flow);
		if (!counts_of) {
			count_loss(flow->slot, LOSS_FLOWS_FULL);
			if (report)
				report_flow(flow, cgroup);
			return NULL;
		}
	}
	if (report && __sync_val_compare_and_swap(&counts_of->reported, 0, 1) == 0 && !report_flow(flow, cgroup))
		counts_of->reported = 0;
	counts_of->last = bpf_ktime_get_boot_ns();
	return counts_of;
}

static __always_inline void connect_began(const struct sock *sk)
{
	struct task_state *state = current_state();
	struct connecting attempt = {};
	__u64 key = (__u64)sk;

	if (!state)
		return;
	attempt.flow.slot = state->slot;
	attempt.flow.direction = FLOW_CONNECT;
	attempt.flow.port = bpf_ntohs(sk->__sk_common.skc_dport);
	set_peer(&attempt.flow, sk);
	attempt.cgroup = state->owner;
	if (bpf_map_update_elem(&connecting, &key, &attempt, BPF_ANY))
		count_loss(state->slot, LOSS_FLOWS_FULL);
	struct flow_counts *counts_of = count_flow(&attempt.flow, attempt.cgroup, true);
	if (counts_of)
		__sync_fetch_and_add(&counts_of->attempts, 1);
}

/* A container that ended while its connect was under way may have left its slot to another. */
static __always_inline bool still_has_slot(__u64 cgroup, __u32 slot)
{
	__u32 *now = bpf_map_lookup_elem(&owners, &cgroup);

	return slot < 2 || (now && *now == slot);
}

static __always_inline void connect_ended(__u64 key, struct connecting *found, bool opened)
{
	struct connecting attempt = *found;

	bpf_map_delete_elem(&connecting, &key);
	if (!still_has_slot(attempt.cgroup, attempt.flow.slot))
		return;
	struct flow_counts *counts_of = count_flow(&attempt.flow, attempt.cgroup, false);
	if (counts_of)
		__sync_fetch_and_add(opened ? &counts_of->opened : &counts_of->failures, 1);
}

/* Whose listener it was: the socket's cgroup, which may be below the container's or gone by now. */
static __always_inline void accepted(const struct sock *sk)
{
	struct cgroup *cgroup = cgroup_of_socket(sk);
	__u64 id = BPF_CORE_READ(cgroup, kn, id), owner = id;
	struct cached_slot *cached = bpf_map_lookup_elem(&cached_slots, &id);
	struct flow_key flow = {.direction = FLOW_ACCEPT};

	if (cached && still_has_slot(cached->owner, cached->slot)) {
		flow.slot = cached->slot;
		owner = cached->owner;
	} else {
		owner = find_owner(cgroup);
		__u32 *slot = owner ? bpf_map_lookup_elem(&owners, &owner) : NULL;
		flow.slot = slot ? *slot : owner ? SLOT_NONE : SLOT_HOST;
		owner = owner ? owner : id;
	}
	flow.port = sk->__sk_common.skc_num;
	set_peer(&flow, sk);
	struct flow_counts *counts_of = count_flow(&flow, owner, true);
	if (counts_of)
		__sync_fetch_and_add(&counts_of->opened, 1);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, const struct sock *sk, int before, int after)
{
	__u64 key = (__u64)sk;

	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (after == TCP_SYN_SENT) {
		connect_began(sk);
		return 0;
	}
	if (after != TCP_ESTABLISHED && after != TCP_CLOSE)
		return 0;
	struct connecting *attempt = bpf_map_lookup_elem(&connecting, &key);
	if (attempt)
		connect_ended(key, attempt, after == TCP_ESTABLISHED);
	else if (after == TCP_ESTABLISHED && before == TCP_SYN_RECV)
		accepted(sk);
	return 0;
}
