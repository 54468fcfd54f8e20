/* Preloaded into a process: kill -9 at its nth step that changes what is pinned on a bpffs, before the step is done.
 * Steps are counted from the first bpf() call that pins or attaches. DIE_AT=n. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int steps;

static void step(void)
{
	const char *at = getenv("DIE_AT");

	if (at && ++steps == atoi(at))
		kill(getpid(), SIGKILL);
}

long syscall(long number, ...)
{
	static long (*real)(long, ...);
	va_list list;
	long a[6];

	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_bpf &&
	    (a[0] == BPF_OBJ_PIN || a[0] == BPF_LINK_UPDATE || a[0] == BPF_LINK_CREATE || a[0] == BPF_RAW_TRACEPOINT_OPEN))
		step();
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int pinned(const char *path)
{
	const char *folder = getenv("DIE_IN");

	return folder && !strncmp(path, folder, strlen(folder));
}

int unlink(const char *path)
{
	if (pinned(path))
		step();
	return syscall(SYS_unlinkat, -100, path, 0);
}

int rename(const char *from, const char *to)
{
	if (pinned(from))
		step();
	return syscall(SYS_renameat2, -100, from, -100, to, 0);
}

int rmdir(const char *path)
{
	if (pinned(path))
		step();
	return syscall(SYS_unlinkat, -100, path, 0x200);
}
