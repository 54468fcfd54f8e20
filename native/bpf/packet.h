/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who a packet at a cgroup is from and to, and what of a connection it is. */
#ifndef PICKET_PACKET_H
#define PICKET_PACKET_H

#define TCP_FLAGS_BYTE 13
#define TCP_SYN 0x02
#define TCP_ACK 0x10
#define IP_FRAGMENT 0x1fff

struct packet {
	struct address source, destination;
	__u16 source_port, destination_port; /* host byte order; 0: not known */
	__u8 protocol, tcp_flags;
	bool tcp; /* with the header in this packet */
};

static __always_inline void read_ports(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	bool tcp = packet->protocol == IPPROTO_TCP;
	__be16 ports[2];

	if (!tcp && packet->protocol != IPPROTO_UDP)
		return;
	if (bpf_skb_load_bytes(skb, at, ports, sizeof(ports)) ||
	    (tcp && bpf_skb_load_bytes(skb, at + TCP_FLAGS_BYTE, &packet->tcp_flags, 1)))
		return;
	packet->source_port = bpf_ntohs(ports[0]);
	packet->destination_port = bpf_ntohs(ports[1]);
	packet->tcp = tcp;
}

static __always_inline bool read_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	__u8 head[20];

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return false;
	packet->source.family = packet->destination.family = 4;
	__builtin_memcpy(packet->source.bytes, head + 12, 4);
	__builtin_memcpy(packet->destination.bytes, head + 16, 4);
	packet->protocol = head[9];
	/* A later fragment has no ports; a node's probe is never in fragments. */
	if ((((head[6] << 8) | head[7]) & IP_FRAGMENT) == 0)
		read_ports(skb, (head[0] & 0x0f) * 4, packet);
	return true;
}

/* What is behind extension headers is not looked for: it counts as something else. */
static __always_inline bool read_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	__u8 head[40];

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return false;
	packet->source.family = packet->destination.family = 6;
	__builtin_memcpy(packet->source.bytes, head + 8, 16);
	__builtin_memcpy(packet->destination.bytes, head + 24, 16);
	packet->protocol = head[6];
	read_ports(skb, sizeof(head), packet);
	return true;
}

static __always_inline bool read_packet(struct __sk_buff *skb, struct packet *packet)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return read_ipv4(skb, packet);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return read_ipv6(skb, packet);
	return false;
}

#endif
