// SPDX-License-Identifier: Apache-2.0
// UDP for doer.c: single datagrams there and back, and DNS, as a client and as a small server.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static int own = -1;
static char bytes[65536];

static socklen_t address(const char *ip, int port, struct sockaddr_storage *to) {
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
	memset(to, 0, sizeof *to);
	to->ss_family = strchr(ip, ':') ? AF_INET6 : AF_INET;
	v4->sin_port = htons((unsigned short)port); // at the same place in both
	inet_pton(to->ss_family, ip, to->ss_family == AF_INET6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr);
	return to->ss_family == AF_INET6 ? sizeof *v6 : sizeof *v4;
}

static int make(int family) {
	if (own >= 0)
		close(own);
	own = socket(family, SOCK_DGRAM, 0);
	return own < 0 ? errno : 0;
}

static ssize_t take(struct sockaddr_storage *from, socklen_t *length) {
	struct pollfd wait = {own, POLLIN, 0};
	if (poll(&wait, 1, 2000) != 1)
		return -1;
	*length = sizeof *from;
	return recvfrom(own, bytes, sizeof bytes, 0, (struct sockaddr *)from, length);
}

static int echo(int count) {
	struct sockaddr_storage from;
	socklen_t length;
	for (ssize_t n; count-- > 0;)
		if ((n = take(&from, &length)) < 0 || sendto(own, bytes, (size_t)n, 0, (struct sockaddr *)&from, length) != n)
			return ETIMEDOUT;
	return 0;
}

static int receive(int count) {
	struct sockaddr_storage from;
	socklen_t length;
	while (count-- > 0)
		if (take(&from, &length) < 0)
			return ETIMEDOUT;
	return 0;
}

// One send on the connected socket, through a ring.
static int ring_send(unsigned size) {
	struct io_uring_params p = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 4, &p);
	if (ring < 0)
		return errno;
	size_t queue = p.sq_off.array + p.sq_entries * sizeof(unsigned);
	char *sq = mmap(NULL, queue, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	struct io_uring_sqe *sqe =
		mmap(NULL, p.sq_entries * sizeof *sqe, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || sqe == MAP_FAILED)
		return errno;
	memset(sqe, 0, sizeof *sqe);
	sqe->opcode = IORING_OP_SEND;
	sqe->fd = own;
	sqe->addr = (unsigned long)bytes;
	sqe->len = size;
	((unsigned *)(sq + p.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	int done = (int)syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	int error = done == 1 ? 0 : errno;
	close(ring);
	return error;
}

// A question for the A record of a name, into bytes; its length.
static size_t question(const char *name) {
	static const unsigned char head[12] = {0x12, 0x34, 1, 0, 0, 1};
	memcpy(bytes, head, sizeof head);
	size_t at = sizeof head;
	for (const char *label = name; *label;) {
		size_t length = strcspn(label, ".");
		bytes[at++] = (char)length;
		memcpy(bytes + at, label, length);
		at += length;
		label += length + (label[length] == '.');
	}
	memcpy(bytes + at, "\0\0\1\0\1", 5);
	return at + 5;
}

// Asks the connected server, waits for the answer.
static int ask(const char *name) {
	size_t length = question(name);
	return send(own, bytes, length, 0) == (ssize_t)length ? receive(1) : errno;
}

// Answers one question: no such name where it begins with "no", else 203.0.113.LAST.
static int answer(int last) {
	struct sockaddr_storage from;
	socklen_t length;
	ssize_t n = take(&from, &length);
	if (n < 17)
		return ETIMEDOUT;
	int none = !memcmp(bytes + 13, "no", 2);
	const char record[16] = {(char)0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, (char)203, 0, 113, (char)last};
	bytes[2] = (char)0x81;
	bytes[3] = (char)(0x80 | (none ? 3 : 0));
	bytes[7] = (char)!none;
	if (!none)
		memcpy(bytes + n, record, sizeof record);
	size_t total = (size_t)n + (none ? 0 : sizeof record);
	return sendto(own, bytes, total, 0, (struct sockaddr *)&from, length) == (ssize_t)total ? 0 : errno;
}

static size_t from_hex(const char *hex) {
	size_t length = strlen(hex) / 2;
	for (size_t i = 0; i < length; i++)
		sscanf(hex + 2 * i, "%2hhx", (unsigned char *)bytes + i);
	return length;
}

// Takes one datagram and answers with these bytes, with the id that was asked with when theirs is 0.
static int reply(const char *hex) {
	struct sockaddr_storage from;
	socklen_t length;
	if (take(&from, &length) < 2)
		return ETIMEDOUT;
	char id[2] = {bytes[0], bytes[1]};
	size_t total = from_hex(hex);
	if (!bytes[0] && !bytes[1])
		memcpy(bytes, id, sizeof id);
	return sendto(own, bytes, total, 0, (struct sockaddr *)&from, length) == (ssize_t)total ? 0 : errno;
}

// From the socket as it is bound: these bytes to an address.
static int give(const char *hex, const char *ip, int port) {
	struct sockaddr_storage to;
	size_t total = from_hex(hex);
	socklen_t length = address(ip, port, &to);
	return sendto(own, bytes, total, 0, (struct sockaddr *)&to, length) == (ssize_t)total ? 0 : errno;
}

int datagrams(const char *line) {
	char what[32] = "", text[1200] = "", ip[64] = "";
	long a = 0, b = 0, c = 0;
	struct sockaddr_storage to;
	sscanf(line, "%*s %31s %1199s %ld %ld %ld", what, text, &a, &b, &c);
	if (!strcmp(what, "bind") || !strcmp(what, "connect")) {
		socklen_t length = address(text, (int)a, &to);
		int error = make(to.ss_family);
		if (!error && (*what == 'b' ? bind : connect)(own, (struct sockaddr *)&to, length))
			error = errno;
		return error;
	}
	if (!strcmp(what, "echo"))
		return echo(atoi(text));
	if (!strcmp(what, "take"))
		return receive(atoi(text));
	if (!strcmp(what, "ring"))
		return ring_send((unsigned)atoi(text));
	if (!strcmp(what, "ask"))
		return ask(text);
	if (!strcmp(what, "answer"))
		return answer(atoi(text));
	if (!strcmp(what, "reply"))
		return reply(text);
	if (!strcmp(what, "give"))
		return sscanf(line, "%*s %*s %*s %63s %ld", ip, &a) == 2 ? give(text, ip, (int)a) : EINVAL;
	if (!strcmp(what, "fill")) // what is sent next is this byte over and over
		return memset(bytes, atoi(text), sizeof bytes) ? 0 : 1;
	// to ADDRESS PORT SIZE TIMES; segments ADDRESS PORT SIZE SEGMENT: without a connection
	socklen_t length = address(text, (int)a, &to);
	int segment = !strcmp(what, "segments") ? (int)c : 0;
	if (own < 0 && make(to.ss_family))
		return errno;
	setsockopt(own, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
	for (long i = segment ? c - 1 : 0; i < c; i++)
		if (sendto(own, bytes, (size_t)b, 0, (struct sockaddr *)&to, length) != b)
			return errno;
	return 0;
}
