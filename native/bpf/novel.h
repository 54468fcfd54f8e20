/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The record of what a slot does for the first time. */
#ifndef PICKET_NOVEL_H
#define PICKET_NOVEL_H

#include "path.h"
#include "seen.h"
#include "slot.h"

struct novelty {
	__u64 key;
	__u32 what, value;
	__u16 port;
	__u8 protocol;
	struct vfsmount *mnt;
	struct dentry *dentry; /* of the path; NULL: it has none */
};

static __always_inline void write_place(struct novel_record *record, const struct novelty *novelty)
{
	struct dentry *dentry = novelty->dentry;
	struct written_path path = write_path(record->path, novelty->mnt, dentry);

	record->path_bytes = path.bytes;
	record->flags = path.flags | name_flags(dentry, record->path);
}

static __always_inline bool opens_folder(__u32 what)
{
	return what == NOVEL_FOLDER_READ || what == NOVEL_FOLDER_WRITE;
}

/* Folders, which a workload can make by the million, have a bucket of tokens of their own. Capabilities need none: each
 * is told once. */
static __always_inline bool may_tell(__u32 slot, __u32 what)
{
	if (what == NOVEL_CAPABILITY)
		return true;
	return opens_folder(what) ? take_tokens(slot, RECORD_NOVEL, FOLDER_TOKENS) : take_token(slot, BUCKET_NOVEL_FEW);
}

/* Remembered only once the record was reserved, so that what could not be told is told the next time; where there is no
 * place for it, it is told each time. */
static __always_inline int remember_novelty(struct slot_profile *profile, const struct novelty *novelty)
{
	if (novelty->what != NOVEL_CAPABILITY)
		return remember(profile, novelty->key);
	__u64 bit = 1ull << (novelty->value & 63);
	return __sync_fetch_and_or(&profile->capabilities, bit) & bit ? WAS_KNOWN : REMEMBERED;
}

/* Not static, so that it is verified once and not for each of its callers. */
__noinline int tell_novelty(struct task_state *state, const struct novelty *novelty)
{
	struct slot_profile *profile = state ? profile_of(state->slot) : NULL;

	if (!profile || !novelty)
		return 0;
	bool folder = opens_folder(novelty->what);
	if (!may_tell(state->slot, novelty->what)) {
		count_loss(state->slot, folder ? LOSS_FOLDERS_LATER : LOSS_THROTTLED);
		return 0;
	}
	struct novel_record *record = reserve_if(true, &bulk, RECORD_NOVEL, struct novel_record, PATH_BYTES, state->slot,
						 state->owner, folder ? LOSS_FOLDERS_LATER : LOSS_BULK_FULL);
	if (!record)
		return 0;
	int outcome = remember_novelty(profile, novelty);
	if (outcome == WAS_KNOWN) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return 0;
	}
	if (outcome == NO_PLACE)
		count_loss(state->slot, LOSS_SEEN_FULL);
	fill_process(&record->header);
	write_exe(record->exe, bpf_get_current_task_btf());
	record->key = novelty->key;
	record->what = novelty->what;
	record->value = novelty->value;
	record->port = novelty->port;
	record->protocol = novelty->protocol;
	if (novelty->dentry)
		write_place(record, novelty);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	note_told(state);
	return 0;
}

#endif
