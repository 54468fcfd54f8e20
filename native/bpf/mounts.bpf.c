/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a process sees: mounts, its root, namespaces. */
#include "deed.h"

#define NSFS_MAGIC 0x6e736673
#define CALL_FSOPEN 430 /* on every architecture */
#define NEW_TIME 0x00000080u
#define NEW_MNT 0x00020000u
#define NEW_CGROUP 0x02000000u
#define NEW_UTS 0x04000000u
#define NEW_IPC 0x08000000u
#define NEW_USER 0x10000000u
#define NEW_PID 0x20000000u
#define NEW_NET 0x40000000u
#define NEW_ANY (NEW_TIME | NEW_MNT | NEW_CGROUP | NEW_UTS | NEW_IPC | NEW_USER | NEW_PID | NEW_NET)

__noinline int look_at_mounts(struct deed *deed)
{
	if (!deed || !was_done_or_refused(deed))
		return false;
	struct file *file = NULL;
	if (deed->result >= 0 && (deed->action == ACTION_FSMOUNT || deed->action == ACTION_OPEN_TREE))
		file = (struct file *)file_of(deed->result);
	switch (deed->action) {
	case ACTION_MOUNT:
		deed->claimed_name = (const void *)deed->args[0];
		claim_path(deed, deed->args[1]);
		break;
	case ACTION_UMOUNT:
	case ACTION_PIVOT_ROOT:
		claim_path(deed, deed->args[0]);
		break;
	case ACTION_MOUNT_ATTR:
		claim_path(deed, deed->args[1]);
		break;
	case ACTION_MOVE_MOUNT:
		claim_path(deed, deed->args[3]);
		break;
	case ACTION_FSMOUNT:
		if (deed->number == CALL_FSOPEN) { /* what is opened is told when it is mounted */
			deed->claimed_name = (const void *)deed->args[0];
			return was_refused(deed);
		}
		if (file)
			deed->name = BPF_CORE_READ(file, f_path.mnt, mnt_root, d_inode, i_sb, s_type, name);
		break;
	case ACTION_OPEN_TREE:
		if (file)
			tell_path(deed, file);
		else
			claim_path(deed, deed->args[1]);
		break;
	case ACTION_CHROOT:
		if (deed->result == 0) {
			struct task_struct *task = bpf_get_current_task_btf();
			deed->mnt = BPF_CORE_READ(task, fs, root.mnt);
			deed->dentry = BPF_CORE_READ(task, fs, root.dentry);
		} else {
			claim_path(deed, deed->args[0]);
		}
		break;
	}
	return true;
}

__noinline int look_at_namespaces(struct task_state *state, struct deed *deed)
{
	if (!state || !deed || !was_done_or_refused(deed))
		return false;
	read_ids(&state->ids, bpf_get_current_task_btf()); /* a user namespace gives capabilities */
	if (deed->action == ACTION_UNSHARE)
		return (deed->args[0] & NEW_ANY) != 0;
	if (deed->action == ACTION_CLONE_NS) /* done is told by the fork; the lowest byte is a signal here */
		return was_refused(deed) && (deed->args[0] & NEW_ANY & ~0xffu) != 0;
	struct file *file = (struct file *)file_of(deed->args[0]);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	if (BPF_CORE_READ(inode, i_sb, s_magic) == NSFS_MAGIC) {
		struct ns_common *namespace = BPF_CORE_READ(inode, i_private);
		deed->name = BPF_CORE_READ(namespace, ops, name);
	}
	return true;
}

/* 1, or 0 where the two are the same. */
static __always_inline __u32 differ(__u64 a, __u64 b)
{
	__u64 bits = a ^ b, negative = -bits;

	barrier_var(negative); /* else the compiler sees through it, and makes a branch of it */
	return (bits | negative) >> 63;
}

static __always_inline __u32 new_namespaces(struct task_struct *parent, struct task_struct *child)
{
	struct nsproxy *a = BPF_CORE_READ(parent, nsproxy), *b = BPF_CORE_READ(child, nsproxy);
	__u32 flags = 0;

	if (BPF_CORE_READ(parent, cred, user_ns) != BPF_CORE_READ(child, cred, user_ns))
		flags |= NEW_USER;
	if (a == b)
		return flags;
/* Without a branch: each would double what the verifier goes through. */
#define NEW_IF(flag, member) flags |= differ((__u64)BPF_CORE_READ(a, member), (__u64)BPF_CORE_READ(b, member)) * (flag)
	NEW_IF(NEW_MNT, mnt_ns);
	NEW_IF(NEW_UTS, uts_ns);
	NEW_IF(NEW_IPC, ipc_ns);
	NEW_IF(NEW_NET, net_ns);
	NEW_IF(NEW_CGROUP, cgroup_ns);
	NEW_IF(NEW_PID, pid_ns_for_children);
	return flags;
}

/* clone3 has its flags in the caller's memory; the child shows what became of them. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(namespaces_by_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 flags = new_namespaces(parent, child);

	if (!flags)
		return 0;
	struct task_state *state = current_state();
	struct deed deed = {.action = ACTION_CLONE_NS, .number = ACTION_NO_CALL, .args = {flags}, .target = child};
	if (state)
		tell(state, &deed);
	return 0;
}
