/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* UDP datagrams, counted per flow where they pass the cgroup2 root. Every packet of the machine comes by, so what is no
 * UDP is let go after a look at two bytes; nothing is ever held up. */
#include "dns.h"

#define UDP_ROLES 8192 /* (slot, own port, peer) of which is remembered who sent first; the longest unheard go */
#define CLIENT_PORTS 32768 /* own ports from here on are given to clients: net.ipv4.ip_local_port_range */
#define EXTENSIONS 6 /* IPv6 extension headers before the datagram; more are not looked through */
#define UDP_HEADER 8
#define LET_PASS 1

/* Of a UDP socket. */
struct udp_socket {
	__u64 owner;
	__u32 slot;
	__u32 generation; /* of the lookup of both; 0: not looked up yet */
	__u8 first;    /* direction of the first datagram seen: FLOW_CONNECT when it was sent from here */
	__u8 last;     /* direction of the flow of the last one */
	__u16 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct udp_socket);
} udp_sockets SEC(".maps");

/* Who sent first, between an own port and a peer: key as of a flow that was accepted, without a direction. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, UDP_ROLES);
	__type(key, struct flow_key);
	__type(value, __u8);
} udp_roles SEC(".maps");

struct datagram {
	struct flow_key flow; /* slot, peer; then direction and port */
	__u16 own_port, peer_port;
	__u32 offset;  /* of the payload in the packet */
	__u32 bytes;   /* of payload, of all segments together */
	__u32 count;   /* segments, where the network card or the kernel cuts them later */
};

/* The deepest container or service above the socket's cgroup; user space reads and the slot's programs do the rest. */
__noinline int find_socket_owner(struct __sk_buff *skb, struct udp_socket *socket)
{
	__u64 id = bpf_skb_cgroup_id(skb);
	struct cached_slot *cached = bpf_map_lookup_elem(&cached_slots, &id);
	__u32 now = generation; /* before the look: what changes in between is looked up again */

	if (!socket)
		return 0;
	if (cached && still_has_slot(cached->owner, cached->slot)) {
		socket->slot = cached->slot;
		socket->owner = cached->owner;
		socket->generation = now;
		return 0;
	}
	socket->owner = id;
	socket->slot = SLOT_HOST;
	for (int level = 1; level < CGROUP_DEPTH; level++) {
		__u64 above = bpf_skb_ancestor_cgroup_id(skb, level);
		if (!above)
			break;
		__u32 *slot = bpf_map_lookup_elem(&owners, &above);
		if (!slot)
			continue;
		socket->owner = above;
		socket->slot = *slot;
	}
	return 0;
}

/* The current task sent it, not an interrupt on somebody's behalf. */
static __always_inline bool is_sender(struct __sk_buff *skb)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id) == bpf_skb_cgroup_id(skb);
}

/* Who began, the first time that the two are heard of. An answer may come from another address than was asked, where
 * addresses are translated: a client's port that has sent first stays a client. */
static __always_inline __u8 role_of(struct datagram *datagram, const struct udp_socket *socket, bool egress, bool *new)
{
	struct flow_key key = datagram->flow;

	key.direction = 0;
	key.port = datagram->own_port;
	__u8 *known = bpf_map_lookup_elem(&udp_roles, &key);
	*new = !known;
	if (known)
		return *known;
	__u8 role = FLOW_ACCEPT;
	if (egress || (socket->first == FLOW_CONNECT && datagram->own_port >= CLIENT_PORTS))
		role = FLOW_CONNECT;
	bpf_map_update_elem(&udp_roles, &key, &role, BPF_ANY);
	return role;
}

static __always_inline void set_direction(struct datagram *datagram, __u8 direction)
{
	datagram->flow.direction = direction;
	datagram->flow.port = direction == FLOW_CONNECT ? datagram->peer_port : datagram->own_port;
}

/* The first datagram of a flow in a window, or of one at all. */
__noinline int begin_datagrams(struct __sk_buff *skb, struct datagram *datagram, const struct udp_socket *socket, int egress,
			       __u32 turn)
{
	bool new = false;

	if (!datagram || !socket)
		return 0;
	set_direction(datagram, role_of(datagram, socket, egress, &new));
	begin_flow(turn, &datagram->flow, socket->owner, egress && is_sender(skb) ? REPORT_SENDER : REPORT);
	struct flow_key key = datagram->flow; /* see count_flow */
	struct flow_counts *counts_of = new ? lookup_flow(turn, &key) : NULL;
	if (counts_of)
		__sync_fetch_and_add(&counts_of->opened, 1);
	return 0;
}

/* The flow's counters: those of the last datagram's direction are tried first. */
static __always_inline struct flow_counts *find_flow(struct __sk_buff *skb, struct datagram *datagram,
						     struct udp_socket *socket, int egress)
{
	__u32 turn = flow_turn;
	struct flow_key key;

	set_direction(datagram, socket->last);
	key = datagram->flow;
	struct flow_counts *counts_of = lookup_flow(turn, &key);
	if (counts_of)
		return counts_of;
	set_direction(datagram, socket->last == FLOW_CONNECT ? FLOW_ACCEPT : FLOW_CONNECT);
	key = datagram->flow;
	counts_of = lookup_flow(turn, &key);
	if (counts_of)
		return counts_of;
	begin_datagrams(skb, datagram, socket, egress, turn);
	key = datagram->flow;
	return lookup_flow(turn, &key);
}

/* Not static, so that it is verified once and not for each of the three places where the counters may be found. */
__noinline int add_datagram(struct flow_counts *counts_of, const struct datagram *datagram, int egress)
{
	if (!counts_of || !datagram)
		return 0;
	counts_of->last = bpf_ktime_get_boot_ns();
	__sync_fetch_and_add(egress ? &counts_of->bytes_out : &counts_of->bytes_in, datagram->bytes);
	__sync_fetch_and_add(egress ? &counts_of->segments_out : &counts_of->segments_in, datagram->count);
	return 0;
}

static __always_inline void hand_to_dns(struct __sk_buff *skb, const struct datagram *datagram, __u64 owner, bool egress,
					struct flow_counts *counts_of)
{
	struct dns_place place = {
		.flow = datagram->flow,
		.owner = owner,
		.offset = datagram->offset,
		.bytes = datagram->bytes,
		.own_port = datagram->own_port,
		.egress = egress,
		.sender = egress && is_sender(skb),
	};

	look_at_dns(skb, &place, counts_of);
}

/* Not static: see dns.h. */
__noinline int count_datagram(struct __sk_buff *skb, struct datagram *datagram, int egress)
{
	struct bpf_sock *sk = skb->sk;

	if (!datagram || !sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 0;
	struct udp_socket *socket = bpf_sk_storage_get(&udp_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket) {
		count_loss(SLOT_NONE, LOSS_SOCKETS_FULL);
		return 0;
	}
	if (!socket->first)
		socket->first = socket->last = egress ? FLOW_CONNECT : FLOW_ACCEPT;
	if (socket->generation != generation)
		find_socket_owner(skb, socket);
	datagram->flow.slot = socket->slot;
	struct flow_counts *counts_of = find_flow(skb, datagram, socket, egress);
	if (!counts_of)
		return 0;
	socket->last = datagram->flow.direction;
	add_datagram(counts_of, datagram, egress);
	if (datagram->flow.direction == FLOW_CONNECT && datagram->flow.port == DNS_PORT)
		hand_to_dns(skb, datagram, socket->owner, egress, counts_of);
	return 0;
}

/* `at`: of the UDP header. */
static __always_inline int look_at_udp(struct __sk_buff *skb, struct datagram *datagram, __u32 at, bool egress)
{
	__be16 ports[2];

	if (bpf_skb_load_bytes(skb, at, ports, sizeof(ports)) || skb->len < at + UDP_HEADER)
		return 0;
	datagram->own_port = bpf_ntohs(egress ? ports[0] : ports[1]);
	datagram->peer_port = bpf_ntohs(egress ? ports[1] : ports[0]);
	datagram->offset = at + UDP_HEADER;
	datagram->bytes = skb->len - datagram->offset;
	datagram->count = skb->gso_segs ? skb->gso_segs : 1;
	datagram->flow.protocol = FLOW_UDP;
	return count_datagram(skb, datagram, egress);
}

static __noinline int look_at_ipv4(struct __sk_buff *skb, bool egress)
{
	struct datagram datagram = {};
	__u8 header[20];
	__be32 peer[4] = {};

	if (bpf_skb_load_bytes(skb, 0, header, sizeof(header)))
		return 0;
	if (((header[6] & 0x1f) | header[7]) != 0) /* a later fragment: nothing says whose; what is local was put together */
		return 0;
	__builtin_memcpy(peer, header + (egress ? 16 : 12), 4);
	set_peer(&datagram.flow, peer, true);
	return look_at_udp(skb, &datagram, (header[0] & 15) * 4, egress);
}

/* Hop-by-hop options, routing, destination options, authentication; a fragment that is the first. */
static __always_inline bool is_extension(__u8 next)
{
	return next == 0 || next == 43 || next == 60 || next == 51 || next == 44;
}

/* Where the extension header at `at` ends, with the kind of what follows in the upper byte; 0: it is not looked behind. */
__noinline __u32 extension_end(struct __sk_buff *skb, __u32 at, __u32 kind)
{
	__u8 extension[4];

	if (bpf_skb_load_bytes(skb, at, extension, sizeof(extension)))
		return 0;
	if (kind == 44 && (extension[2] | (extension[3] & 0xf8)))
		return 0;
	at += kind == 44 ? 8 : kind == 51 ? (extension[1] + 2) * 4 : (extension[1] + 1) * 8;
	return at | (__u32)extension[0] << 24;
}

static __noinline int look_at_ipv6(struct __sk_buff *skb, __u8 next, bool egress)
{
	struct datagram datagram = {};
	__be32 peer[4] = {};
	__u32 at = 40;

	for (int i = 0; i < EXTENSIONS && is_extension(next); i++) {
		__u32 end = extension_end(skb, at, next);
		if (!end)
			return 0;
		at = end & 0xffffff;
		next = end >> 24;
	}
	if (next != IPPROTO_UDP || bpf_skb_load_bytes(skb, egress ? 24 : 8, peer, sizeof(peer)))
		return 0;
	set_peer(&datagram.flow, peer, false);
	return look_at_udp(skb, &datagram, at, egress);
}

static __always_inline int look_at_packet(struct __sk_buff *skb, bool egress)
{
	const __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (data + 20 > end)
		return LET_PASS;
	if (data[0] >> 4 == 4) {
		if (data[9] == IPPROTO_UDP)
			look_at_ipv4(skb, egress);
	} else if (data[6] == IPPROTO_UDP || is_extension(data[6])) {
		look_at_ipv6(skb, data[6], egress);
	}
	return LET_PASS;
}

SEC("cgroup_skb/egress")
int packet_sent(struct __sk_buff *skb)
{
	return look_at_packet(skb, true);
}

SEC("cgroup_skb/ingress")
int packet_taken(struct __sk_buff *skb)
{
	return look_at_packet(skb, false);
}
