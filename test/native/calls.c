// SPDX-License-Identifier: Apache-2.0
// System calls that a counter at a call's end may miss or count twice, and loads that no counter may fall behind.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
// getpid by the 32-bit entry, whose number is 20.
static int compat_once(void) {
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "0"(20L) : "r8", "r9", "r10", "r11", "memory");
	return result > 0 ? 0 : ENOSYS;
}

static int fork_once(void) {
	pid_t child = (pid_t)syscall(SYS_fork);
	if (child == 0)
		_exit(0);
	return waitpid(child, NULL, 0) == child ? 0 : errno;
}

static int vfork_once(void) {
	pid_t child = vfork();
	if (child == 0)
		_exit(0);
	return waitpid(child, NULL, 0) == child ? 0 : errno;
}
#else
static int compat_once(void) { return ENOSYS; }
static int fork_once(void) { return ENOSYS; }
static int vfork_once(void) { return ENOSYS; }
#endif

static int clone3_once(void) {
	struct clone_args arguments = {.exit_signal = SIGCHLD};
	pid_t child = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
	if (child == 0)
		_exit(0);
	return waitpid(child, NULL, 0) == child ? 0 : errno;
}

// A child that is killed in the middle of a call.
static int kill_once(void) {
	struct clone_args arguments = {.exit_signal = SIGCHLD};
	pid_t child = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
	if (child == 0)
		for (;;)
			pause();
	kill(child, SIGKILL);
	return waitpid(child, NULL, 0) == child ? 0 : errno;
}

static void ignore(int number) { (void)number; }

static int signal_once(void) {
	signal(SIGUSR1, ignore);
	return raise(SIGUSR1);
}

static void *nothing(void *argument) { return argument; }

static int thread_once(void) {
	pthread_t thread;
	int error = pthread_create(&thread, NULL, nothing, NULL);
	return error ? error : pthread_join(thread, NULL);
}

// n numbers of the 32-bit entry that are no call, each once.
static int compat_numbers(long n) {
#if defined(__x86_64__)
	for (long number = 100000; number < 100000 + n; number++) {
		long result;
		__asm__ volatile("int $0x80" : "=a"(result) : "0"(number) : "r8", "r9", "r10", "r11", "memory");
		if (result != -ENOSYS)
			return EINVAL;
	}
	return 0;
#else
	return n ? ENOSYS : 0;
#endif
}

struct load {
	int file, cpu;
	long milliseconds, done;
};

static long now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void *run_load(void *argument) {
	struct load *load = argument;
	char byte;
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET(load->cpu, &cpus);
	sched_setaffinity(0, sizeof cpus, &cpus);
	for (long end = now() + load->milliseconds; now() < end;) {
		for (int i = 0; i < 1000; i++, load->done++) {
			if (!load->file) {
				syscall(SYS_getppid);
				continue;
			}
			int fd = open("/etc/passwd", O_RDONLY);
			if (read(fd, &byte, 1) < 0)
				return NULL;
			close(fd);
		}
	}
	return NULL;
}

// As many as two CPUs can, for so long; answers how many.
static int saturate(int file, long milliseconds) {
	struct load loads[2] = {{file, 0, milliseconds, 0}, {file, 1, milliseconds, 0}};
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, run_load, &loads[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return (int)(loads[0].done + loads[1].done);
}

int call(const char *what, long n) {
	static const struct {
		const char *name;
		int (*once)(void);
	} kinds[] = {{"compat", compat_once}, {"fork", fork_once},     {"vfork", vfork_once},  {"clone3", clone3_once},
	             {"kill", kill_once},     {"signal", signal_once}, {"thread", thread_once}};
	if (!strcmp(what, "getppids") || !strcmp(what, "files"))
		return saturate(!strcmp(what, "files"), n);
	if (!strcmp(what, "compat-numbers"))
		return compat_numbers(n);
	for (unsigned kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
		for (long i = 0; !strcmp(what, kinds[kind].name) && i < n; i++) {
			int error = kinds[kind].once();
			if (error)
				return -error;
		}
	}
	return 0;
}
