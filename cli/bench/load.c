// SPDX-License-Identifier: Apache-2.0
// A system-call loop in a cgroup: load CGROUP_PROCS_FILE CPU NAME BATCH REPEATS SECONDS
// REPEATS times BATCH iterations, or, when REPEATS is 0, batches until SECONDS have passed. Each repeat prints
// {"iterations":N,"cpu_ns":T}, user and system time of this process, its peer and its children; the last line is
// {"call":NR,"made":M}: so often, the tenth of BATCH before all repeats included, was the system call NR made.
// load CGROUP_PROCS_FILE CPU read PATH prints {"at":T}, CLOCK_MONOTONIC in ns just before the file was opened.
// Linked statically: a dynamic program opens and reads libraries, which nobody counts here.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct load {
	const char *name;
	long call; /* that is counted */
	int per;   /* so many of it in an iteration, the peer's included */
	void (*setup)(void);
	void (*once)(void);
};

static char path[] = "picket-load.XXXXXX", page[4096];
static int there[2], back[2], listener, out, in;
static struct sockaddr_in address;
static pid_t peer;

static void must(long result, const char *what)
{
	if (result >= 0)
		return;
	perror(what);
	exit(1);
}

static long long now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long cpu_ns(void)
{
	struct rusage children;
	clockid_t of_peer;
	long long sum = now_ns(CLOCK_PROCESS_CPUTIME_ID);

	if (peer && !clock_getcpuclockid(peer, &of_peer))
		sum += now_ns(of_peer);
	getrusage(RUSAGE_CHILDREN, &children);
	return sum + (children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1000000000LL +
	       (children.ru_utime.tv_usec + children.ru_stime.tv_usec) * 1000LL;
}

static void getppid_once(void)
{
	syscall(SYS_getppid); // the C library must not answer from memory
}

static void file_setup(void)
{
	int fd = mkstemp(path);

	must(fd, path);
	must(write(fd, page, sizeof(page)), path);
	close(fd);
}

static void file_once(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	must(fd, path);
	must(read(fd, page, sizeof(page)), path);
	close(fd);
}

static void pipe_setup(void)
{
	char byte;

	must(pipe(there), "pipe");
	must(pipe(back), "pipe");
	peer = fork();
	must(peer, "fork");
	if (peer)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(there[1]);
	while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
		;
	_exit(0);
}

static void pipe_once(void)
{
	char byte = 0;

	must(write(there[1], &byte, 1), "write");
	must(read(back[0], &byte, 1), "read");
}

static int bound(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(address);

	address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	must(bind(fd, (struct sockaddr *)&address, size), "bind");
	must(getsockname(fd, (struct sockaddr *)&address, &size), "getsockname");
	return fd;
}

static void udp_setup(void)
{
	out = bound(SOCK_DGRAM);
	in = bound(SOCK_DGRAM);
}

static void udp_once(void)
{
	must(sendto(out, page, 64, 0, (struct sockaddr *)&address, sizeof(address)), "sendto");
	must(recvfrom(in, page, 64, 0, NULL, NULL), "recvfrom");
}

static void tcp_setup(void)
{
	listener = bound(SOCK_STREAM);
	must(listen(listener, 16), "listen");
}

// The client ends with a reset: nothing stays in TIME_WAIT, and ports do not run out.
static void tcp_once(void)
{
	const struct linger reset = {.l_onoff = 1};
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(connect(client, (struct sockaddr *)&address, sizeof(address)), "connect");
	setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	must(server, "accept4");
	close(client);
	close(server);
}

static void exec_once(void)
{
	char *arguments[] = {"true", NULL};
	int status = 0;
	pid_t pid = fork();

	must(pid, "fork");
	if (!pid) {
		execve("/bin/true", arguments, NULL);
		_exit(127);
	}
	must(waitpid(pid, &status, 0), "waitpid");
	must(status ? -1 : 0, "/bin/true");
}

static void nothing(void)
{
}

static const struct load loads[] = {
	{"getppid", SYS_getppid, 1, nothing, getppid_once},
	{"file", SYS_read, 1, file_setup, file_once},
	{"pipe", SYS_read, 2, pipe_setup, pipe_once},
	{"udp", SYS_sendto, 1, udp_setup, udp_once},
	{"tcp-connect", SYS_connect, 1, tcp_setup, tcp_once},
	{"exec", SYS_wait4, 1, nothing, exec_once},
};

// The cgroup is entered, then the child works there from its first call on: the floor keeps what a task was in before.
// waitid, as another call is what one of the loads is counted by.
static void enter(const char *procs, int cpu)
{
	int fd = open(procs, O_WRONLY);
	siginfo_t end = {0};
	cpu_set_t set;

	must(fd, procs);
	must(write(fd, "0", 1), procs);
	close(fd);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	pid_t child = fork();

	must(child, "fork");
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return;
	}
	must(waitid(P_PID, child, &end, WEXITED), "waitid");
	exit(end.si_code == CLD_EXITED ? end.si_status : 1);
}

static long batch_of(const struct load *load, long batch)
{
	for (long i = 0; i < batch; i++)
		load->once();
	return batch;
}

static long repeat(const struct load *load, long batch, double seconds)
{
	long long cpu = cpu_ns(), end = now_ns(CLOCK_MONOTONIC) + (long long)(seconds * 1e9);
	long done = 0;

	do
		done += batch_of(load, batch);
	while (now_ns(CLOCK_MONOTONIC) < end);
	printf("{\"iterations\":%ld,\"cpu_ns\":%lld}\n", done, cpu_ns() - cpu);
	return done;
}

static void run(const struct load *load, long batch, int repeats, double seconds)
{
	load->setup();
	long done = batch_of(load, batch / 10 + 1);

	for (int i = 0; i < repeats; i++)
		done += repeat(load, batch, 0);
	if (!repeats)
		done += repeat(load, batch, seconds);
	if (peer) { // its last read, of the end, counts too
		siginfo_t end;

		close(there[1]);
		waitid(P_PID, peer, &end, WEXITED);
	}
	unlink(path);
	printf("{\"call\":%ld,\"made\":%ld}\n", load->call, done * load->per + (peer ? 1 : 0));
}

int main(int argc, char **argv)
{
	if (argc != 5 && argc != 7)
		return 2;
	enter(argv[1], atoi(argv[2]));
	if (argc == 5) {
		long long at = now_ns(CLOCK_MONOTONIC);

		must(open(argv[4], O_RDONLY), argv[4]);
		printf("{\"at\":%lld}\n", at);
		return 0;
	}
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (strcmp(loads[i].name, argv[3]))
			continue;
		run(&loads[i], atol(argv[4]), atoi(argv[5]), atof(argv[6]));
		return 0;
	}
	return 2;
}
