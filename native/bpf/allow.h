/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a containment of the network lets through all the same: peers, each by address, protocol and port. */
#ifndef PICKET_ALLOW_H
#define PICKET_ALLOW_H

struct address {
	__u32 family; /* 4 or 6 */
	__u8 bytes[16];
};

/* By the cgroup of the containment. Not preallocated: 1,024 of them would take 1.3 MB, and few are ever used. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CONTAINMENTS);
	__type(key, __u64);
	__type(value, struct allowed_peers);
} allowed SEC(".maps");

/* Who wants to speak to whom: of a packet, or of a call. */
struct talk {
	struct address peer;
	__u16 peer_port, own_port; /* host byte order; 0: not known, which only rules for all ports let through */
	__u8 protocol;             /* of IP */
	bool begins;               /* a connection: the first packet of TCP, or connect */
	bool inward;
};

/* ::ffff:a.b.c.d is IPv4 on the wire, whatever family the socket is of. */
static __always_inline void unmap(struct address *address)
{
	const __u32 *words = (const __u32 *)address->bytes;

	if (address->family != 6 || words[0] || words[1] || words[2] != bpf_htonl(0xffff))
		return;
	__u32 last = words[3];
	address->family = 4;
	__builtin_memset(address->bytes, 0, sizeof(address->bytes));
	__builtin_memcpy(address->bytes, &last, sizeof(last));
}

static __always_inline bool fits(const struct allowed_peer *rule, const struct talk *talk)
{
	const __u32 *words = (const __u32 *)talk->peer.bytes;
	__u16 port = rule->inward ? talk->own_port : talk->peer_port;

	if (rule->family != talk->peer.family || (rule->protocol && rule->protocol != talk->protocol))
		return false;
	if (port < rule->port_low || port > rule->port_high)
		return false;
	/* Who may be answered may not be called: a rule is for connections that begin its way. */
	if (talk->begins && (bool)rule->inward != talk->inward)
		return false;
	return ((words[0] & rule->mask[0]) == rule->network[0]) & ((words[1] & rule->mask[1]) == rule->network[1]) &
	       ((words[2] & rule->mask[2]) == rule->network[2]) & ((words[3] & rule->mask[3]) == rule->network[3]);
}

static __always_inline bool is_allowed(__u64 cgroup, const struct talk *talk)
{
	struct allowed_peers *rules = bpf_map_lookup_elem(&allowed, &cgroup);

	if (!rules)
		return false;
	for (__u32 i = 0; i < ALLOWED_PEERS; i++) {
		if (i >= rules->count)
			return false;
		if (fits(&rules->peers[i], talk))
			return true;
	}
	return false;
}

#endif
