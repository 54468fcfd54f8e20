// SPDX-License-Identifier: Apache-2.0
// The ways of the doer to start a program so that it is hard to tell what was started.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int start(const char *how, const char *text, long number);

static int wait_for_end(pid_t child) {
	int status = 0;
	waitpid(child, &status, 0);
	return status;
}

static int spawn(const char *path, char *const arguments[]) {
	pid_t child;
	int error = posix_spawn(&child, path, NULL, NULL, arguments, environ);
	return error ? error : wait_for_end(child);
}

static volatile int racing;
static char contested[64];

// The parent's memory is the child's until it execs: what execve reads changes under its hands.
static void *rewrite(void *none) {
	(void)none;
	for (int turn = 0; racing; turn++)
		memset(contested, "AB"[turn & 1], sizeof contested - 1);
	return NULL;
}

static int race(const char *path, long times) {
	char *arguments[] = {"witness", contested, NULL};
	pthread_t thread;
	int result = 0;
	memset(contested, 'A', sizeof contested - 1);
	racing = 1;
	pthread_create(&thread, NULL, rewrite, NULL);
	for (long i = 0; i < times && !result; i++)
		result = spawn(path, arguments);
	racing = 0;
	pthread_join(thread, NULL);
	return result;
}

static char link_path[4096];

// PATH/link is by turns a link to PATH/one and to PATH/two.
static void *swap(void *folder) {
	char one[4096], two[4096], next[4096];
	snprintf(one, sizeof one, "%s/one", (char *)folder);
	snprintf(two, sizeof two, "%s/two", (char *)folder);
	snprintf(next, sizeof next, "%s/next", (char *)folder);
	for (int turn = 0; racing; turn++) {
		if (symlink(turn & 1 ? one : two, next) || rename(next, link_path))
			return NULL;
	}
	return NULL;
}

static int swapped(char *folder, long times) {
	char *arguments[] = {"linked", NULL};
	pthread_t thread;
	int result = 0;
	snprintf(link_path, sizeof link_path, "%s/link", folder);
	racing = 1;
	pthread_create(&thread, NULL, swap, folder);
	while (access(link_path, X_OK))
		usleep(100);
	for (long i = 0; i < times && !result; i++)
		result = spawn(link_path, arguments);
	racing = 0;
	pthread_join(thread, NULL);
	return result;
}

// `count` arguments, one of them in the middle the payload.
static int many(const char *path, long count, const char *payload) {
	char **arguments = calloc((size_t)count + 1, sizeof *arguments), *texts = malloc((size_t)count * 32);
	for (long i = 0; i < count; i++) {
		snprintf(texts + 32 * i, 32, "n%ld", i);
		arguments[i] = i == count / 2 ? (char *)payload : texts + 32 * i;
	}
	int result = spawn(path, arguments);
	free(texts);
	free(arguments);
	return result;
}

// Calls itself something else, in both of the ways that ps looks at.
static int renamed(const char *path) {
	pid_t child = fork();
	if (child == 0) {
		char *arguments[] = {"[kworker/0:1]", "/usr/sbin/nginx", NULL};
		prctl(PR_SET_NAME, "kworker/0:1");
		close(open("/etc/shadow", O_RDONLY));
		execv(path, arguments);
		_exit(127);
	}
	return wait_for_end(child);
}

static int deleted(const char *path) {
	char *arguments[] = {"gone", NULL};
	int file = open(path, O_RDONLY | O_CLOEXEC);
	pid_t child = fork();
	if (child == 0) {
		unlink(path);
		fexecve(file, arguments, environ);
		_exit(127);
	}
	close(file);
	return wait_for_end(child);
}

// An overlay of PATH/lower and PATH/upper at PATH/merged, for as long as the mount namespace lives.
static int overlay(const char *folder) {
	char options[16384], target[4096];
	snprintf(options, sizeof options, "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", folder, folder, folder);
	snprintf(target, sizeof target, "%s/merged", folder);
	return mount("overlay", target, "overlay", 0, options) ? errno : 0;
}

static int terminal(void) {
	int end = posix_openpt(O_RDWR | O_NOCTTY);
	grantpt(end);
	unlockpt(end);
	return open(ptsname(end), O_RDWR | O_NOCTTY);
}

static int network(int family) {
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 at6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	struct sockaddr *name = family == AF_INET ? (struct sockaddr *)&at : (struct sockaddr *)&at6;
	socklen_t size = family == AF_INET ? sizeof at : sizeof at6;
	int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), here = socket(family, SOCK_STREAM, 0);
	bind(listener, name, size);
	listen(listener, 1);
	getsockname(listener, name, &size);
	if (connect(here, name, size))
		return -1;
	return here;
}

// One descriptor of the kind that the letter stands for.
static int stream(char kind) {
	int both[2];
	switch (kind) {
	case 't':
		return terminal();
	case 'p':
		return pipe(both) ? -1 : both[0];
	case 'u':
		return socketpair(AF_UNIX, SOCK_STREAM, 0, both) ? -1 : both[0];
	case 'n':
		return network(AF_INET);
	case 'N':
		return network(AF_INET6);
	case 'd':
		return open("/dev/null", O_RDWR);
	case 'f':
		return open("/proc/self/exe", O_RDONLY);
	}
	return -1;
}

// PATH with three descriptors, each as a letter of `kinds` says; `-` is none.
static int with_streams(const char *path, const char *kinds) {
	pid_t child = fork();
	if (child == 0) {
		char *arguments[] = {"streams", NULL};
		int made[3];
		for (int i = 0; i < 3; i++)
			made[i] = fcntl(stream(kinds[i]), F_DUPFD_CLOEXEC, 100);
		for (int i = 0; i < 3; i++)
			if (made[i] < 0)
				close(i);
			else
				dup2(made[i], i);
		execv(path, arguments);
		_exit(127);
	}
	return wait_for_end(child);
}

static int one(const char *path, const char *first) {
	char *arguments[] = {(char *)path, first ? (char *)first : NULL, NULL};
	return spawn(path, arguments);
}

int start(const char *how, const char *text, long number) {
	char path[3900];
	strcpy(path, text);
	if (!strcmp(how, "plain"))
		return one(path, NULL);
	if (!strcmp(how, "race"))
		return race(path, number);
	if (!strcmp(how, "swap"))
		return swapped(path, number);
	if (!strcmp(how, "many"))
		return many(path, number, "--payload=one");
	if (!strcmp(how, "many-other"))
		return many(path, number, "--payload=two");
	if (!strcmp(how, "renamed"))
		return renamed(path);
	if (!strcmp(how, "deleted"))
		return deleted(path);
	if (!strcmp(how, "overlay"))
		return overlay(path);
	if (!strncmp(how, "streams:", 8))
		return with_streams(path, how + 8);
	return -1;
}
