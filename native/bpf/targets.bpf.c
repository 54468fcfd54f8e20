/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is done to other processes: tracing, their memory, signals; and by the kernel, which kills one when memory ends. */
#include "calls.h"
#include "deed.h"

#define SI_USER 0
#define SI_QUEUE (-1)
#define SI_TKILL (-6)
#define XARRAY_LEVELS 6
#define XARRAY_SLOTS 64
#define PID_LIMIT (1ull << 22)

static __always_inline struct upid *upid_at(struct pid *pid, __u32 level)
{
	return (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
}

/* The process that a number means in the pid namespace of the caller, as find_task_by_vpid() finds it; 0: none. */
__noinline __u64 find_process(__u32 number)
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

/* Reads of the traced, and its going on and stopping, are left out: they come by the thousand and change nothing. */
__noinline int look_at_ptrace(struct deed *deed)
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

__noinline int look_at_memory_of(struct deed *deed)
{
	if (!deed || !was_done_or_refused(deed))
		return false;
	struct task_struct *target = (struct task_struct *)find_process(deed->args[0]);
	aim_at(deed, target);
	return !target || BPF_CORE_READ(target, tgid) != bpf_get_current_task_btf()->tgid;
}

__noinline int look_at_refused_signal(struct deed *deed)
{
	if (!deed || !was_refused(deed))
		return false;
	if (deed->number != CALL_PIDFD_SEND_SIGNAL)
		aim_at(deed, (struct task_struct *)find_process(deed->args[0]));
	return true;
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
	if (cgroup_of(sender) == cgroup_of(target))
		return 0;
	__u32 slot = slot_of(target);
	if (slot == state->slot || (slot == SLOT_NONE && state->slot == SLOT_HOST))
		return 0;
	struct deed deed = {.action = ACTION_SIGNAL, .number = ACTION_NO_CALL, .args = {number}};
	aim_at(&deed, target);
	tell(state, &deed);
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
	struct cgroup *of = cgroup_of(task);
	__u64 cgroup = BPF_CORE_READ(of, kn, id), owner = cgroup;
	struct cached_slot *cached = bpf_map_lookup_elem(&cached_slots, &cgroup);
	__u32 slot = slot_of(task);
	if (cached)
		owner = cached->owner;
	bool may = may_send_of(slot, RECORD_ACTION, ACTION_THING(ACTION_OOM_KILL));
	struct action_record *record =
		reserve_if(may, &urgent, RECORD_ACTION, struct action_record, 0, slot, owner, LOSS_URGENT_FULL);
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
