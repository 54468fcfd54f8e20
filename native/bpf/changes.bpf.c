/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files that get another name, owner or right: those of watched names, rights that hand on ids, devices. */
#include "deed.h"
#include "names.h"

#define AT_FDCWD ((__u32)-100)
#define S_IFBLK 0060000
#define MAY_EXECUTE 0111

/* The folder that a path without folders is in. */
static __always_inline struct dentry *folder_of(__u32 descriptor)
{
	if (descriptor == AT_FDCWD)
		return BPF_CORE_READ(bpf_get_current_task_btf(), fs, pwd.dentry);
	struct file *file = (struct file *)file_of(descriptor);
	return BPF_CORE_READ(file, f_path.dentry);
}

static __always_inline bool is_watched_file(struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);

	return is_watched_dentry(dentry, 0) || is_watched_dentry(BPF_CORE_READ(dentry, d_parent), 1);
}

/* Whether a path that the caller gives ends in a watched name. Links are not followed: making one is told. */
static __always_inline bool claims_watched(__u32 descriptor, __u64 address)
{
	int found = watched_in_text(address, true, TEXT_BYTES);

	return found == NAME_WITHOUT_FOLDER ? is_watched_dentry(folder_of(descriptor), 1) : found == NAME_WATCHED;
}

/* Two names, old and new; of a symbolic link, what it shall mean and its own. */
__noinline int look_at_names(struct deed *deed)
{
	if (!deed || !was_done_or_refused(deed))
		return false;
	bool at = deed->form == FORM_AT;
	__u64 old = deed->args[0], new = deed->args[1];
	__u32 old_folder = AT_FDCWD, new_folder = AT_FDCWD;
	if (deed->action == ACTION_SYMLINK) {
		new_folder = at ? deed->args[1] : AT_FDCWD;
		new = at ? deed->args[2] : deed->args[1];
	} else if (at) {
		old_folder = deed->args[0];
		old = deed->args[1];
		new_folder = deed->args[2];
		new = deed->args[3];
	}
	deed->claimed_name = (const void *)old;
	claim_path(deed, new);
	return claims_watched(old_folder, old) || claims_watched(new_folder, new);
}

/* Brings the values behind path or descriptor to the front. */
static __always_inline void shift_values(struct deed *deed)
{
	__u32 by = deed->form == FORM_AT ? 2 : 1;

	deed->args[0] = by == 2 ? deed->args[2] : deed->args[1];
	deed->args[1] = by == 2 ? deed->args[3] : deed->args[2];
}

static __always_inline bool gives_ids(const struct deed *deed)
{
	return deed->action == ACTION_CHMOD && (deed->args[0] & (S_ISUID | S_ISGID));
}

/* Capabilities of a file, which its program has whoever runs it. */
static __always_inline bool gives_capabilities(const struct deed *deed)
{
	char name[] = "security.capability", given[sizeof(name)] = {};

	if (deed->action != ACTION_SETXATTR || bpf_probe_read_user_str(given, sizeof(given), deed->claimed_name) != sizeof(name))
		return false;
	for (__u32 i = 0; i < sizeof(name); i++)
		if (given[i] != name[i])
			return false;
	return true;
}

/* Once of each image: installers make hundreds of files executable. */
static __always_inline bool makes_executable(struct task_state *state, struct deed *deed)
{
	if (deed->action != ACTION_CHMOD || deed->result || !(deed->args[0] & MAY_EXECUTE))
		return false;
	deed->once = SEEN_CHMOD_EXEC;
	return !was_told(state, SEEN_CHMOD_EXEC, 0);
}

static __always_inline bool is_folder(struct file *file)
{
	return (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFDIR;
}

/* Rights, owner, length or an attribute of one file. */
__noinline int look_at_change(struct task_state *state, struct deed *deed)
{
	bool watched, folder = false;

	if (!state || !deed || !was_done_or_refused(deed))
		return false;
	__u64 path = deed->form == FORM_AT ? deed->args[1] : deed->args[0];
	__u32 descriptor = deed->form == FORM_PATH ? AT_FDCWD : deed->args[0];
	shift_values(deed);
	if (deed->action == ACTION_SETXATTR)
		deed->claimed_name = (const void *)deed->args[0];
	if (deed->form == FORM_FD) {
		struct file *file = (struct file *)file_of(descriptor);
		tell_path(deed, file);
		watched = is_watched_file(file);
		folder = is_folder(file);
	} else {
		claim_path(deed, path);
		watched = claims_watched(descriptor, path);
	}
	return watched || gives_ids(deed) || gives_capabilities(deed) || (!folder && makes_executable(state, deed));
}

/* Overlay's mark of a removed file is a device 0:0, which is none. */
__noinline int look_at_device(struct deed *deed)
{
	if (!deed || !was_done_or_refused(deed))
		return false;
	claim_path(deed, deed->form == FORM_AT ? deed->args[1] : deed->args[0]);
	shift_values(deed);
	__u32 type = deed->args[0] & S_IFMT;
	return (type == S_IFCHR || type == S_IFBLK) && (__u32)deed->args[1];
}
