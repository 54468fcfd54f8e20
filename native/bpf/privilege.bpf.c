/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What changes what a process is, sees or may do, told one by one, done or refused: which subject looks at which
 * action. Each look_at_... says whether the action is told, and with what.
 */
#include "calls.h"
#include "changes.bpf.c"
#include "deed.h"
#include "ids.bpf.c"
#include "memory.bpf.c"
#include "modules.bpf.c"
#include "mounts.bpf.c"
#include "sockets.bpf.c"
#include "targets.bpf.c"
#include "uring.bpf.c"

__noinline int look_at_file(struct deed *deed)
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

__noinline int is_told(struct task_state *state, struct deed *deed)
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
		return look_at_namespaces(state, deed);
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
	case ACTION_USERFAULT:
	case ACTION_IO_PORTS:
		return was_done_or_refused(deed);
	case ACTION_RENAME:
	case ACTION_LINK:
	case ACTION_SYMLINK:
		return look_at_names(deed);
	case ACTION_UNLINK:
	case ACTION_CHMOD:
	case ACTION_CHOWN:
	case ACTION_TRUNCATE:
	case ACTION_SETXATTR:
		return look_at_change(state, deed);
	case ACTION_MAKE_DEVICE:
		return look_at_device(deed);
	case ACTION_PERSONALITY:
		return look_at_personality(deed);
	case ACTION_KEXEC: /* whatever came of it, as for modules */
		return true;
	}
	return look_at_mounts(deed);
}

static __noinline int look_at_action(struct task_state *state, struct pt_regs *regs, long result, __u32 action,
				     bool compat)
{
	__u64 native_args[] = NATIVE_ARGUMENTS(regs);
	struct deed deed = {.action = action & ACTION_BITS, .form = action & ~ACTION_BITS, .result = result, .number = CALL_NUMBER(regs)};

	if (!state)
		return 0;
	__builtin_memcpy(deed.args, native_args, sizeof(deed.args));
	if (compat) {
		__u64 compat_args[] = COMPAT_ARGUMENTS(regs);
		__builtin_memcpy(deed.args, compat_args, sizeof(deed.args));
		deed.flags = ACTION_COMPAT;
	}
	if (is_told(state, &deed) && tell(state, &deed) && deed.once)
		was_told(state, deed.once, deed.once);
	return 0;
}
