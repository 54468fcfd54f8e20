// SPDX-License-Identifier: Apache-2.0
// The actions of the doer on names and rights of files, and those that are done through a ring.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

int change(const char *what, const char *text, long number);

static int code(long result) { return result < 0 ? errno : 0; }

static int by_file(const char *path, int (*act)(int file)) {
	int file = open(path, O_RDWR);
	int result = file < 0 ? errno : code(act(file));
	close(file);
	return result;
}

static long given;

static int chmod_file(int file) { return fchmod(file, (mode_t)given); }
static int chown_file(int file) { return fchown(file, (uid_t)given, (gid_t)given); }
static int cut_file(int file) { return ftruncate(file, given); }
static int mark_file(int file) { return fsetxattr(file, "user.picket", "x", 1, 0); }

// One request, waited for; its result.
static int ring(struct io_uring_sqe request) {
	struct io_uring_params params;
	memset(&params, 0, sizeof params);
	int fd = (int)syscall(SYS_io_uring_setup, 4, &params);
	if (fd < 0)
		return errno;
	size_t size = params.sq_off.array + params.sq_entries * 4, done = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
	char *queue = mmap(NULL, size > done ? size : done, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
	struct io_uring_sqe *entry = mmap(NULL, params.sq_entries * sizeof *entry, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
	*entry = request;
	((uint32_t *)(queue + params.sq_off.array))[0] = 0;
	__atomic_store_n((uint32_t *)(queue + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	int result = code(syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	if (!result) {
		int answer = ((struct io_uring_cqe *)(queue + params.cq_off.cqes))[0].res;
		result = answer < 0 ? -answer : 0;
	}
	munmap(entry, params.sq_entries * sizeof *entry);
	close(fd);
	return result;
}

static int ring_rename(const char *from, const char *to) {
	struct io_uring_sqe request = {.opcode = IORING_OP_RENAMEAT, .fd = AT_FDCWD, .len = (uint32_t)AT_FDCWD};
	request.addr = (uint64_t)(uintptr_t)from;
	request.addr2 = (uint64_t)(uintptr_t)to;
	return ring(request);
}

static int ring_unlink(const char *path) {
	struct io_uring_sqe request = {.opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, .addr = (uint64_t)(uintptr_t)path};
	return ring(request);
}

static int ring_connect(const char *path) {
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	strncpy(to.sun_path, path, sizeof to.sun_path - 1);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct io_uring_sqe request = {.opcode = IORING_OP_CONNECT, .fd = fd, .addr = (uint64_t)(uintptr_t)&to, .off = sizeof to};
	int result = ring(request);
	close(fd);
	return result;
}

static int ring_tcp(long port) {
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct io_uring_sqe request = {.opcode = IORING_OP_CONNECT, .fd = fd, .addr = (uint64_t)(uintptr_t)&to, .off = sizeof to};
	int result = ring(request);
	close(fd);
	return result;
}

static int ring_send(void) {
	int both[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, both);
	struct io_uring_sqe request = {.opcode = IORING_OP_SEND, .fd = both[0], .addr = (uint64_t)(uintptr_t) "x", .len = 1};
	int result = ring(request);
	close(both[0]);
	close(both[1]);
	return result;
}

static int close_after(long fd) {
	if (fd < 0)
		return errno;
	close((int)fd);
	return 0;
}

// `text` is the folder and the name in it; what needs a second name takes it with `.new` at the end.
int change(const char *what, const char *text, long number) {
	char other[4096], folder[4096];
	const char *name = strrchr(text, '/');
	snprintf(other, sizeof other, "%s.new", text);
	snprintf(folder, sizeof folder, "%.*s", name ? (int)(name - text) : 0, text);
	name = name ? name + 1 : text;
	int at = open(folder, O_PATH | O_DIRECTORY);
	given = number;
#define ON(name, expression)                                                                                           \
	if (!strcmp(what, name))                                                                                       \
	return (expression)
	ON("rename", code(syscall(SYS_renameat2, AT_FDCWD, text, AT_FDCWD, other, 0)));
	ON("rename-back", code(rename(other, text)));
	ON("rename-at", code(renameat(at, name, AT_FDCWD, other)));
	ON("link", code(link(text, other)) ?: code(remove(other)));
	ON("symlink", code(symlink(text, other)) ?: code(remove(other)));
	ON("symlink-at", code(symlinkat(text, at, "harmless")) ?: code(unlinkat(at, "harmless", 0)));
	ON("unlink", code(unlink(text)));
	ON("unlink-at", code(unlinkat(at, name, 0)));
	ON("chmod", code(chmod(text, (mode_t)number)));
	ON("chmod-at", code(syscall(SYS_fchmodat, at, name, (mode_t)number)));
	ON("chmod-file", by_file(text, chmod_file));
	ON("chown", code(chown(text, (uid_t)number, (gid_t)number)));
	ON("chown-at", code(fchownat(at, name, (uid_t)number, (gid_t)number, 0)));
	ON("chown-file", by_file(text, chown_file));
	ON("truncate", code(truncate(text, number)));
	ON("truncate-file", by_file(text, cut_file));
	ON("setxattr", code(setxattr(text, "user.picket", "x", 1, 0)));
	ON("give-capability", code(setxattr(text, "security.capability", "\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, 0)));
	ON("setxattr-file", by_file(text, mark_file));
	ON("mknod", code(mknodat(AT_FDCWD, other, (mode_t)number, makedev(1, 3))) ?: code(remove(other)));
	ON("exec", code(execl(text, text, (char *)NULL)));
	ON("personality", code(syscall(SYS_personality, number)));
	ON("userfault", close_after(syscall(SYS_userfaultfd, 1)));
	ON("mount-attr", code(syscall(442, AT_FDCWD, text, 0, (uint64_t[4]){1, 0, 0, 0}, 32)));
	ON("kernel-socket", close_after(socket(16, SOCK_RAW, (int)number)));
	ON("crypto-socket", close_after(socket(38, SOCK_SEQPACKET, 0)));
#if defined(__x86_64__)
	ON("io-ports", code(syscall(SYS_iopl, number)));
#endif
	ON("ring-rename", ring_rename(text, other) ?: ring_rename(other, text));
	ON("ring-unlink", ring_unlink(text));
	ON("ring-connect", ring_connect(text));
	ON("ring-tcp", ring_tcp(number));
	ON("ring-send", ring_send());
	return -1;
}
