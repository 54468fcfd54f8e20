// SPDX-License-Identifier: Apache-2.0
// A system-call loop in a cgroup: load CGROUP_PROCS_FILE CPU getppid|file ITERATIONS
// Prints {"iterations":N,"cpu_ns":T}: user and system time of the loop, after a tenth of it as warm-up.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static long long cpu_ns(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
}

static void loop(int file, long n)
{
	char byte;

	for (long i = 0; i < n; i++) {
		if (!file) {
			syscall(SYS_getppid); // the C library must not answer from memory
			continue;
		}
		int fd = open("/dev/zero", O_RDONLY);

		if (fd < 0 || read(fd, &byte, 1) != 1 || close(fd))
			exit(1);
	}
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	int fd = open(argv[1], O_WRONLY);

	if (fd < 0 || write(fd, "0", 1) != 1 || close(fd)) {
		perror(argv[1]);
		return 1;
	}
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(atoi(argv[2]), &set);
	sched_setaffinity(0, sizeof(set), &set);
	int file = !strcmp(argv[3], "file");
	long n = atol(argv[4]);

	loop(file, n / 10);
	long long before = cpu_ns();

	loop(file, n);
	printf("{\"iterations\":%ld,\"cpu_ns\":%lld}\n", n, cpu_ns() - before);
	return 0;
}
