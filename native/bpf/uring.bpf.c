/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is done through io_uring, which never shows as a call. */
#include "deed.h"
#include "names.h"

#define URING_CONNECT 16
#define URING_OPENAT 18
#define URING_OPENAT2 28
#define URING_RENAMEAT 35
#define URING_UNLINKAT 36
#define URING_SYMLINKAT 38
#define URING_LINKAT 39
/* Operations on neither files nor sockets: nop, poll, timeouts, cancel, buffers, messages between rings, futexes. */
#define URING_QUIET                                                                                                    \
	(1ull << 0 | 1ull << 6 | 1ull << 7 | 1ull << 11 | 1ull << 12 | 1ull << 14 | 1ull << 15 | 1ull << 20 |          \
	 1ull << 31 | 1ull << 32 | 1ull << 40 | 1ull << 51 | 1ull << 52 | 1ull << 53)

static __always_inline const char *text_of(struct filename *name)
{
	return BPF_CORE_READ(name, name);
}

/* What a request of two names is about, as the kernel copied them. */
static __always_inline void claim_two(struct deed *deed, struct io_rename *request)
{
	deed->flags = ACTION_CLAIMED;
	deed->name = text_of(BPF_CORE_READ(request, oldpath));
	deed->copied_path = text_of(BPF_CORE_READ(request, newpath));
}

/* Texts of the request: its file names, or the path of the Unix socket that it connects to. Each operation has its own
 * struct at the beginning of the request, which kernels that have not the operation do not have either. */
static __noinline int claim_names(struct deed *deed, struct io_kiocb *request)
{
	if (!deed || !request)
		return 0;
	switch (deed->args[0]) {
	case URING_OPENAT:
	case URING_OPENAT2:
		if (!bpf_core_field_exists(struct io_open, filename))
			break;
		deed->copied_path = text_of(BPF_CORE_READ((struct io_open *)request, filename));
		deed->args[1] = BPF_CORE_READ((struct io_open *)request, how.flags);
		break;
	case URING_RENAMEAT:
	case URING_LINKAT: /* the same members at the same places, as far as they are read */
	case URING_SYMLINKAT:
		if (bpf_core_field_exists(struct io_rename, oldpath))
			claim_two(deed, (struct io_rename *)request);
		break;
	case URING_UNLINKAT:
		if (bpf_core_field_exists(struct io_unlink, filename))
			deed->copied_path = text_of(BPF_CORE_READ((struct io_unlink *)request, filename));
		break;
	case URING_CONNECT: {
		__u16 family = 0;
		if (!bpf_core_field_exists(struct io_connect, addr))
			break;
		__u64 address = (__u64)BPF_CORE_READ((struct io_connect *)request, addr);
		bpf_probe_read_user(&family, sizeof(family), (void *)address);
		deed->args[1] = family;
		if (family == AF_UNIX)
			claim_path(deed, address + SUN_PATH_OFFSET);
	}
	}
	return 0;
}

static __always_inline bool is_watched_copy(const void *text)
{
	return watched_in_text((__u64)text, false, TEXT_BYTES) == NAME_WATCHED;
}

static __noinline int names_watched(struct deed *deed, struct io_kiocb *request)
{
	if (!deed || !request)
		return false;
	if (!deed->claimed_path)
		return is_watched_copy(deed->copied_path) || is_watched_copy(deed->name);
	return is_watched_address((__u64)deed->claimed_path - SUN_PATH_OFFSET,
				  BPF_CORE_READ((struct io_connect *)request, addr_len));
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(uring_submitted, struct io_kiocb *request)
{
	__u32 operation = BPF_CORE_READ(request, opcode) & 63;
	__u64 bit = 1ull << operation;

	if (bit & URING_QUIET)
		return 0;
	struct task_state *state = current_state();
	if (!state)
		return 0;
	struct task_state *process = state_of_process(state);
	struct deed deed = {.action = ACTION_URING_OP, .number = ACTION_NO_CALL, .args = {operation}};
	claim_names(&deed, request);
	if ((process->seen_uring & bit) && !names_watched(&deed, request))
		return 0;
	if (tell(state, &deed))
		process->seen_uring |= bit;
	return 0;
}
