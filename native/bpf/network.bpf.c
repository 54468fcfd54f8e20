/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP connections opened and accepted, counted per flow, with what their sockets count at the close and, while they are
 * open, whenever the flows are read; the first sight of a flow in a window is a record. */
#include <bpf/bpf_endian.h>
#include "novel.h"
#include "flows.h"

static __always_inline void set_socket_peer(struct flow_key *flow, const struct sock *sk)
{
	__be32 words[4] = {};
	bool v4 = sk->__sk_common.skc_family == AF_INET;

	if (v4)
		words[0] = sk->__sk_common.skc_daddr;
	else
		bpf_probe_read_kernel(words, sizeof(words), &sk->__sk_common.skc_v6_daddr);
	set_peer(flow, words, v4);
}

struct socket_sums {
	__u64 in, out;
	__u32 segments_in, segments_out;
};

/* Payload as the socket counts it. bytes_sent has each repetition, which bytes_retrans takes out again; bytes_received
 * has the peer's FIN, which takes a sequence number, as one byte. */
static __always_inline void read_sums(struct socket_sums *sums, struct sock *sk)
{
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk); /* known to the verifier, so that it is read by plain loads */

	if (!tcp)
		return;
	__u64 fin = sk->__sk_common.skc_flags >> SOCK_DONE & 1;

	sums->in = tcp->bytes_received - fin;
	sums->out = tcp->bytes_sent - tcp->bytes_retrans;
	sums->segments_in = tcp->segs_in;
	sums->segments_out = tcp->segs_out;
}

/* What the socket counted since it was last asked. The close may ask while a reading of the flows does: each takes what
 * the other left, and a smaller number than was told already, read before the other's, is nothing. */
static __always_inline __u64 since(__u64 *told, __u64 now)
{
	__s64 added = now - __sync_lock_test_and_set(told, now);

	return added > 0 ? added : 0;
}

static __always_inline __u32 since_short(__u32 *told, __u32 now)
{
	__s32 added = now - __sync_lock_test_and_set(told, now);

	return added > 0 ? added : 0;
}

static __noinline int count_bytes(struct sock *sk, struct tcp_flow *known)
{
	struct socket_sums now = {};

	if (!sk || !known)
		return 0;
	read_sums(&now, sk);
	__u64 in = since(&known->bytes_in, now.in), out = since(&known->bytes_out, now.out);
	__u64 segments_in = since_short(&known->segments_in, now.segments_in);
	__u64 segments_out = since_short(&known->segments_out, now.segments_out);
	if (!(in | out | segments_in | segments_out) || !still_has_slot(known->cgroup, known->flow.slot))
		return 0;
	struct flow_key flow = known->flow;
	struct flow_counts *counts_of = count_flow(&flow, known->cgroup, REPORT_NOT);
	if (!counts_of)
		return 0;
	__sync_fetch_and_add(&counts_of->bytes_in, in);
	__sync_fetch_and_add(&counts_of->bytes_out, out);
	__sync_fetch_and_add(&counts_of->segments_in, segments_in);
	__sync_fetch_and_add(&counts_of->segments_out, segments_out);
	return 0;
}

/* The socket's flow from now on. Without memory for it, its end and its bytes are not seen. */
static __always_inline struct tcp_flow *keep_flow(struct sock *sk, const struct flow_key *flow, __u64 cgroup)
{
	struct tcp_flow *kept = bpf_sk_storage_get(&tcp_flows, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!kept) {
		count_loss(flow->slot, LOSS_SOCKETS_FULL);
		return NULL;
	}
	kept->flow = *flow;
	kept->cgroup = cgroup;
	return kept;
}

static __always_inline void connect_began(struct sock *sk)
{
	struct task_state *state = current_state();
	struct flow_key flow = {.direction = FLOW_CONNECT};

	if (!state)
		return;
	flow.slot = state->slot;
	flow.port = bpf_ntohs(sk->__sk_common.skc_dport);
	set_socket_peer(&flow, sk);
	struct tcp_flow *kept = keep_flow(sk, &flow, state->owner);
	if (kept)
		kept->connecting = 1;
	struct flow_counts *counts_of = count_flow(&flow, state->owner, REPORT_SENDER);
	if (counts_of)
		__sync_fetch_and_add(&counts_of->attempts, 1);
}

static __always_inline void connect_ended(struct tcp_flow *known, bool opened)
{
	struct flow_key flow = known->flow;

	known->connecting = 0;
	if (!still_has_slot(known->cgroup, flow.slot))
		return;
	struct flow_counts *counts_of = count_flow(&flow, known->cgroup, REPORT_NOT);
	if (counts_of)
		__sync_fetch_and_add(opened ? &counts_of->opened : &counts_of->failures, 1);
}

/* Whose a socket is by its cgroup, which may be below the container's or gone by now. */
static __always_inline __u64 owner_of_socket(const struct sock *sk, struct flow_key *flow)
{
	struct cgroup *cgroup = cgroup_of_socket(sk);
	__u64 id = BPF_CORE_READ(cgroup, kn, id);
	struct cached_slot *cached = bpf_map_lookup_elem(&cached_slots, &id);

	if (cached && still_has_slot(cached->owner, cached->slot)) {
		flow->slot = cached->slot;
		return cached->owner;
	}
	__u64 owner = find_owner((__u64)cgroup);
	__u32 *slot = owner ? bpf_map_lookup_elem(&owners, &owner) : NULL;
	flow->slot = slot ? *slot : owner ? SLOT_NONE : SLOT_HOST;
	return owner ? owner : id;
}

static __always_inline void accepted(struct sock *sk)
{
	struct flow_key flow = {.direction = FLOW_ACCEPT, .port = sk->__sk_common.skc_num};
	__u64 owner = owner_of_socket(sk, &flow);

	set_socket_peer(&flow, sk);
	keep_flow(sk, &flow, owner);
	struct flow_counts *counts_of = count_flow(&flow, owner, REPORT);
	if (counts_of)
		__sync_fetch_and_add(&counts_of->opened, 1);
}

static __always_inline void closed(struct sock *sk, struct tcp_flow *known)
{
	if (known->connecting)
		connect_ended(known, false);
	count_bytes(sk, known);
	bpf_sk_storage_delete(&tcp_flows, sk);
}

static __noinline int note_listener(struct sock *sk)
{
	struct task_state *state = current_state();
	struct slot_profile *profile = state && state->slot != SLOT_NONE ? profile_of(state->slot) : NULL;
	struct novelty novelty = {.what = NOVEL_LISTEN, .protocol = IPPROTO_TCP, .port = sk->__sk_common.skc_num};

	if (!profile)
		return 0;
	novelty.key = key_of(NOVEL_LISTEN, novelty.port, novelty.protocol);
	return is_known(profile, novelty.key) ? 0 : tell_novelty(state, &novelty);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, struct sock *sk, int before, int after)
{
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (after == TCP_SYN_SENT) {
		connect_began(sk);
		return 0;
	}
	if (after == TCP_LISTEN)
		return note_listener(sk);
	if (after != TCP_ESTABLISHED && after != TCP_CLOSE)
		return 0;
	struct tcp_flow *known = bpf_sk_storage_get(&tcp_flows, sk, 0, 0);
	if (known && after == TCP_CLOSE)
		closed(sk, known);
	else if (known && known->connecting)
		connect_ended(known, true);
	else if (after == TCP_ESTABLISHED && before == TCP_SYN_RECV)
		accepted(sk);
	return 0;
}

/* Run whenever the flows are read. */
SEC("iter/bpf_sk_storage_map")
int open_sockets(struct bpf_iter__bpf_sk_storage_map *context)
{
	struct sock *sk = context->sk;

	if (!sk || !context->value)
		return 0;
	struct tcp_flow *known = bpf_sk_storage_get(&tcp_flows, sk, 0, 0);
	if (known && !known->connecting)
		count_bytes(sk, known);
	return 0;
}

/* Whether a connection that was there before the probe was made from here. A connecting end has its SYN acknowledged as
 * one byte more than it sent, which an accepting end's socket never counts. The socket goes on meanwhile: numbers that
 * do not change between two looks belong together. */
static __always_inline bool was_connect(const struct tcp_sock *tcp)
{
	for (int i = 0; i < 8; i++) {
		__u64 acked = BPF_CORE_READ(tcp, bytes_acked), sent = BPF_CORE_READ(tcp, bytes_sent);
		__u64 flying = (__u32)(BPF_CORE_READ(tcp, snd_nxt) - BPF_CORE_READ(tcp, snd_una));
		__u64 again = BPF_CORE_READ(tcp, bytes_retrans);
		if (acked == BPF_CORE_READ(tcp, bytes_acked) && sent == BPF_CORE_READ(tcp, bytes_sent))
			return acked + flying + again == sent + 1;
	}
	return true;
}

/* Slots are given for a cgroup with a living task only: the one that has the socket. */
static __always_inline __u64 owner_of_old_socket(struct task_struct *task, struct sock *sk, struct flow_key *flow)
{
	struct cgroup *cgroup = cgroup_of(task), *of_socket = cgroup_of_socket(sk);
	struct cached_slot found = {};

	if (of_socket && of_socket != cgroup)
		return owner_of_socket(sk, flow);
	find_slot((__u64)cgroup, 0, &found);
	flow->slot = found.slot;
	return found.owner;
}

/* Run once: sockets that were connected before the probe was there. What they counted until now is no news. */
SEC("iter/task_file")
int sockets_before(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	struct flow_key flow = {};

	if (!task || !file || task->tgid == (int)self_pid)
		return 0;
	struct socket *socket = bpf_sock_from_file(file);
	struct sock *sk = socket ? socket->sk : NULL;
	if (!sk || sk->sk_protocol != IPPROTO_TCP || sk->__sk_common.skc_state != TCP_ESTABLISHED ||
	    bpf_sk_storage_get(&tcp_flows, sk, 0, 0))
		return 0;
	bool connect = was_connect((const struct tcp_sock *)sk);
	flow.direction = connect ? FLOW_CONNECT : FLOW_ACCEPT;
	flow.port = connect ? bpf_ntohs(sk->__sk_common.skc_dport) : sk->__sk_common.skc_num;
	set_socket_peer(&flow, sk);
	struct socket_sums now = {};
	read_sums(&now, sk);
	struct tcp_flow *kept = keep_flow(sk, &flow, owner_of_old_socket(task, sk, &flow));
	if (!kept)
		return 0;
	kept->flow.slot = flow.slot;
	kept->bytes_in = now.in;
	kept->bytes_out = now.out;
	kept->segments_in = now.segments_in;
	kept->segments_out = now.segments_out;
	return 0;
}
