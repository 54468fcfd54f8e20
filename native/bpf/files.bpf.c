/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files opened: watched names each time, folders the first time. */
#include "identity.h"
#include "novel.h"
#include "watched.h"

#define MODE_WRITE 0x2u        /* FMODE_WRITE, FMODE_PATH, FMODE_CREATED of linux/fs.h */
#define MODE_PATH 0x4000u
#define MODE_CREATED 0x100000u
#define OPEN_TRUNCATE 01000u   /* O_TRUNC, which leaves no trace in the file */
#define STACKED_MOUNTS 4       /* on one file: each is a mount on the root of another */

#define FLAGS_OF_FILE (~0u) /* the call's flags are in the caller's memory: take what the kernel made of them */

struct opening {
	struct vfsmount *mnt;
	struct dentry *dentry, *parent;
	struct file *file;
	__u32 flags;
};

/* The folder directly above, which for a mounted folder is named by where it is mounted. */
static __noinline __u32 mounted_folder_is_watched(struct vfsmount *mnt, struct dentry *folder)
{
	if (folder != BPF_CORE_READ(mnt, mnt_root))
		return 0;
	struct mount *mount = mount_of(mnt);
	struct qstr name = BPF_CORE_READ(mount, mnt_mountpoint, d_name);
	return may_be(watched_folder_lengths, name.len) ? is_watched(name.name, 1) : 0;
}

static __always_inline __u32 folder_is_watched(bool direct, struct vfsmount *mnt, struct dentry *folder)
{
	__u32 length = FIELD(direct, struct dentry, folder, d_name.len), watched = 0;

	if (may_be(watched_folder_lengths, length))
		watched = is_watched_directly(direct, FIELD(direct, struct dentry, folder, d_name.name), 1);
	return !watched && length == 1 ? mounted_folder_is_watched(mnt, folder) : watched;
}

static __noinline int report_open(struct task_state *state, struct file *file, __u32 flags)
{
	if (!state)
		return 0;
	bool may = may_send_of(state->slot, RECORD_OPEN, thing_of(file));
	struct open_record *record = reserve_if(may, &urgent, RECORD_OPEN, struct open_record, PATH_BYTES, state->slot,
						state->owner, LOSS_URGENT_FULL);

	if (!record)
		return 0;
	fill_process(&record->header);
	struct written_path path =
		write_path(record->path, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
	record->flags = path.flags;
	record->path_bytes = path.bytes;
	record->open_flags = flags;
	write_exe(record->exe, bpf_get_current_task_btf());
	bpf_ringbuf_submit(record, 0);
	note_told(state);
	return 0;
}

/* A file that is itself a mount, such as /etc/hosts of a container, lies in the folder in which it is mounted. */
static __noinline int note_mounted_file(struct task_state *state, struct slot_profile *profile, struct file *file, __u32 what)
{
	struct vfsmount *mnt = BPF_CORE_READ(file, f_path.mnt);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);

	if (!state || !profile)
		return 0;
	for (int i = 0; i < STACKED_MOUNTS && dentry == BPF_CORE_READ(mnt, mnt_root); i++) {
		struct mount *mount = mount_of(mnt), *above = BPF_CORE_READ(mount, mnt_parent);
		if (above == mount) /* in no folder: memory files, pipes and the like */
			return 0;
		dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		mnt = (struct vfsmount *)((char *)above + bpf_core_field_offset(struct mount, mnt));
	}
	struct dentry *folder = BPF_CORE_READ(dentry, d_parent);
	struct identity identity = identify(false, BPF_CORE_READ(folder, d_inode));
	struct novelty novelty = {.what = what, .mnt = mnt, .dentry = folder};
	novelty.key = key_of(what, identity.inode, identity.device);
	return is_known(profile, novelty.key) ? 0 : tell_novelty(state, &novelty);
}

/* The folder that was read or written: a file's own, or the one that was opened itself. */
static __always_inline int note_folder(bool direct, struct task_state *state, struct slot_profile *profile,
					 struct opening *opening)
{
	__u32 mode = FIELD(direct, struct file, opening->file, f_mode);

	if (state->slot == SLOT_NONE || (mode & MODE_PATH)) /* of a file opened as a place only, nothing can be read */
		return 0;
	bool writes = (mode & (MODE_WRITE | MODE_CREATED)) ||
		      (opening->flags != FLAGS_OF_FILE && (opening->flags & OPEN_TRUNCATE));
	struct novelty novelty = {.what = writes ? NOVEL_FOLDER_WRITE : NOVEL_FOLDER_READ, .mnt = opening->mnt};
	struct inode *inode = FIELD(direct, struct file, opening->file, f_inode);
	if ((FIELD(direct, struct inode, inode, i_mode) & S_IFMT) == S_IFDIR) {
		novelty.dentry = opening->dentry;
	} else if (opening->dentry == FIELD(direct, struct vfsmount, opening->mnt, mnt_root)) {
		return note_mounted_file(state, profile, opening->file, novelty.what);
	} else {
		novelty.dentry = opening->parent;
		inode = FIELD(direct, struct dentry, opening->parent, d_inode);
	}
	struct identity identity = identify(direct, inode);
	novelty.key = key_of(novelty.what, identity.inode, identity.device);
	return is_known(profile, novelty.key) ? 0 : tell_novelty(state, &novelty);
}

static __always_inline bool opened_to_write(bool direct, struct opening *opening)
{
	return (FIELD(direct, struct file, opening->file, f_mode) & (MODE_WRITE | MODE_CREATED)) ||
	       (opening->flags != FLAGS_OF_FILE && (opening->flags & OPEN_TRUNCATE));
}

/* A place in a table of files has no type; a kiocb begins with a pointer to a file, as the place does. */
static __always_inline struct file *file_at(bool direct, struct file **place)
{
	struct file *file = NULL;

	if (direct && bpf_core_field_offset(struct kiocb, ki_filp) == 0)
		return FIELD(true, struct kiocb, place, ki_filp);
	bpf_probe_read_kernel(&file, sizeof(file), place);
	return file;
}

/* The file behind the descriptor that the call has just returned. Every open pays for this. */
static __always_inline int look_at_open(bool direct, struct task_state *state, struct slot_profile *profile,
					  __u32 descriptor, __u32 flags)
{
	struct fdtable *table = bpf_get_current_task_btf()->files->fdt;
	struct file **files = table->fd;

	if (descriptor >= table->max_fds)
		return 0;
	struct file *file = file_at(direct, &files[descriptor]);
	struct opening opening = {
		.mnt = FIELD(direct, struct file, file, f_path.mnt),
		.dentry = FIELD(direct, struct file, file, f_path.dentry),
		.file = file,
		.flags = flags,
	};
	if (!opening.dentry)
		return 0;
	opening.parent = FIELD(direct, struct dentry, opening.dentry, d_parent);
	__u32 length = FIELD(direct, struct dentry, opening.dentry, d_name.len);
	__u32 watched = 0;
	if (may_be(watched_file_lengths, length))
		watched = is_watched_directly(direct, FIELD(direct, struct dentry, opening.dentry, d_name.name), 0);
	if (!(watched & WATCHED_ALWAYS))
		watched |= folder_is_watched(direct, opening.mnt, opening.parent);
	if ((watched & WATCHED_ALWAYS) || (watched && opened_to_write(direct, &opening)))
		report_open(state, file, flags == FLAGS_OF_FILE ? FIELD(direct, struct file, file, f_flags) : flags);
	return note_folder(direct, state, profile, &opening);
}

/* Not static, so that it is verified once and not for every call that opens. */
__noinline int opened_directly(struct task_state *state, struct slot_profile *profile, __u32 descriptor, __u32 flags)
{
	return state && profile ? look_at_open(true, state, profile, descriptor, flags) : 0;
}

__noinline int opened_by_helpers(struct task_state *state, struct slot_profile *profile, __u32 descriptor, __u32 flags)
{
	return state && profile ? look_at_open(false, state, profile, descriptor, flags) : 0;
}

static __always_inline int opened(bool direct, struct task_state *state, struct slot_profile *profile, __u32 descriptor,
				  __u32 flags)
{
	return direct ? opened_directly(state, profile, descriptor, flags) :
			opened_by_helpers(state, profile, descriptor, flags);
}
