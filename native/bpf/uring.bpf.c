/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is done through io_uring, which never shows as a call. */
#include "deed.h"
#include "watched.h"

#define URING_OPENAT 18
#define URING_OPENAT2 28
/* Operations on neither files nor sockets: nop, poll, timeouts, cancel, buffers, messages between rings, futexes. */
#define URING_QUIET                                                                                                    \
	(1ull << 0 | 1ull << 6 | 1ull << 7 | 1ull << 11 | 1ull << 12 | 1ull << 14 | 1ull << 15 | 1ull << 20 |          \
	 1ull << 31 | 1ull << 32 | 1ull << 40 | 1ull << 51 | 1ull << 52 | 1ull << 53)

/* The name of the file to open, as the kernel copied it; NULL where the operation is no open. */
static __always_inline const char *name_to_open(struct io_kiocb *request, __u32 operation)
{
	if (operation != URING_OPENAT && operation != URING_OPENAT2)
		return NULL;
	if (!bpf_core_field_exists(struct io_open, filename))
		return NULL;
	return BPF_CORE_READ((struct io_open *)request, filename, name);
}

static __noinline bool is_watched_text(const char *text)
{
	char name[NAME_SCAN] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), text);
	return ends_watched(name);
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
	deed.copied_path = name_to_open(request, operation);
	if ((process->seen_uring & bit) && !(deed.copied_path && is_watched_text(deed.copied_path)))
		return 0;
	if (deed.copied_path)
		deed.args[1] = BPF_CORE_READ((struct io_open *)request, how.flags);
	if (tell(state, &deed))
		process->seen_uring |= bit;
	return 0;
}
