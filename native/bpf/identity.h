/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which file or folder it is, whatever its name: of an inode, what does not change when it is renamed. */
#ifndef PICKET_IDENTITY_H
#define PICKET_IDENTITY_H

#include "maps.h"

#define PROC_MAGIC 0x9fa0
#define PROC_FIRST_FIXED 0xf0000000u /* fs/proc/generic.c: numbers of what is no process's; below, they are of the moment */

/* Linux 6.2: an address as an object of a type, whose fields are then plain loads. A load through a helper costs some
 * ten times as much. */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

/* A field of an object at an address. `direct` is a constant, as an older kernel refuses a program that names the cast. */
#define FIELD(direct, type, address, member)                                                                           \
	({                                                                                                             \
		type *at_ = (type *)(address);                                                                         \
		(direct) ? ((type *)bpf_rdonly_cast(at_, bpf_core_type_id_kernel(type)))->member                       \
			 : BPF_CORE_READ(at_, member);                                                                 \
	})

struct identity {
	__u64 inode;
	__u64 device; /* and generation, as an inode's number is used again */
};

/* A folder of a process in procfs has another inode for each process and each time: it is known by its kind, a folder
 * below /proc/sys by its table. */
static __noinline __u64 proc_folder(struct inode *inode)
{
	__u64 table = 0;

	if (bpf_core_field_exists(struct proc_inode, sysctl)) {
		void *around = (void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);
		table = (__u64)BPF_CORE_READ((struct proc_inode *)around, sysctl);
	}
	return table ? table : (__u64)BPF_CORE_READ(inode, i_op);
}

static __always_inline struct identity identify(bool direct, struct inode *inode)
{
	struct super_block *from = FIELD(direct, struct inode, inode, i_sb);
	struct identity identity = {
		.inode = FIELD(direct, struct inode, inode, i_ino),
		.device = FIELD(direct, struct super_block, from, s_dev),
	};

	if (FIELD(direct, struct super_block, from, s_magic) == PROC_MAGIC && identity.inode < PROC_FIRST_FIXED &&
	    identity.inode > 1)
		identity.inode = proc_folder(inode);
	else
		identity.device |= (__u64)FIELD(direct, struct inode, inode, i_generation) << 32;
	return identity;
}

#endif
