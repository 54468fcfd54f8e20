// SPDX-License-Identifier: Apache-2.0
// The actions of the doer that change what a process is, sees or may do. Each is done in a child of its own, or leaves
// nothing behind, so that it can be repeated.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int act(const char *what, const char *text, long number);
int change(const char *what, const char *text, long number); // changes.c

static long code(long result) { return result < 0 ? errno : 0; }

static long close_after(long fd) {
	if (fd < 0)
		return errno;
	close((int)fd);
	return 0;
}

static long load_bpf(void) {
	struct bpf_insn program[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr;
	memset(&attr, 0, sizeof attr);
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uint64_t)(uintptr_t)program;
	attr.insn_cnt = 2;
	attr.license = (uint64_t)(uintptr_t)"GPL";
	memcpy(attr.prog_name, "tried", 6);
	return close_after(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr));
}

static long open_perf(void) {
	struct perf_event_attr attr;
	memset(&attr, 0, sizeof attr);
	attr.size = sizeof attr;
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_DUMMY;
	return close_after(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static long enter(const char *kind) {
	char path[64];
	snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
	int fd = open(path, O_RDONLY);
	long result = code(setns(fd, 0));
	close(fd);
	return result;
}

static long change_capabilities(void) {
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	syscall(SYS_capget, &header, data);
	data[0].effective &= ~(1u << CAP_NET_RAW);
	return code(syscall(SYS_capset, &header, data));
}

static long connect_unix(const char *path) {
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strncpy(to.sun_path, path, sizeof to.sun_path - 1);
	long result = code(connect(fd, (struct sockaddr *)&to, sizeof to));
	close(fd);
	return result;
}

static long write_and_execute(int twice) {
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return errno;
	munmap(at, 4096);
	return twice ? write_and_execute(0) : 0;
}

static long make_executable(void) {
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return code(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static long make_file_executable(void) {
	int fd = open("/proc/self/exe", O_RDONLY);
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	return code(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static long write_memory_of(pid_t pid) {
	static char byte = 'x';
	struct iovec own = {&byte, 1};
	return process_vm_writev(pid, &own, 1, &own, 1, 0) == 1 ? 0 : errno;
}

static pid_t sleeper(void) {
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	return child;
}

static long end(pid_t child, long result) {
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return result;
}

static long read_child(void) {
	char byte;
	struct iovec own = {&byte, 1}, theirs = {environ[0], 1};
	pid_t child = sleeper();
	return end(child, process_vm_readv(child, &own, 1, &theirs, 1, 0) == 1 ? 0 : errno);
}

static long trace(void) {
	pid_t child = sleeper();
	return end(child, code(ptrace(PTRACE_SEIZE, child, NULL, NULL)));
}

static long write_child(void) {
	pid_t child = sleeper();
	return end(child, write_memory_of(child));
}

static long clone_namespaces(long flags, int three) {
	struct {
		uint64_t flags, rest[10];
	} arguments = {(uint64_t)flags, {0}};
	arguments.rest[3] = SIGCHLD; // exit_signal
	long child = three ? syscall(SYS_clone3, &arguments, 64) : syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		_exit(0);
	if (child < 0)
		return errno;
	waitpid((pid_t)child, NULL, 0);
	return 0;
}

// One open through a ring, waited for.
static long open_by_ring(const char *path) {
	struct io_uring_params params;
	memset(&params, 0, sizeof params);
	int ring = (int)syscall(SYS_io_uring_setup, 4, &params);
	if (ring < 0)
		return errno;
	char *queue = mmap(NULL, params.sq_off.array + params.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
			   IORING_OFF_SQ_RING);
	struct io_uring_sqe *entry = mmap(NULL, params.sq_entries * sizeof *entry, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
					  IORING_OFF_SQES);
	memset(entry, 0, sizeof *entry);
	entry->opcode = IORING_OP_OPENAT;
	entry->fd = AT_FDCWD;
	entry->addr = (uint64_t)(uintptr_t)path;
	((uint32_t *)(queue + params.sq_off.array))[0] = 0;
	__atomic_store_n((uint32_t *)(queue + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	long result = code(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	close(ring);
	return result;
}

static long open_by_handle(const char *path) {
	char room[sizeof(struct file_handle) + 128];
	struct file_handle *handle = (struct file_handle *)room;
	int mount, root = open(path, O_RDONLY);
	handle->handle_bytes = 128;
	if (name_to_handle_at(AT_FDCWD, path, handle, &mount, 0))
		return 200;
	return close_after(open_by_handle_at(root, handle, O_RDONLY));
}

static long take_file(void) {
	pid_t child = sleeper();
	int process = (int)syscall(434, child, 0); // pidfd_open
	return end(child, close_after(syscall(438, process, 2, 0)));
}

// fsopen, fsconfig (create), fsmount, move_mount
static long mount_anew(const char *path) {
	int context = (int)syscall(430, "tmpfs", 0);
	if (context < 0 || syscall(431, context, 6, NULL, NULL, 0))
		return errno;
	int tree = (int)syscall(432, context, 0, 0);
	if (tree < 0)
		return errno;
	return code(syscall(429, tree, "", AT_FDCWD, path, 4)) ?: code(umount2(path, MNT_DETACH));
}

static long raise_capabilities(void) {
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{1u << CAP_NET_RAW, 1u << CAP_NET_RAW, 0}, {0, 0, 0}};
	return code(syscall(SYS_capset, &header, data));
}

static long take_memory(long megabytes) {
	for (long i = 0; i < megabytes; i++)
		memset(malloc(1 << 20), 1, 1 << 20);
	return 0;
}

// By the entry that has the 32-bit numbering.
static long compat(long number, long first, long second) {
#if defined(__x86_64__)
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(0) : "memory", "r8", "r9", "r10", "r11");
	return result < 0 ? -result : 0;
#else
	(void)number, (void)first, (void)second;
	return ENOSYS;
#endif
}

static long one(const char *what, const char *text, long number) {
#define ON(name, expression)                                                                                           \
	if (!strcmp(what, name))                                                                                       \
	return (expression)
	ON("setuid", code(syscall(SYS_setuid, number)));
	ON("setresgid", code(syscall(SYS_setresgid, number, number, number)));
	ON("capset", change_capabilities());
	ON("raise", raise_capabilities());
	ON("open-handle", open_by_handle(text));
	ON("take-file", take_file());
	ON("mount-anew", mount_anew(text));
	ON("kexec", code(syscall(SYS_kexec_load, 0, 0, NULL, 0)));
	ON("take-memory", take_memory(number));
	ON("trace", trace());
	ON("traceme", code(ptrace(PTRACE_TRACEME, 0, NULL, NULL)));
	ON("attach", code(ptrace(PTRACE_ATTACH, (pid_t)number, NULL, NULL)));
	ON("write-child", write_child());
	ON("read-child", read_child());
	ON("write-self", write_memory_of(getpid()));
	ON("mount", code(mount("picket-tmpfs", text, "tmpfs", 0, NULL)) ?: code(umount2(text, MNT_DETACH)));
	ON("try-mount", code(mount("/dev/sda1", text, "ext4", 0, NULL)));
	ON("open-tree", close_after(syscall(428, AT_FDCWD, text, 0)));
	ON("pivot-root", code(syscall(SYS_pivot_root, text, text)));
	ON("chroot", code(chroot(text)));
	ON("unshare", code(unshare((int)number)));
	ON("setns", enter(text));
	ON("clone", clone_namespaces(number, 0));
	ON("clone3", clone_namespaces(number, 1));
	ON("module", code(syscall(SYS_init_module, "", 0, "")));
	ON("module-file", code(syscall(SYS_finit_module, open(text, O_RDONLY), "", 0)));
	ON("module-unload", code(syscall(SYS_delete_module, text, O_NONBLOCK)));
	ON("bpf", load_bpf());
	ON("perf", open_perf());
	ON("memfd", close_after(syscall(SYS_memfd_create, text, 0)));
	ON("write-exec", write_and_execute(1));
	ON("make-exec", make_executable());
	ON("file-exec", make_file_executable());
	ON("packet-socket", close_after(socket(AF_PACKET, SOCK_RAW, 0)));
	ON("raw-socket", close_after(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1)));
	ON("plain-sockets", close_after(socket(AF_INET, SOCK_STREAM, 0)) ?: close_after(socket(16, SOCK_RAW, 0)));
	ON("connect-unix", connect_unix(text));
	ON("kill", code(kill((pid_t)number, SIGUSR1)));
	ON("ring", open_by_ring(text));
	ON("compat-setuid", compat(213, number, 0));
	ON("compat-chroot", compat(61, (long)text, 0));
	return change(what, text, number);
}

// In a child, as an ordinary user when the name begins with "user:".
int act(const char *what, const char *text, long number) {
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		// The old entry takes 32-bit addresses only.
		char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		strncpy(low, text, 4095);
		if (!strncmp(what, "user:", 5)) {
			what += 5;
			if (syscall(SYS_setresgid, 4242, 4242, 4242) || syscall(SYS_setresuid, 4242, 4242, 4242))
				_exit(255);
		}
		_exit((int)one(what, low, number));
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
