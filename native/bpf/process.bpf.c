/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs started, and processes that begin and end. */
#include "arguments.h"
#include "overlay.h"
#include "path.h"
#include "seen.h"
#include "slot.h"

#define MAJOR_TTY 4
#define MAJOR_TTYAUX 5
#define MINOR_PTMX 2 /* of MAJOR_TTYAUX: the other end of a terminal */
#define MAJOR_PTS 136
#define MAJOR_PTS_LAST 143
#define MAJOR_SERIAL 204
#define MAJOR_HVC 229
#define SIGNAL_GROUP_EXIT 4 /* linux/sched/signal.h: every thread of the process is ending */

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
	record->flags |= name_flags(dentry, record->path);
	if (is_upper(inode))
		record->flags |= EXEC_UPPER;
}

static __always_inline bool is_terminal(__u32 device)
{
	__u32 major = device >> 20;

	return major == MAJOR_TTY || (major == MAJOR_TTYAUX && (device & 0xfffff) != MINOR_PTMX) ||
	       (major >= MAJOR_PTS && major <= MAJOR_PTS_LAST) || major == MAJOR_SERIAL || major == MAJOR_HVC;
}

static __always_inline int stream_of_socket(struct socket *socket)
{
	__u16 family = BPF_CORE_READ(socket, sk, __sk_common.skc_family);

	if (family == AF_UNIX)
		return STREAM_UNIX;
	return family == AF_INET || family == AF_INET6 || family == AF_VSOCK ? STREAM_NETWORK : STREAM_OTHER;
}

__noinline int stream_of(__u32 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(bpf_get_current_task_btf(), files, fdt);
	struct file *file = NULL, **files = BPF_CORE_READ(table, fd);

	if (descriptor < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), &files[descriptor]);
	if (!file)
		return STREAM_CLOSED;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	switch (BPF_CORE_READ(inode, i_mode) & S_IFMT) {
	case S_IFREG:
		return STREAM_FILE;
	case S_IFIFO:
		return STREAM_PIPE;
	case S_IFCHR:
		return is_terminal(BPF_CORE_READ(inode, i_rdev)) ? STREAM_TERMINAL : STREAM_DEVICE;
	case S_IFSOCK:
		return stream_of_socket(BPF_CORE_READ(file, private_data));
	}
	return STREAM_OTHER;
}

/* execve changes the program's name from the script's to the interpreter's, once for each that is a script. */
static __always_inline void write_script(struct exec_record *record, struct linux_binprm *binary, __u32 at)
{
	if (binary->interp == binary->filename)
		return;
	record->flags |= EXEC_SCRIPT;
	if (at > ARGS_BYTES)
		return;
	__builtin_memset(record->text + at, 0, SCRIPT_BYTES);
	long length = bpf_probe_read_kernel_str(record->text + at, SCRIPT_BYTES, binary->filename);
	record->script_bytes = length > 0 ? length : 0;
}

static __always_inline __u32 inner_pid_of(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct upid *innermost =
		(void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);

	return BPF_CORE_READ(innermost, nr);
}

#define WHOLE_WORDS(bytes) (((bytes) + 7) & ~7u)

static __noinline int report_exec(struct task_state *state, struct task_struct *task, struct linux_binprm *binary)
{
	struct exec_scratch *scratch = scratch_of_cpu();

	if (!scratch || !state || !task || !binary)
		return 0;
	struct exec_record *record = &scratch->record;
	__builtin_memset(record, 0, __builtin_offsetof(struct exec_record, text));
	fill_header(&record->header, RECORD_EXEC, 0, state->slot, state->owner);
	fill_process(&record->header);
	__builtin_memcpy(record->comm, state->comm, sizeof(record->comm));
	write_exe(record->parent_exe, BPF_CORE_READ(task, real_parent));
	write_executable(record, BPF_CORE_READ(binary, file));
	write_arguments(scratch, BPF_CORE_READ(task, mm), binary->argc);
	write_script(record, binary, WHOLE_WORDS(record->args_bytes));
	record->inner_pid = inner_pid_of(task);
	for (int i = 0; i < 3; i++)
		record->streams[i] = stream_of(i);
	__u32 size = __builtin_offsetof(struct exec_record, text) + WHOLE_WORDS(record->args_bytes) +
		     WHOLE_WORDS(record->script_bytes);
	if (size <= sizeof(*record))
		send_copy(&urgent, &record->header, size, LOSS_URGENT_FULL);
	return 0;
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

	if (may_send_of(slot, RECORD_EXEC, thing_of(BPF_CORE_READ(binary, file))))
		report_exec(state, task, binary);
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
	else if (!(BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT))
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
	if (task->pid != task->tgid || !(state->flags & TASK_EXECUTED || state->seen & SEEN_TOLD))
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
