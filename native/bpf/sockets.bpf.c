/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets that see or reach more than a workload needs: raw, packet, and those of runtimes. */
#include "deed.h"
#include "names.h"
#include "novel.h"

#define AF_PACKET 17
#define AF_XDP 44
#define SOCK_TYPE_MASK 0xf
#define SOCK_RAW 3
#define AF_KEY 15
#define AF_NETLINK 16
#define AF_ALG 38
#define NETLINK_ROUTE 0 /* asked by every lookup of a name */
#define NETLINK_KOBJECT_UEVENT 15
#define SOCK_BINDPORT_LOCK 8 /* the port was named, not picked by the kernel */

__noinline int look_at_socket(struct deed *deed)
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
	if (family == AF_INET || family == AF_INET6)
		return deed->args[1] == SOCK_RAW;
	deed->action = ACTION_KERNEL_SOCKET;
	if (family == AF_NETLINK)
		return deed->args[2] != NETLINK_ROUTE && deed->args[2] != NETLINK_KOBJECT_UEVENT;
	return family == AF_ALG || family == AF_KEY || family == AF_VSOCK;
}

/* The path under which the peer is bound, from the kernel; what was asked for only where that was refused. */
__noinline int look_at_connect(struct deed *deed)
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
	__u16 family = 0;
	if (bpf_probe_read_user(&family, sizeof(family), (void *)deed->args[1]) || family != AF_UNIX)
		return false;
	deed->claimed_path = (const void *)(deed->args[1] + SUN_PATH_OFFSET);
	return is_watched_address(deed->args[1], deed->args[2]);
}

/* UDP has no state of listening: what is bound to a port that it named takes datagrams from anybody. */
__noinline int note_datagrams_port(struct task_state *state, __u32 descriptor)
{
	struct slot_profile *profile = state && state->slot != SLOT_NONE ? profile_of(state->slot) : NULL;
	struct socket *socket = profile ? socket_of(descriptor) : NULL;
	struct sock *sk = socket ? BPF_CORE_READ(socket, sk) : NULL;

	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_UDP ||
	    !(BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK))
		return 0;
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	struct novelty novelty = {.what = NOVEL_LISTEN, .protocol = IPPROTO_UDP,
				  .port = BPF_CORE_READ(sk, __sk_common.skc_num)};
	if (family != AF_INET && family != AF_INET6)
		return 0;
	novelty.key = key_of(NOVEL_LISTEN, novelty.port, novelty.protocol);
	return is_known(profile, novelty.key) ? 0 : tell_novelty(state, &novelty);
}
