/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs started, and processes that begin and end. */
#include "path.h"
#include "slot.h"

#define SIGNAL_GROUP_EXIT 4 /* linux/sched/signal.h: every thread of the process is ending */

static __always_inline void write_args(struct exec_record *record, struct mm_struct *mm)
{
	unsigned long start = BPF_CORE_READ(mm, arg_start), end = BPF_CORE_READ(mm, arg_end);
	__u32 total = end > start ? end - start : 0;
	__u32 bytes = total;

	barrier_var(bytes); /* else the compiler bounds `total`, and the verifier does not know `bytes` to be it */
	if (bytes > ARGS_BYTES)
		bytes = ARGS_BYTES;
	record->args_total = total;
	if (bytes && bpf_probe_read_user(record->args, bytes, (void *)start) == 0)
		record->args_bytes = bytes;
	if (record->args_bytes < total)
		record->flags |= ARGS_CUT;
}

/* stat(2)'s form of the kernel's device number. */
static __always_inline __u64 device_of(unsigned int device)
{
	__u32 major = device >> 20, minor = device & 0xfffff;

	return (minor & 0xff) | ((__u64)major << 8) | ((__u64)(minor & ~0xffu) << 12);
}

static __always_inline void write_executable(struct exec_record *record, struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct written_path path = write_path(record->path, BPF_CORE_READ(file, f_path.mnt), dentry);

	record->path_bytes = path.bytes;
	record->flags |= path.flags;
	record->inode = BPF_CORE_READ(inode, i_ino);
	record->device = device_of(BPF_CORE_READ(inode, i_sb, s_dev));
	/* A dentry that is its own parent and has such a name is in no folder: no file system makes one. */
	if (BPF_CORE_READ(dentry, d_parent) == dentry) {
		if (__builtin_memcmp(record->path, "memfd:", 6) == 0)
			record->flags |= EXEC_MEMFD;
	} else if (!BPF_CORE_READ(dentry, d_hash.pprev)) {
		record->flags |= EXEC_DELETED;
	}
}

/* Every change of a task's name comes here first, and execve always makes one: the old name is still readable. */
SEC("tp_btf/task_rename")
int BPF_PROG(task_renamed, struct task_struct *task)
{
	struct task_state *state = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (state)
		bpf_probe_read_kernel(state->comm, sizeof(state->comm), task->comm);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(program_executed, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
	struct task_state *state = current_state();

	if (!state)
		return 0;
	__u32 slot = state->slot;
	struct slot_counts *count = counts_of(slot);
	if (count)
		count->execs += 1;
	state->flags |= TASK_EXECUTED;

	struct exec_record *record = reserve_record(&urgent, RECORD_EXEC, struct exec_record, 0, slot, state->owner,
						    LOSS_URGENT_FULL);
	if (!record)
		return 0;
	fill_process(&record->header);
	__builtin_memcpy(record->comm, state->comm, sizeof(record->comm));
	write_exe(record->parent_exe, BPF_CORE_READ(task, real_parent));
	write_executable(record, binary->file);
	write_args(record, task->mm);
	bpf_ringbuf_submit(record, 0);
	return 0;
}

/* Processes only; a thread is no fork. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_forked, struct task_struct *parent, struct task_struct *child)
{
	if (child->pid != child->tgid)
		return 0;
	struct task_state *state = current_state();
	if (!state)
		return 0;
	__u32 slot = state->slot;
	struct slot_counts *count = counts_of(slot);
	if (count)
		count->forks += 1;
	return 0;
}

/* The calls that never return are counted here: exit_group once for a process that was not killed, exit once for a
 * thread that ends alone. */
static __always_inline void count_end(struct slot_counts *count, struct task_struct *task)
{
	bool leader = task->pid == task->tgid;

	if (leader)
		count->exits += 1;
	if (task->exit_code & 0x7f)
		return;
	if (leader)
		count->calls[CALL_EXIT_GROUP] += 1;
	else if (!(task->signal->flags & SIGNAL_GROUP_EXIT))
		count->calls[CALL_EXIT] += 1;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_ended, struct task_struct *task)
{
	struct task_state *state = current_state();

	if (!state)
		return 0;
	__u32 slot = state->slot;
	struct slot_counts *count = counts_of(slot);
	if (count)
		count_end(count, task);
	if (task->pid != task->tgid || !(state->flags & TASK_EXECUTED))
		return 0;
	struct exit_record *record =
		reserve_record(&bulk, RECORD_EXIT, struct exit_record, 0, slot, state->owner, LOSS_BULK_FULL);
	if (!record)
		return 0;
	fill_process(&record->header);
	record->status = task->exit_code;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}
