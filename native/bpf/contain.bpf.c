/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Containment: pinned, so that it holds without the agent. A container without containment pays one array read per
 * exec; the network programs are attached to a contained container's own cgroup only, whose children inherit them.
 */
#include "containment.h"
#include <bpf/bpf_endian.h>

#define NODE_ADDRESSES 64   /* as index.ts says */

enum { DROP = 0, PASS = 1 };

#include "allow.h"
#include "packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NODE_ADDRESSES);
	__type(key, struct address);
	__type(value, __u8);
} node_addresses SEC(".maps");

/* ---- kill on exec ---- */

/* The new image is in place but has not run an instruction; the signal is taken before it returns to user space. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(kill_on_exec, struct task_struct *task)
{
	__u32 zero = 0;
	struct contain_settings *set = bpf_map_lookup_elem(&settings, &zero);

	if (!set || set->active == 0)
		return 0;
	struct found found = find_containment(CONTAIN_EXEC, bpf_get_current_ancestor_cgroup_id);
	if (!found.containment)
		return 0;
	bpf_send_signal(SIGKILL);
	report_stopped_exec(&found, task);
	return 0;
}

/* ---- packets ---- */

/* Whether something listens on the container's own port. A peer port of 0 finds no connection, only a listener. */
static __always_inline bool is_served(struct __sk_buff *skb, const struct address *own, __u16 port)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = sizeof(tuple.ipv4);

	if (own->family == 4) {
		__builtin_memcpy(&tuple.ipv4.daddr, own->bytes, 4);
		tuple.ipv4.dport = bpf_htons(port);
	} else {
		__builtin_memcpy(tuple.ipv6.daddr, own->bytes, 16);
		tuple.ipv6.dport = bpf_htons(port);
		size = sizeof(tuple.ipv6);
	}
	struct bpf_sock *listener = bpf_sk_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!listener)
		return false;
	bpf_sk_release(listener);
	return true;
}

/* TCP between the node and a port that the container listens on: kubelet's probes. The container must not be able to
 * begin a connection to the node, nor go on with one that it began before, which is from a port it does not serve. */
static __always_inline bool is_probe(struct __sk_buff *skb, const struct containment *containment,
				     const struct packet *packet, bool egress)
{
	if ((containment->flags & CONTAIN_CUT_PROBES) || !packet->tcp)
		return false;
	if (egress && (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return false;
	if (!bpf_map_lookup_elem(&node_addresses, egress ? &packet->destination : &packet->source))
		return false;
	return is_served(skb, egress ? &packet->source : &packet->destination,
			 egress ? packet->source_port : packet->destination_port);
}

static __always_inline bool is_allowed_packet(const struct found *found, const struct packet *packet, bool egress)
{
	struct talk talk = {
		.peer = egress ? packet->destination : packet->source,
		.peer_port = egress ? packet->destination_port : packet->source_port,
		.own_port = egress ? packet->source_port : packet->destination_port,
		.protocol = packet->protocol,
		.begins = packet->tcp && (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN,
		.inward = !egress,
	};

	return (found->containment->flags & CONTAIN_ALLOW) && is_allowed(found->cgroup, &talk);
}

static __always_inline void report_packet(__u64 cgroup, const struct packet *packet)
{
	struct denied_record *record = begin_report(cgroup, DENIED_SEND);

	if (!record)
		return;
	record->port = packet->destination_port;
	record->family = packet->destination.family;
	__builtin_memcpy(record->peer, packet->destination.bytes, sizeof(record->peer));
	bpf_ringbuf_submit(record, 0);
}

static __always_inline int judge_packet(struct __sk_buff *skb, bool egress)
{
	struct packet packet = {};
#define ancestor_of_packet(level) bpf_skb_ancestor_cgroup_id(skb, level)
	struct found found = find_containment(CONTAIN_NETWORK, ancestor_of_packet);

	if (!found.containment)
		return PASS;
	bool known = read_packet(skb, &packet);
	if (known && (is_probe(skb, found.containment, &packet, egress) || is_allowed_packet(&found, &packet, egress)))
		return PASS;
	__sync_fetch_and_add(&found.containment->packets, 1);
	if (egress)
		report_packet(found.cgroup, &packet);
	return DROP;
}

SEC("cgroup_skb/ingress")
int packet_in(struct __sk_buff *skb)
{
	return judge_packet(skb, false);
}

SEC("cgroup_skb/egress")
int packet_out(struct __sk_buff *skb)
{
	return judge_packet(skb, true);
}

/* ---- calls: refused at once with EPERM, so that the caller does not wait for a timeout ---- */

static __always_inline struct address address_of(struct bpf_sock_addr *context, __u32 family)
{
	struct address to = {.family = family};

	if (family == 4) {
		__u32 peer = context->user_ip4;
		__builtin_memcpy(to.bytes, &peer, sizeof(peer));
	} else {
		__u32 peer[4] = {context->user_ip6[0], context->user_ip6[1], context->user_ip6[2],
				 context->user_ip6[3]};
		__builtin_memcpy(to.bytes, peer, sizeof(peer));
	}
	return to;
}

static __always_inline bool is_allowed_call(struct bpf_sock_addr *context, const struct found *found, __u32 family)
{
	struct bpf_sock *own = context->sk;
	struct talk talk = {
		.peer = address_of(context, family),
		.peer_port = bpf_ntohs((__u16)context->user_port),
		.own_port = own ? own->src_port : 0,
		.protocol = context->protocol,
		.begins = context->protocol == IPPROTO_TCP,
	};

	unmap(&talk.peer);
	return (found->containment->flags & CONTAIN_ALLOW) && is_allowed(found->cgroup, &talk);
}

static __always_inline int judge_call(struct bpf_sock_addr *context, __u32 what, __u32 family)
{
	struct found found = find_containment(CONTAIN_NETWORK, bpf_get_current_ancestor_cgroup_id);

	if (!found.containment || is_allowed_call(context, &found, family))
		return PASS;
	__sync_fetch_and_add(what == DENIED_CONNECT ? &found.containment->connects : &found.containment->sends, 1);
	struct denied_record *record = begin_report(found.cgroup, what);
	if (!record)
		return DROP;
	record->port = bpf_ntohs((__u16)context->user_port);
	record->family = family;
	struct address to = address_of(context, family);
	__builtin_memcpy(record->peer, to.bytes, sizeof(record->peer));
	bpf_ringbuf_submit(record, 0);
	return DROP;
}

SEC("cgroup/connect4")
int connect_v4(struct bpf_sock_addr *context)
{
	return judge_call(context, DENIED_CONNECT, 4);
}

SEC("cgroup/connect6")
int connect_v6(struct bpf_sock_addr *context)
{
	return judge_call(context, DENIED_CONNECT, 6);
}

SEC("cgroup/sendmsg4")
int send_v4(struct bpf_sock_addr *context)
{
	return judge_call(context, DENIED_SEND, 4);
}

SEC("cgroup/sendmsg6")
int send_v6(struct bpf_sock_addr *context)
{
	return judge_call(context, DENIED_SEND, 6);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
