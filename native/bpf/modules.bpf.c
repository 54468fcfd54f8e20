/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Code that is brought into the kernel. */
#include "calls.h"
#include "deed.h"

#define BPF_PROG_LOAD 5

/* Whatever came of it: a module that does not load was meant to. */
__noinline int look_at_module(struct deed *deed)
{
	if (!deed)
		return false;
	if (deed->action == ACTION_MODULE_UNLOAD)
		deed->claimed_name = (const void *)deed->args[0];
	else if (deed->number == (deed->flags & ACTION_COMPAT ? COMPAT_FINIT_MODULE : CALL_FINIT_MODULE))
		tell_path(deed, (struct file *)file_of(deed->args[0]));
	return true;
}

__noinline int look_at_bpf(struct deed *deed)
{
	if (!deed || deed->args[0] != BPF_PROG_LOAD || !was_done_or_refused(deed))
		return false;
	deed->args[1] = deed->args[2] = deed->args[3] = 0;
	if (deed->result < 0)
		return true;
	struct file *file = (struct file *)file_of(deed->result);
	struct bpf_prog *program = BPF_CORE_READ(file, private_data);
	struct bpf_prog_aux *more = BPF_CORE_READ(program, aux);
	deed->args[1] = BPF_CORE_READ(program, type);
	deed->name = &more->name;
	return true;
}
