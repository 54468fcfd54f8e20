/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Opens that failed: there is no file, so the path is what the caller asked for. */
#include "calls.h"
#include "deed.h"
#include "names.h"

#define ENOENT 2
#define ETXTBSY 26
#define EROFS 30
#define CREAT_FLAGS 01101 /* O_WRONLY | O_CREAT | O_TRUNC, as creat() has them by itself */

struct failed_open {
	__u64 path; /* of the caller's memory */
	__u32 open_flags;
	__u32 flags; /* of the record */
};

/* What is not there is told of names that are watched at every opening: programs look for libraries and settings in many
 * places, and for secrets in few. What may not be written, as all of /proc/sys and /sys in a container, is told of the same
 * names: on a root file system that is read-only, logs and caches are tried again and again. A program that runs
 * (ETXTBSY) is seldom written to. Not static, so that it is verified once and not for every call that opens. */
__noinline int tell_failed_open(struct task_state *state, const struct failed_open *failed, __s64 result, __u32 number)
{
	if (!state || !failed)
		return 0;
	bool any = result != -ENOENT && result != -EROFS;
	if (!any && !(look_in_text(failed->path, true, TEXT_BYTES) & WATCHED_ALWAYS))
		return 0;
	struct deed deed = {.action = ACTION_OPEN_FAILED, .number = number, .result = result, .flags = failed->flags};
	deed.args[0] = failed->open_flags;
	claim_path(&deed, failed->path);
	return tell(state, &deed);
}

static __always_inline bool is_told_failure(__s64 result)
{
	return result == -ENOENT || result == -EPERM || result == -EACCES || result == -EROFS || result == -ETXTBSY;
}

/* The first member of struct open_how. Read when the call has ended, it is the caller's word as the path is. */
static __always_inline __u32 flags_of_how(__u64 how)
{
	__u64 flags = 0;

	bpf_probe_read_user(&flags, sizeof(flags), (void *)how);
	return flags;
}

static __always_inline int open_failed(struct task_state *state, struct pt_regs *regs, long result, int number)
{
	__u64 args[] = NATIVE_ARGUMENTS(regs);
	bool at = number == CALL_OPENAT || number == CALL_OPENAT2;
	bool plain = number == CALL_OPEN || number == CALL_CREAT;

	if (!is_told_failure(result) || !(at || plain))
		return 0;
	struct failed_open failed = {.path = at ? args[1] : args[0]};
	if (number == CALL_CREAT)
		failed.open_flags = CREAT_FLAGS;
	else if (number == CALL_OPENAT2)
		failed.open_flags = flags_of_how(args[2]);
	else
		failed.open_flags = at ? args[2] : args[1];
	return tell_failed_open(state, &failed, result, number);
}

static __always_inline int compat_open_failed(struct task_state *state, struct pt_regs *regs, long result, int number)
{
	__u64 args[] = COMPAT_ARGUMENTS(regs);
	bool at = number == COMPAT_OPENAT || number == COMPAT_OPENAT2;
	bool plain = number == COMPAT_OPEN || number == COMPAT_CREAT;

	if (!is_told_failure(result) || !(at || plain))
		return 0;
	struct failed_open failed = {.path = at ? args[1] : args[0], .flags = ACTION_COMPAT};
	if (number == COMPAT_CREAT)
		failed.open_flags = CREAT_FLAGS;
	else if (number == COMPAT_OPENAT2)
		failed.open_flags = flags_of_how(args[2]);
	else
		failed.open_flags = at ? args[2] : args[1];
	return tell_failed_open(state, &failed, result, number);
}
