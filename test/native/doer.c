// SPDX-License-Identifier: Apache-2.0
// Does single things on command, one line in, one line out, so that a test knows exactly what a container did.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int connection = -1, listener = -1, plain = -1;

static int address_of(const char *ip, int port, struct sockaddr_storage *to) {
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
	memset(to, 0, sizeof *to);
	if (strchr(ip, ':')) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((unsigned short)port);
		inet_pton(AF_INET6, ip, &v6->sin6_addr);
		return sizeof *v6;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons((unsigned short)port);
	inet_pton(AF_INET, ip, &v4->sin_addr);
	return sizeof *v4;
}

// Waits a second at most, so that a dropped packet is an answer too.
static int wait_for(int socket, short events) {
	struct pollfd wait = {socket, events, 0};
	return poll(&wait, 1, 1000) == 0 ? ETIMEDOUT : 0;
}

static int begin_connect(const char *ip, int port) {
	struct sockaddr_storage to;
	int size = address_of(ip, port, &to), error = 0;
	socklen_t length = sizeof error;
	connection = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect(connection, (struct sockaddr *)&to, (socklen_t)size) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	if (wait_for(connection, POLLOUT))
		return ETIMEDOUT;
	getsockopt(connection, SOL_SOCKET, SO_ERROR, &error, &length);
	return error;
}

// Closes what failed, or a later repetition of its first packet would still connect.
static int connect_to(const char *ip, int port) {
	int error = begin_connect(ip, port);
	if (error)
		close(connection);
	return error;
}

static int listen_on(const char *ip, int port) {
	struct sockaddr_storage at;
	int one = 1, size = address_of(ip, port, &at);
	listener = socket(at.ss_family, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&at, (socklen_t)size) || listen(listener, 16))
		return errno;
	return 0;
}

static int send_datagram(const char *ip, int port) {
	struct sockaddr_storage to;
	int size = address_of(ip, port, &to);
	if (plain < 0)
		plain = socket(to.ss_family, SOCK_DGRAM, 0);
	return sendto(plain, "x", 1, 0, (struct sockaddr *)&to, (socklen_t)size) == 1 ? 0 : errno;
}

// One byte there and back within a second, over the last connection.
static int echo(void) {
	char byte = 'x';
	if (send(connection, &byte, 1, MSG_NOSIGNAL) != 1)
		return errno;
	if (wait_for(connection, POLLIN))
		return ETIMEDOUT;
	return recv(connection, &byte, 1, 0) == 1 ? 0 : ECONNRESET;
}

// The other end of echo; waits somewhat longer than a second, so that a refused echo is over before it.
static int reply(void) {
	char byte;
	if (wait_for(connection, POLLIN) && wait_for(connection, POLLIN))
		return ETIMEDOUT;
	return recv(connection, &byte, 1, 0) == 1 && send(connection, &byte, 1, MSG_NOSIGNAL) == 1 ? 0 : EIO;
}

// Exactly so many bytes over the last connection.
static int send_bytes(long n) {
	static char bytes[65536];
	for (ssize_t sent; n > 0; n -= sent)
		if ((sent = send(connection, bytes, n < (long)sizeof bytes ? (size_t)n : sizeof bytes, MSG_NOSIGNAL)) <= 0) {
			if (errno != EAGAIN || wait_for(connection, POLLOUT))
				return errno;
			sent = 0;
		}
	return 0;
}

static int take_bytes(long n) {
	static char bytes[65536];
	for (ssize_t taken; n > 0; n -= taken) {
		if (wait_for(connection, POLLIN))
			return ETIMEDOUT;
		if ((taken = recv(connection, bytes, n < (long)sizeof bytes ? (size_t)n : sizeof bytes, 0)) <= 0)
			return taken ? errno : ECONNRESET;
	}
	return 0;
}

static int run(const char *path) {
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	waitpid(child, &status, 0);
	return status;
}

static int run_memory_file(const char *path) {
	char buffer[65536];
	int from = open(path, O_RDONLY), to = (int)syscall(SYS_memfd_create, "payload", 0), status = 0;
	for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;)
		if (write(to, buffer, (size_t)n) != n)
			return -1;
	pid_t child = fork();
	if (child == 0) {
		char *arguments[] = {"payload", NULL}, *environment[] = {NULL};
		fexecve(to, arguments, environment);
		_exit(127);
	}
	waitpid(child, &status, 0);
	close(from);
	close(to);
	return status;
}

static int close_opened(long fd) {
	if (fd < 0)
		return errno;
	close((int)fd);
	return 0;
}

static int open_by_number(const char *path, long flags) {
	struct open_how how = {.flags = (unsigned)flags, .mode = flags & O_CREAT ? 0600 : 0};
	return close_opened(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}

// Folders made, listed and removed again: each is another one.
static void make_and_list(const char *within, int cpu, long i) {
	char path[4096];
	snprintf(path, sizeof path, "%s/%d-%ld", within, cpu, i);
	mkdir(path, 0700);
	close_opened(open(path, O_RDONLY | O_DIRECTORY));
	rmdir(path);
}

static void *ask_parent(void *count) {
	for (long i = 0; i < (long)count; i++)
		syscall(SYS_getppid);
	return NULL;
}

// Calls by number, without arguments, in the order of a list such as 110,186,110.
static int sequence(const char *numbers) {
	for (const char *at = numbers; *at; at += *at == ',')
		syscall(strtol(at, (char **)&at, 10), 0, 0, 0);
	return 0;
}

struct repeated {
	long number, times;
};

static void *repeat(void *argument) {
	const struct repeated *what = argument;
	for (long i = 0; i < what->times; i++)
		syscall(what->number);
	return NULL;
}

// Two threads at once, one calls only getppid, the other only getuid.
static int beside(long n) {
	struct repeated one = {SYS_getppid, n}, other = {SYS_getuid, n};
	pthread_t first, second;
	pthread_create(&first, NULL, repeat, &one);
	pthread_create(&second, NULL, repeat, &other);
	pthread_join(first, NULL);
	pthread_join(second, NULL);
	return 0;
}

// Two threads, each n calls.
static int threads(long n) {
	pthread_t one, other;
	pthread_create(&one, NULL, ask_parent, (void *)n);
	pthread_create(&other, NULL, ask_parent, (void *)n);
	pthread_join(one, NULL);
	pthread_join(other, NULL);
	return 0;
}

static void *open_once(void *path) {
	close_opened(open(path, O_RDONLY));
	return NULL;
}

// n children, one after the other, that start no program; another thread than the first of each opens the file.
static int forked(char *path, long n) {
	for (long i = 0; i < n; i++) {
		pid_t child = fork();
		if (child == 0) {
			pthread_t thread;
			if (pthread_create(&thread, NULL, open_once, path) == 0)
				pthread_join(thread, NULL);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	return 0;
}

// The same, of which each connects and is gone.
static int forked_callers(const char *line) {
	char ip[64] = "";
	int port = 0, n = 0;
	if (sscanf(line, "%*s %63s %d %d", ip, &port, &n) != 3)
		return EINVAL;
	for (int i = 0; i < n; i++) {
		pid_t child = fork();
		if (child == 0) {
			connect_to(ip, port);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	return 0;
}

struct flood {
	const char *kind;
	long n;
	int cpu;
};

// Repeats one kind of action as fast as it can; connects are refused, each by another address.
static void *flood_one(void *argument) {
	const struct flood *flood = argument;
	char *arguments[] = {"true", NULL};
	pid_t child;
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET(flood->cpu, &cpus);
	sched_setaffinity(0, sizeof cpus, &cpus);
	for (long i = 0; i < flood->n; i++) {
		if (!strcmp(flood->kind, "open")) {
			close(open("/etc/shadow", O_RDONLY));
		} else if (!strncmp(flood->kind, "/", 1)) {
			make_and_list(flood->kind, flood->cpu, i);
		} else if (!strcmp(flood->kind, "exec")) {
			posix_spawn(&child, "/bin/true", NULL, NULL, arguments, NULL);
			waitpid(child, NULL, 0);
		} else if (!strcmp(flood->kind, "unshare")) {
			unshare(CLONE_NEWUTS); // of this thread alone
		} else {
			struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
			to.sin_addr.s_addr = htonl(0x7f000000u + ((unsigned)flood->cpu + 1) * 65536 * 16 + (unsigned)i);
			int fd = socket(AF_INET, SOCK_STREAM, 0);
			connect(fd, (struct sockaddr *)&to, sizeof to);
			close(fd);
		}
	}
	return NULL;
}

// n actions on each of two CPUs.
static int flood_both(const char *kind, long n) {
	struct flood one = {kind, n, 0}, other = {kind, n, 1};
	pthread_t first, second;
	pthread_create(&first, NULL, flood_one, &one);
	pthread_create(&second, NULL, flood_one, &other);
	pthread_join(first, NULL);
	pthread_join(second, NULL);
	return 0;
}

int act(const char *what, const char *text, long number); // actions.c
int call(const char *what, long n);                         // calls.c
int start(const char *how, const char *text, long number); // execs.c

int datagrams(const char *line); // datagrams.c

int main(void) {
	char line[4096], word[64], text[3900];
	printf("ready %d\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		long n = 0;
		int result = 0;
		text[0] = 0;
		sscanf(line, "%63s %3899s %ld", word, text, &n);
		if (!strcmp(word, "getppid"))
			ask_parent((void *)atol(text));
		else if (!strcmp(word, "threads"))
			result = threads(atol(text));
		else if (!strcmp(word, "sequence"))
			result = sequence(text);
		else if (!strcmp(word, "beside"))
			result = beside(atol(text));
		else if (!strcmp(word, "open"))
			result = close_opened(open(text, (int)n, 0600));
		else if (!strcmp(word, "creat"))
			result = close_opened(creat(text, 0600));
		else if (!strcmp(word, "openat2"))
			result = open_by_number(text, n);
		else if (!strcmp(word, "keep"))
			result = open(text, (int)n);
		else if (!strcmp(word, "connect"))
			result = connect_to(text, (int)n);
		else if (!strcmp(word, "listen"))
			result = listen_on(text, (int)n);
		else if (!strcmp(word, "accept"))
			result = (connection = accept(listener, NULL, NULL)) < 0 ? errno : 0;
		else if (!strcmp(word, "reply"))
			result = reply();
		else if (!strcmp(word, "echo"))
			result = echo();
		else if (!strcmp(word, "send"))
			result = send_bytes(atol(text));
		else if (!strcmp(word, "take"))
			result = take_bytes(atol(text));
		else if (!strcmp(word, "hangup"))
			result = close(connection);
		else if (!strcmp(word, "udp"))
			result = send_datagram(text, (int)n);
		else if (!strcmp(word, "datagrams"))
			result = datagrams(line);
		else if (!strcmp(word, "exec"))
			result = run(text);
		else if (!strcmp(word, "forked"))
			result = forked(text, n);
		else if (!strcmp(word, "callers"))
			result = forked_callers(line);
		else if (!strcmp(word, "memory"))
			result = run_memory_file(text);
		else if (!strcmp(word, "flood"))
			result = flood_both(text, n);
		else if (!strcmp(word, "call"))
			result = call(text, n);
		else if (!strcmp(word, "do") || !strcmp(word, "start")) {
			char what[64] = "", where[3800] = "";
			long number = 0;
			sscanf(line, "%*s %63s %3799s %ld", what, where, &number);
			result = word[0] == 'd' ? act(what, where, number) : start(what, where, number);
		} else
			result = -1;
		printf("%d\n", result);
		fflush(stdout);
	}
	return 0;
}
