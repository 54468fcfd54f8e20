/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether a file of an overlay, which container images are mounted as, was there when the container was made. */
#ifndef PICKET_OVERLAY_H
#define PICKET_OVERLAY_H

#include "maps.h"

#define OVERLAYFS_SUPER_MAGIC 0x794c7630

/* True for a file that was made or changed since: it is in the upper layer. Overlay's inode is around the inode that
 * everybody sees; `__upperdentry` follows that one in every Linux since 4.13. */
static __always_inline bool is_upper(struct inode *inode)
{
	void *upper = NULL;

	if (BPF_CORE_READ(inode, i_sb, s_magic) != OVERLAYFS_SUPER_MAGIC)
		return false;
	if (bpf_core_field_exists(struct ovl_inode, __upperdentry)) {
		struct ovl_inode *around = (void *)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode);
		upper = BPF_CORE_READ(around, __upperdentry);
	} else { /* a module without type information */
		bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
	}
	return upper != NULL;
}

#endif
