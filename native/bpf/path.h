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

/* Writes the names of `path` from the leaf to the root of its mount namespace. */
static __always_inline struct written_path write_path(char *to, struct vfsmount *mnt, struct dentry *dentry)
{
	struct written_path written = {.flags = PATH_CUT};
	__u32 used = 0;

	for (int i = 0; i < PATH_NAMES; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		if (dentry == BPF_CORE_READ(mnt, mnt_root) || dentry == parent) {
			struct mount *mount = mount_of(mnt), *above = BPF_CORE_READ(mount, mnt_parent);
			if (above == mount) { /* also of files that are in no folder, such as memory files */
				if (used == 0) {
					long length = bpf_probe_read_kernel_str(to, PATH_BYTES, BPF_CORE_READ(dentry, d_name.name));
					used = length > 0 ? length : 0;
				}
				written.flags = 0;
				break;
			}
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mnt = (struct vfsmount *)((char *)above + bpf_core_field_offset(struct mount, mnt));
			continue;
		}
		__u32 room = PATH_BYTES - used;
		if (used >= PATH_BYTES || BPF_CORE_READ(dentry, d_name.len) >= room)
			break;
		long length = bpf_probe_read_kernel_str(to + (used & (PATH_BYTES - 1)), room & (2 * PATH_BYTES - 1),
							BPF_CORE_READ(dentry, d_name.name));
		if (length <= 0)
			break;
		used += length;
		dentry = parent;
	}
	written.bytes = used;
	return written;
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
