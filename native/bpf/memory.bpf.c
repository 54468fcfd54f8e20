/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Memory that becomes executable. */
#include "deed.h"
#include "identity.h"
#include "novel.h"

#define PROT_WRITE 2
#define PROT_EXEC 4
#define ASK_PERSONALITY 0xffffffffu
#define ADDR_NO_RANDOMIZE 0x0040000u
#define READ_IMPLIES_EXEC 0x0400000u

static long has_no_file(struct task_struct *task, struct vm_area_struct *area, void *answer)
{
	*(__u32 *)answer = !BPF_CORE_READ(area, vm_file);
	return 0;
}

/* Yes when it cannot be told: an old kernel, or the map is being changed by another thread. */
static __always_inline bool is_anonymous(__u64 address)
{
	__u32 answer = true;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_find_vma))
		bpf_find_vma(bpf_get_current_task_btf(), address, has_no_file, &answer, 0);
	return answer;
}

static long take_file(struct task_struct *task, struct vm_area_struct *area, void *answer)
{
	*(__u64 *)answer = (__u64)BPF_CORE_READ(area, vm_file);
	return 0;
}

/* The file that lies behind an address; before Linux 5.17 it is not known. */
__noinline int note_library(struct task_state *state, __u64 address)
{
	struct slot_profile *profile = state && state->slot != SLOT_NONE ? profile_of(state->slot) : NULL;
	__u64 found = 0;

	if (!profile || !bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_find_vma))
		return 0;
	bpf_find_vma(bpf_get_current_task_btf(), address, take_file, &found, 0);
	struct file *file = (struct file *)found;
	if (!file)
		return 0;
	struct identity identity = identify(false, BPF_CORE_READ(file, f_inode));
	struct novelty novelty = {
		.what = NOVEL_LIBRARY,
		.mnt = BPF_CORE_READ(file, f_path.mnt),
		.dentry = BPF_CORE_READ(file, f_path.dentry),
		.key = key_of(NOVEL_LIBRARY, identity.inode, identity.device),
	};
	return is_known(profile, novelty.key) ? 0 : tell_novelty(state, &novelty);
}

/* In its caller, as the stack below has no room for one function more. */
static __always_inline int look_at_memory(struct task_state *state, struct deed *deed)
{
	if (!state || !deed || !(deed->args[2] & PROT_EXEC))
		return false;
	if ((unsigned long)deed->result >= (unsigned long)-4095 && !was_refused(deed))
		return false;
	if (!was_refused(deed))
		note_library(state, deed->action == ACTION_MAKE_EXEC ? deed->args[0] : (__u64)deed->result);
	deed->once = SEEN_WRITE_EXEC;
	if (deed->args[2] & PROT_WRITE)
		deed->action = ACTION_WRITE_EXEC;
	else if (deed->action == ACTION_MAKE_EXEC && is_anonymous(deed->args[0]))
		deed->once = SEEN_MAKE_EXEC;
	else
		return false;
	return !was_told(state, deed->once, 0);
}

__noinline int look_at_personality(struct deed *deed)
{
	if (!deed)
		return false;
	__u32 asked = deed->args[0];
	return asked != ASK_PERSONALITY && (asked & (ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC));
}
