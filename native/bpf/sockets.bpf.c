/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets that see or reach more than a workload needs: raw, packet, and those of runtimes. */
#include "deed.h"
#include "watched.h"

#define AF_PACKET 17
#define AF_XDP 44
#define SOCK_TYPE_MASK 0xf
#define SOCK_RAW 3

static __noinline int look_at_socket(struct deed *deed)
{
	if (!deed || !was_done_or_refused(deed))
		return false;
	if (deed->result >= 0) {
		struct socket *socket = socket_of(deed->result);
		deed->args[0] = BPF_CORE_READ(socket, sk, __sk_common.skc_family);
		deed->args[1] = (__u16)BPF_CORE_READ(socket, type);
	} else {
		deed->args[1] &= SOCK_TYPE_MASK;
	}
	deed->args[3] = 0;
	__u64 family = deed->args[0];
	if (family == AF_PACKET || family == AF_XDP)
		return true;
	return deed->args[1] == SOCK_RAW && (family == AF_INET || family == AF_INET6);
}

/* The path under which the peer is bound, from the kernel; what was asked for only where that was refused. */
static __noinline int look_at_connect(struct deed *deed)
{
	if (!deed)
		return false;
	if (deed->result == 0) {
		struct socket *socket = socket_of(deed->args[0]);
		struct sock *sk = socket ? BPF_CORE_READ(socket, sk) : NULL;
		if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX)
			return false;
		struct unix_sock *peer = (struct unix_sock *)BPF_CORE_READ((struct unix_sock *)sk, peer);
		deed->dentry = BPF_CORE_READ(peer, path.dentry);
		deed->mnt = BPF_CORE_READ(peer, path.mnt);
		struct dentry *bound = deed->dentry;
		return bound && is_watched(BPF_CORE_READ(bound, d_name.name), 0);
	}
	if (!was_refused(deed))
		return false;
	struct {
		__u16 family;
		char path[NAME_SCAN];
	} address = {};
	if (bpf_probe_read_user(&address.family, sizeof(address.family), (void *)deed->args[1]) ||
	    address.family != AF_UNIX)
		return false;
	deed->claimed_path = (const void *)(deed->args[1] + sizeof(address.family));
	bpf_probe_read_user_str(address.path, sizeof(address.path), deed->claimed_path);
	return ends_watched(address.path);
}
