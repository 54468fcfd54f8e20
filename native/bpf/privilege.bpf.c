/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What changes what a process is, sees or may do, told one by one, done or refused. What is told comes from registers
 * and kernel objects; the few texts that only the caller's memory has are marked as claimed.
 */
#include "actions.h"
#include "calls.h"
#include "path.h"
#include "slot.h"
#include "watched.h"

#define EPERM 1
#define EACCES 13
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_ISUID 04000
#define S_ISGID 02000
#define AF_UNIX 1
#define AF_PACKET 17
#define AF_XDP 44
#define SOCK_TYPE_MASK 0xf
#define SOCK_RAW 3
#define PROT_WRITE 2
#define PROT_EXEC 4
#define BPF_PROG_LOAD 5
#define NSFS_MAGIC 0x6e736673
#define NEW_TIME 0x00000080u
#define NEW_MNT 0x00020000u
#define NEW_CGROUP 0x02000000u
#define NEW_UTS 0x04000000u
#define NEW_IPC 0x08000000u
#define NEW_USER 0x10000000u
#define NEW_PID 0x20000000u
#define NEW_NET 0x40000000u
#define NEW_ANY (NEW_TIME | NEW_MNT | NEW_CGROUP | NEW_UTS | NEW_IPC | NEW_USER | NEW_PID | NEW_NET)
#define SI_USER 0
#define SI_QUEUE (-1)
#define SI_TKILL (-6)
#define URING_OPENAT 18
#define URING_OPENAT2 28
/* Operations on neither files nor sockets: nop, poll, timeouts, cancel, buffers, messages between rings, futexes. */
#define URING_QUIET                                                                                                    \
	(1ull << 0 | 1ull << 6 | 1ull << 7 | 1ull << 11 | 1ull << 12 | 1ull << 14 | 1ull << 15 | 1ull << 20 |          \
	 1ull << 31 | 1ull << 32 | 1ull << 40 | 1ull << 51 | 1ull << 52 | 1ull << 53)
#define NAME_SCAN 128 /* bytes of a path in which the last name is looked for */
#define XARRAY_LEVELS 6
#define XARRAY_SLOTS 64
#define PID_LIMIT (1ull << 22)

/* One action on its way to a record: addresses are of the kernel's memory, but for those that are claimed. */
struct deed {
	__u64 args[4];
	__s64 result;
	__u32 action, number, flags, pad;
	struct vfsmount *mnt;
	struct dentry *dentry;
	struct task_struct *target;
	const void *name, *claimed_name, *claimed_path;
	const void *copied_path; /* the kernel's copy of what was claimed */
};

static __always_inline bool was_refused(const struct deed *deed)
{
	return deed->result == -EPERM || deed->result == -EACCES;
}

static __always_inline bool was_done_or_refused(const struct deed *deed)
{
	return deed->result >= 0 || was_refused(deed);
}

/* ---- kernel objects ---- */

/* What the descriptor stands for now; another thread may have put something else in its place since the call. */
static __noinline __u64 file_of(__u32 descriptor)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL, **files = BPF_CORE_READ(table, fd);

	if (descriptor < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), &files[descriptor]);
	return (__u64)file;
}

static __always_inline struct socket *socket_of(__u32 descriptor)
{
	struct file *file = (struct file *)file_of(descriptor);

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	return BPF_CORE_READ(file, private_data);
}

static __always_inline void tell_path(struct deed *deed, struct file *file)
{
	deed->mnt = BPF_CORE_READ(file, f_path.mnt);
	deed->dentry = BPF_CORE_READ(file, f_path.dentry);
}

static __always_inline void claim_path(struct deed *deed, __u64 address)
{
	deed->claimed_path = (const void *)address;
}

static __always_inline struct upid *upid_at(struct pid *pid, __u32 level)
{
	return (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
}

/* The process that a number means in the pid namespace of the caller, as find_task_by_vpid() finds it; 0: none. */
static __noinline __u64 find_process(__u32 number)
{
	struct pid *own = BPF_CORE_READ(bpf_get_current_task_btf(), thread_pid), *pid;
	__u32 level = BPF_CORE_READ(own, level);
	struct pid_namespace *namespace = BPF_CORE_READ(upid_at(own, level), ns);
	__u64 entry = (__u64)BPF_CORE_READ(namespace, idr.idr_rt.xa_head);

	for (int i = 0; i < XARRAY_LEVELS && (entry & 3) == 2; i++) { /* the mark of an inner node */
		struct xa_node *node = (struct xa_node *)(entry - 2);
		__u32 slot = (number >> (BPF_CORE_READ(node, shift) & 31)) & (XARRAY_SLOTS - 1);
		__u64 at = (__u64)node + bpf_core_field_offset(struct xa_node, slots) + slot * sizeof(entry);
		if (bpf_probe_read_kernel(&entry, sizeof(entry), (void *)at))
			return 0;
	}
	pid = (struct pid *)entry;
	if (!pid || (entry & 3) || BPF_CORE_READ(upid_at(pid, level), nr) != (int)number)
		return 0;
	__u64 link = (__u64)BPF_CORE_READ(pid, tasks[0].first);
	return link ? link - bpf_core_field_offset(struct task_struct, pid_links) : 0;
}

/* 0 for a process of which nothing was seen yet. */
static __always_inline __u32 slot_of(struct task_struct *task)
{
	__u64 id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	struct cached_slot *cached = bpf_map_lookup_elem(&cached_slots, &id);

	if (cached)
		return cached->slot;
	__u32 *slot = bpf_map_lookup_elem(&owners, &id);
	return slot ? *slot : SLOT_NONE;
}

static __always_inline const void *exe_name_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, mm, exe_file, f_path.dentry, d_name.name);
}

static __always_inline void aim_at(struct deed *deed, struct task_struct *target)
{
	deed->target = target;
	if (target)
		deed->name = exe_name_of(target);
}

/* ---- the record ---- */

static __always_inline void write_texts(struct action_record *record, const struct deed *deed)
{
	if (deed->dentry) {
		struct written_path path = write_path(record->path, deed->mnt, deed->dentry);
		record->path_bytes = path.bytes;
		record->flags |= path.flags;
	} else if (deed->claimed_path) {
		long length = bpf_probe_read_user_str(record->path, PATH_BYTES, deed->claimed_path);
		record->path_bytes = length > 0 ? length : 0;
		record->flags |= PATH_CLAIMED;
	} else if (deed->copied_path) {
		long length = bpf_probe_read_kernel_str(record->path, PATH_BYTES, deed->copied_path);
		record->path_bytes = length > 0 ? length : 0;
		record->flags |= PATH_CLAIMED;
	}
	if (deed->name) {
		bpf_probe_read_kernel_str(record->name, sizeof(record->name), deed->name);
	} else if (deed->claimed_name) {
		bpf_probe_read_user_str(record->name, sizeof(record->name), deed->claimed_name);
		record->flags |= ACTION_CLAIMED;
	}
}

static __always_inline void write_target(struct action_record *record, struct task_struct *target)
{
	record->target_pid = BPF_CORE_READ(target, tgid);
	record->target_start = BPF_CORE_READ(target, group_leader, start_boottime);
	record->target_slot = slot_of(target);
}

/* True when the record was reserved. */
static __noinline int tell(struct task_state *state, struct deed *deed)
{
	if (!state || !deed)
		return false;
	struct action_record *record = reserve_record(&urgent, RECORD_ACTION, struct action_record, PATH_BYTES,
						      state->slot, state->owner, LOSS_URGENT_FULL);
	if (!record)
		return false;
	fill_process(&record->header);
	write_exe(record->exe, bpf_get_current_task_btf());
	record->action = deed->action;
	record->number = deed->number;
	record->result = deed->result;
	__u8 told = told_args[deed->action & (ACTION_NUMBERS - 1)];
	for (int i = 0; i < 4; i++)
		record->args[i] = told & (1 << i) ? deed->args[i] : 0;
	record->flags = deed->flags;
	write_texts(record, deed);
	if (deed->target)
		write_target(record, deed->target);
	bpf_ringbuf_submit(record, 0);
	return true;
}

/* ---- one kind of action each: whether it is told, and with what ---- */

static __always_inline void tell_ids(struct deed *deed, const struct ids *before, const struct ids *now)
{
	deed->args[0] = before->euid | (__u64)before->uid << 32;
	deed->args[1] = now->euid | (__u64)now->uid << 32;
	deed->args[2] = before->egid | (__u64)before->gid << 32;
	deed->args[3] = now->egid | (__u64)now->gid << 32;
}

static __always_inline bool ids_differ(const struct ids *a, const struct ids *b)
{
	return a->uid != b->uid || a->euid != b->euid || a->gid != b->gid || a->egid != b->egid;
}

static __noinline int look_at_ids(struct task_state *state, struct deed *deed)
{
	struct ids now;

	if (!state || !deed)
		return false;
	if (deed->result)
		return was_refused(deed);
	read_ids(&now, bpf_get_current_task_btf());
	bool differ = ids_differ(&state->ids, &now);
	tell_ids(deed, &state->ids, &now);
	state->ids = now;
	return differ;
}

static __noinline int look_at_capabilities(struct task_state *state, struct deed *deed)
{
	struct ids now;

	if (!state || !deed)
		return false;
	if (deed->result) {
		deed->args[0] = deed->args[1] = deed->args[2] = 0; /* addresses */
		return was_refused(deed);
	}
	read_ids(&now, bpf_get_current_task_btf());
	__u64 before = state->ids.effective;
	state->ids = now;
	deed->args[0] = before;
	deed->args[1] = now.effective;
	bpf_probe_read_kernel(&deed->args[2], sizeof(deed->args[2]), &bpf_get_current_task_btf()->cred->cap_permitted);
	deed->args[3] = 0;
	return before != now.effective;
}

/* Reads of the traced, and its going on and stopping, are left out: they come by the thousand and change nothing. */
static __noinline int look_at_ptrace(struct deed *deed)
{
	if (!deed || !was_done_or_refused(deed))
		return false;
	switch (deed->args[0]) {
	case 0: /* PTRACE_TRACEME */
		aim_at(deed, BPF_CORE_READ(bpf_get_current_task_btf(), real_parent));
		return true;
	case 4: /* POKETEXT, POKEDATA, POKEUSR, SETREGS, SETFPREGS, ATTACH, SETREGSET, SEIZE */
	case 5:
	case 6:
	case 13:
	case 15:
	case 16:
	case 0x4205:
	case 0x4206:
		aim_at(deed, (struct task_struct *)find_process(deed->args[1]));
		return true;
	}
	return false;
}

static __noinline int look_at_memory_of(struct deed *deed)
{
	if (!deed || !was_done_or_refused(deed))
		return false;
	struct task_struct *target = (struct task_struct *)find_process(deed->args[0]);
	aim_at(deed, target);
	return !target || BPF_CORE_READ(target, tgid) != bpf_get_current_task_btf()->tgid;
}

static __noinline int look_at_mounts(struct deed *deed)
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
	case ACTION_MOVE_MOUNT:
		claim_path(deed, deed->args[3]);
		break;
	case ACTION_FSMOUNT:
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

static __noinline int look_at_namespaces(struct deed *deed)
{
	if (!deed || !was_done_or_refused(deed))
		return false;
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

/* Whatever came of it: a module that does not load was meant to. */
static __noinline int look_at_module(struct deed *deed)
{
	if (!deed)
		return false;
	if (deed->action == ACTION_MODULE_UNLOAD)
		deed->claimed_name = (const void *)deed->args[0];
	else if (deed->number == (deed->flags & ACTION_COMPAT ? COMPAT_FINIT_MODULE : CALL_FINIT_MODULE))
		tell_path(deed, (struct file *)file_of(deed->args[0]));
	return true;
}

static __noinline int look_at_bpf(struct deed *deed)
{
	if (!deed || deed->args[0] != BPF_PROG_LOAD || !was_done_or_refused(deed))
		return false;
	deed->args[1] = deed->args[2] = deed->args[3] = 0;
	if (deed->result < 0)
		return true;
	struct file *file = (struct file *)file_of(deed->result);
	struct bpf_prog *program = BPF_CORE_READ(file, private_data);
	struct bpf_prog_aux *more = BPF_CORE_READ(program, aux);
	deed->args[1] = BPF_CORE_READ(program, type);
	deed->name = &more->name;
	return true;
}

static __noinline int look_at_file(struct deed *deed)
{
	if (!deed || !was_done_or_refused(deed))
		return false;
	if (deed->result < 0)
		return true;
	struct file *file = (struct file *)file_of(deed->result);
	if (deed->action == ACTION_MEMFD)
		deed->name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	else
		tell_path(deed, file);
	return true;
}

/* State of the process: of its first thread, which may be gone. */
static __always_inline struct task_state *state_of_process(struct task_state *state)
{
	struct task_struct *leader = bpf_get_current_task_btf()->group_leader;
	struct task_state *found = leader ? bpf_task_storage_get(&tasks, leader, 0, 0) : NULL;

	return found ? found : state;
}

static long has_no_file(struct task_struct *task, struct vm_area_struct *area, void *answer)
{
	*(__u32 *)answer = !area->vm_file;
	return 0;
}

/* Yes when it cannot be told: an old kernel, or the map is being changed by another thread. */
static __always_inline bool is_anonymous(__u64 address)
{
	__u32 answer = true;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_find_vma))
		bpf_find_vma(bpf_get_current_task_btf(), address, has_no_file, &answer, 0);
	return answer;
}

static __noinline int look_at_memory(struct task_state *state, struct deed *deed)
{
	if (!state || !deed || !(deed->args[2] & PROT_EXEC))
		return false;
	if ((unsigned long)deed->result >= (unsigned long)-4095 && !was_refused(deed))
		return false;
	__u32 bit = SEEN_WRITE_EXEC;
	if (deed->args[2] & PROT_WRITE)
		deed->action = ACTION_WRITE_EXEC;
	else if (deed->action == ACTION_MAKE_EXEC && is_anonymous(deed->args[0]))
		bit = SEEN_MAKE_EXEC;
	else
		return false;
	struct task_state *process = state_of_process(state);
	if (process->seen & bit)
		return false;
	if (tell(state, deed))
		process->seen |= bit;
	return false; /* was told here */
}

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

static const __u8 is_slash[256] = {['/'] = 1};

/* Whether the last name of a path is a watched one. A table, because a branch per character is a state per character. */
static __always_inline bool ends_watched(const char text[NAME_SCAN])
{
	__u32 last = 0;

	for (__u32 i = 0; i < NAME_SCAN; i++)
		last += (i + 1 - last) * is_slash[(__u8)text[i]];
	return is_watched((const unsigned char *)text + (last & (NAME_SCAN - 1)), 0);
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

static __noinline int look_at_refused_signal(struct deed *deed)
{
	if (!deed || !was_refused(deed))
		return false;
	if (deed->number != CALL_PIDFD_SEND_SIGNAL)
		aim_at(deed, (struct task_struct *)find_process(deed->args[0]));
	return true;
}

static __noinline int is_told(struct task_state *state, struct deed *deed)
{
	if (!deed)
		return false;
	switch (deed->action) {
	case ACTION_SET_ID:
		return look_at_ids(state, deed);
	case ACTION_CAPSET:
		return look_at_capabilities(state, deed);
	case ACTION_PTRACE:
		return look_at_ptrace(deed);
	case ACTION_VM_READ:
	case ACTION_VM_WRITE:
		return look_at_memory_of(deed);
	case ACTION_UNSHARE:
	case ACTION_SETNS:
	case ACTION_CLONE_NS:
		return look_at_namespaces(deed);
	case ACTION_MODULE_LOAD:
	case ACTION_MODULE_UNLOAD:
		return look_at_module(deed);
	case ACTION_BPF_LOAD:
		return look_at_bpf(deed);
	case ACTION_MEMFD:
	case ACTION_OPEN_HANDLE:
	case ACTION_TAKE_FD:
		return look_at_file(deed);
	case ACTION_WRITE_EXEC:
	case ACTION_MAKE_EXEC:
		return look_at_memory(state, deed);
	case ACTION_RAW_SOCKET:
		return look_at_socket(deed);
	case ACTION_SOCKET_USE:
		return look_at_connect(deed);
	case ACTION_SIGNAL:
		return look_at_refused_signal(deed);
	case ACTION_PERF_OPEN:
	case ACTION_URING_SETUP:
		return was_done_or_refused(deed);
	case ACTION_KEXEC: /* whatever came of it, as for modules */
		return true;
	}
	return look_at_mounts(deed);
}

static __noinline int look_at_action(struct task_state *state, struct pt_regs *regs, long result, __u32 action,
				     bool compat)
{
	__u64 native_args[] = NATIVE_ARGUMENTS(regs);
	struct deed deed = {.action = action, .result = result, .number = CALL_NUMBER(regs)};

	if (!state)
		return 0;
	__builtin_memcpy(deed.args, native_args, sizeof(deed.args));
	if (compat) {
		__u64 compat_args[] = COMPAT_ARGUMENTS(regs);
		__builtin_memcpy(deed.args, compat_args, sizeof(deed.args));
		deed.flags = ACTION_COMPAT;
	}
	if (is_told(state, &deed))
		tell(state, &deed);
	return 0;
}

/* ---- what no call tells, or not the truth of it ---- */

/* An executable that gives its starter other ids. Also where the memory of what was told once ends. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(ids_by_exec, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
	struct task_state *state = current_state();
	struct ids now;

	if (!state)
		return 0;
	state->seen = 0;
	state->seen_uring = 0;
	read_ids(&now, task);
	if (ids_differ(&state->ids, &now)) {
		struct deed deed = {.action = ACTION_EXEC_ID, .number = ACTION_NO_CALL};
		tell_ids(&deed, &state->ids, &now);
		tell_path(&deed, binary->file);
		tell(state, &deed);
	}
	state->ids = now;
	return 0;
}

static __always_inline __u32 new_namespaces(struct task_struct *parent, struct task_struct *child)
{
	struct nsproxy *a = parent->nsproxy, *b = child->nsproxy;
	__u32 flags = 0;

	if (BPF_CORE_READ(parent, cred, user_ns) != BPF_CORE_READ(child, cred, user_ns))
		flags |= NEW_USER;
	if (a == b)
		return flags;
#define NEW_IF(flag, member) flags |= BPF_CORE_READ(a, member) != BPF_CORE_READ(b, member) ? (flag) : 0
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

/* Signals that a process sends to one of another slot. */
SEC("tp_btf/signal_generate")
int BPF_PROG(signal_sent, int number, struct kernel_siginfo *info, struct task_struct *target)
{
	if ((unsigned long)info < 2) /* the kernel's own */
		return 0;
	int code = BPF_CORE_READ(info, si_code);
	if (code != SI_USER && code != SI_TKILL && code != SI_QUEUE)
		return 0;
	struct task_state *state = current_state();
	if (!state)
		return 0;
	struct task_struct *sender = bpf_get_current_task_btf();
	if (BPF_CORE_READ(sender, cgroups, dfl_cgrp) == BPF_CORE_READ(target, cgroups, dfl_cgrp))
		return 0;
	__u32 slot = slot_of(target);
	if (slot == state->slot || (slot == SLOT_NONE && state->slot == SLOT_HOST))
		return 0;
	struct deed deed = {.action = ACTION_SIGNAL, .number = ACTION_NO_CALL, .args = {number}};
	aim_at(&deed, target);
	tell(state, &deed);
	return 0;
}

/* The name of the file to open, as the kernel copied it; NULL where the operation is no open. */
static __always_inline const char *name_to_open(struct io_kiocb *request, __u32 operation)
{
	if (operation != URING_OPENAT && operation != URING_OPENAT2)
		return NULL;
	if (!bpf_core_field_exists(struct io_open, filename))
		return NULL;
	return BPF_CORE_READ((struct io_open *)request, filename, name);
}

static __noinline bool is_watched_text(const char *text)
{
	char name[NAME_SCAN] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), text);
	return ends_watched(name);
}

/* What is done through io_uring never shows as a call. */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(uring_submitted, struct io_kiocb *request)
{
	__u32 operation = BPF_CORE_READ(request, opcode) & 63;
	__u64 bit = 1ull << operation;

	if (bit & URING_QUIET)
		return 0;
	struct task_state *state = current_state();
	if (!state)
		return 0;
	struct task_state *process = state_of_process(state);
	struct deed deed = {.action = ACTION_URING_OP, .number = ACTION_NO_CALL, .args = {operation}};
	deed.copied_path = name_to_open(request, operation);
	if ((process->seen_uring & bit) && !(deed.copied_path && is_watched_text(deed.copied_path)))
		return 0;
	if (deed.copied_path)
		deed.args[1] = BPF_CORE_READ((struct io_open *)request, how.flags);
	if (tell(state, &deed))
		process->seen_uring |= bit;
	return 0;
}

/* The victim in its own slot; before Linux 6.8 only its number is told, and nothing here. */
SEC("tp_btf/mark_victim")
int oom_kill(__u64 *context)
{
	struct task_struct *task = (struct task_struct *)context[0];

	if ((__u64)task < PID_LIMIT)
		return 0;
	struct task_struct *leader = BPF_CORE_READ(task, group_leader), *parent = BPF_CORE_READ(leader, real_parent);
	__u64 cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id), owner = cgroup;
	struct cached_slot *cached = bpf_map_lookup_elem(&cached_slots, &cgroup);
	__u32 slot = slot_of(task);
	if (cached)
		owner = cached->owner;
	struct action_record *record =
		reserve_record(&urgent, RECORD_ACTION, struct action_record, 0, slot, owner, LOSS_URGENT_FULL);
	if (!record)
		return 0;
	record->header.pid = BPF_CORE_READ(task, tgid);
	record->header.tid = BPF_CORE_READ(task, pid);
	record->header.uid = BPF_CORE_READ(task, cred, uid.val);
	record->header.start = BPF_CORE_READ(leader, start_boottime);
	record->header.parent_pid = BPF_CORE_READ(parent, tgid);
	record->header.parent_start = BPF_CORE_READ(parent, group_leader, start_boottime);
	record->action = ACTION_OOM_KILL;
	record->number = ACTION_NO_CALL;
	write_exe(record->exe, task);
	bpf_ringbuf_submit(record, 0);
	return 0;
}
