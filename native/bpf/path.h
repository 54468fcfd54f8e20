/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths from kernel objects: what was really opened or executed, whatever the caller's memory says by now.
 *
 * Names are written one after the other at an offset that the verifier knows to be below PATH_BYTES, each with a
 * length that it knows to be at most PATH_BYTES; it does not know that the sum is. So a record into which a path
 * is written is reserved with PATH_BYTES more behind the path; header.size leaves them out.
 */
#ifndef PICKET_PATH_H
#define PICKET_PATH_H

#include "maps.h"

#define PATH_NAMES 24 /* of one path; with 256 bytes and names of ten, the bytes end first */

struct written_path {
	__u32 bytes;
	__u32 flags;
};

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (struct mount *)((char *)mnt - bpf_core_field_offset(struct mount, mnt));
}

/* What the verifier must know to be there behind a path that is written. */
struct path_room {
	char names[2 * PATH_BYTES];
};

struct path_walk {
	struct vfsmount *mnt;
	struct dentry *dentry;
	struct written_path written;
};

/* Over the root of a mount to where it is mounted. False at the root of all, which is also that of files in no folder,
 * such as memory files: these have their own name only. */
static __always_inline int leave_mount(struct path_walk *walk, struct path_room *to)
{
	struct mount *mount = mount_of(walk->mnt), *above = BPF_CORE_READ(mount, mnt_parent);
	struct dentry *dentry = walk->dentry;

	if (above == mount) {
		if (walk->written.bytes == 0) {
			long length = bpf_probe_read_kernel_str(to->names, PATH_BYTES, BPF_CORE_READ(dentry, d_name.name));
			walk->written.bytes = length > 0 ? length : 0;
		}
		walk->written.flags = 0;
		return false;
	}
	walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
	walk->mnt = (struct vfsmount *)((char *)above + bpf_core_field_offset(struct mount, mnt));
	return true;
}

/* One name, or one mount, towards the root; false at the end. Not static, as what is verified alone is verified once:
 * in the loop, each round has as many states as the one before had ends, and programs load several times slower. */
__noinline int path_step(struct path_walk *walk, struct path_room *to)
{
	if (!walk || !to)
		return false;
	__u32 used = walk->written.bytes, room = PATH_BYTES - used;
	struct vfsmount *mnt = walk->mnt;
	struct dentry *dentry = walk->dentry, *parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry == BPF_CORE_READ(mnt, mnt_root) || dentry == parent)
		return leave_mount(walk, to);
	if (used >= PATH_BYTES || BPF_CORE_READ(dentry, d_name.len) >= room)
		return false;
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
	__u32 at = used;
	barrier_var(at); /* else the compiler, which knows the bound, drops the mask; Linux 6.1 does not know it */
	long length = bpf_probe_read_kernel_str(to->names + (at & (PATH_BYTES - 1)), room & (2 * PATH_BYTES - 1), name);
	if (length <= 0)
		return false;
	walk->written.bytes = used + length;
	walk->dentry = parent;
	return true;
}

/* Writes the names of a path from the leaf to the root of its mount namespace. */
static __always_inline struct written_path write_path(char *to, struct vfsmount *mnt, struct dentry *dentry)
{
	struct path_walk walk = {.mnt = mnt, .dentry = dentry, .written.flags = PATH_CUT};

	for (int i = 0; i < PATH_NAMES; i++)
		if (!path_step(&walk, (struct path_room *)to))
			break;
	return walk.written;
}

/* Whether what lies behind a written path is a memory file, or has no name any more. A dentry that is its own parent and
 * has such a name is in no folder: no file system makes one. */
static __always_inline __u32 name_flags(struct dentry *dentry, const char *path)
{
	if (BPF_CORE_READ(dentry, d_parent) == dentry)
		return __builtin_memcmp(path, "memfd:", 6) == 0 ? EXEC_MEMFD : 0;
	return BPF_CORE_READ(dentry, d_hash.pprev) ? 0 : EXEC_DELETED;
}

/* File name of an executable, without folders. */
static __always_inline void write_exe(char *to, struct task_struct *task)
{
	struct dentry *dentry = BPF_CORE_READ(task, mm, exe_file, f_path.dentry);

	if (dentry)
		bpf_probe_read_kernel_str(to, FILE_NAME_BYTES, BPF_CORE_READ(dentry, d_name.name));
}

#endif
