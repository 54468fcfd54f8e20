/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which system calls are looked at as actions, by number. A byte a number, as a call that is none of them pays for one
 * load and one test; a bit a number would add a shift and a mask.
 */
#ifndef PICKET_ACTIONS_H
#define PICKET_ACTIONS_H

#include "../records.h"

#define LOOK_CLOSER 0xff /* no action, but opens a file or makes a process */

/* Where the file is that is acted on: a path; a descriptor of a folder, then a path; a descriptor. */
#define FORM_PATH 0
#define FORM_AT 0x40
#define FORM_FD 0x80
#define ACTION_BITS 0x3f

#if defined(__TARGET_ARCH_x86)
static const __u8 actions[SYSCALL_NUMBERS] = {
	[2] = LOOK_CLOSER, /* open */
	[9] = ACTION_WRITE_EXEC, /* mmap */
	[10] = ACTION_MAKE_EXEC, /* mprotect */
	[41] = ACTION_RAW_SOCKET, /* socket */
	[42] = ACTION_SOCKET_USE, /* connect */
	[49] = LOOK_CLOSER, /* bind */
	[56] = ACTION_CLONE_NS, /* clone */
	[57] = LOOK_CLOSER, /* fork */
	[58] = LOOK_CLOSER, /* vfork */
	[62] = ACTION_SIGNAL, /* kill */
	[76] = ACTION_TRUNCATE, /* truncate */
	[77] = ACTION_TRUNCATE | FORM_FD, /* ftruncate */
	[82] = ACTION_RENAME, /* rename */
	[85] = LOOK_CLOSER, /* creat */
	[86] = ACTION_LINK, /* link */
	[87] = ACTION_UNLINK, /* unlink */
	[88] = ACTION_SYMLINK, /* symlink */
	[90] = ACTION_CHMOD, /* chmod */
	[91] = ACTION_CHMOD | FORM_FD, /* fchmod */
	[92] = ACTION_CHOWN, /* chown */
	[93] = ACTION_CHOWN | FORM_FD, /* fchown */
	[94] = ACTION_CHOWN, /* lchown */
	[101] = ACTION_PTRACE, /* ptrace */
	[105] = ACTION_SET_ID, /* setuid */
	[106] = ACTION_SET_ID, /* setgid */
	[113] = ACTION_SET_ID, /* setreuid */
	[114] = ACTION_SET_ID, /* setregid */
	[117] = ACTION_SET_ID, /* setresuid */
	[119] = ACTION_SET_ID, /* setresgid */
	[126] = ACTION_CAPSET, /* capset */
	[129] = ACTION_SIGNAL, /* rt_sigqueueinfo */
	[133] = ACTION_MAKE_DEVICE, /* mknod */
	[135] = ACTION_PERSONALITY, /* personality */
	[155] = ACTION_PIVOT_ROOT, /* pivot_root */
	[161] = ACTION_CHROOT, /* chroot */
	[165] = ACTION_MOUNT, /* mount */
	[166] = ACTION_UMOUNT, /* umount2 */
	[172] = ACTION_IO_PORTS, /* iopl */
	[173] = ACTION_IO_PORTS, /* ioperm */
	[175] = ACTION_MODULE_LOAD, /* init_module */
	[176] = ACTION_MODULE_UNLOAD, /* delete_module */
	[188] = ACTION_SETXATTR, /* setxattr */
	[189] = ACTION_SETXATTR, /* lsetxattr */
	[190] = ACTION_SETXATTR | FORM_FD, /* fsetxattr */
	[200] = ACTION_SIGNAL, /* tkill */
	[234] = ACTION_SIGNAL, /* tgkill */
	[246] = ACTION_KEXEC, /* kexec_load */
	[257] = LOOK_CLOSER, /* openat */
	[259] = ACTION_MAKE_DEVICE | FORM_AT, /* mknodat */
	[260] = ACTION_CHOWN | FORM_AT, /* fchownat */
	[263] = ACTION_UNLINK | FORM_AT, /* unlinkat */
	[264] = ACTION_RENAME | FORM_AT, /* renameat */
	[265] = ACTION_LINK | FORM_AT, /* linkat */
	[266] = ACTION_SYMLINK | FORM_AT, /* symlinkat */
	[268] = ACTION_CHMOD | FORM_AT, /* fchmodat */
	[272] = ACTION_UNSHARE, /* unshare */
	[297] = ACTION_SIGNAL, /* rt_tgsigqueueinfo */
	[298] = ACTION_PERF_OPEN, /* perf_event_open */
	[304] = ACTION_OPEN_HANDLE, /* open_by_handle_at */
	[308] = ACTION_SETNS, /* setns */
	[310] = ACTION_VM_READ, /* process_vm_readv */
	[311] = ACTION_VM_WRITE, /* process_vm_writev */
	[313] = ACTION_MODULE_LOAD, /* finit_module */
	[316] = ACTION_RENAME | FORM_AT, /* renameat2 */
	[319] = ACTION_MEMFD, /* memfd_create */
	[320] = ACTION_KEXEC, /* kexec_file_load */
	[321] = ACTION_BPF_LOAD, /* bpf */
	[323] = ACTION_USERFAULT, /* userfaultfd */
	[329] = ACTION_MAKE_EXEC, /* pkey_mprotect */
	[424] = ACTION_SIGNAL, /* pidfd_send_signal */
	[425] = ACTION_URING_SETUP, /* io_uring_setup */
	[428] = ACTION_OPEN_TREE, /* open_tree */
	[429] = ACTION_MOVE_MOUNT, /* move_mount */
	[430] = ACTION_FSMOUNT, /* fsopen */
	[432] = ACTION_FSMOUNT, /* fsmount */
	[435] = LOOK_CLOSER, /* clone3 */
	[437] = LOOK_CLOSER, /* openat2 */
	[438] = ACTION_TAKE_FD, /* pidfd_getfd */
	[442] = ACTION_MOUNT_ATTR, /* mount_setattr */
	[452] = ACTION_CHMOD | FORM_AT, /* fchmodat2 */
};

/* i386; its socketcall and old mmap have their arguments in the caller's memory and are not looked at. */
static const __u8 compat_actions[SYSCALL_NUMBERS] = {
	[9] = ACTION_LINK, /* link */
	[10] = ACTION_UNLINK, /* unlink */
	[14] = ACTION_MAKE_DEVICE, /* mknod */
	[15] = ACTION_CHMOD, /* chmod */
	[16] = ACTION_CHOWN, /* lchown16 */
	[21] = ACTION_MOUNT, /* mount */
	[22] = ACTION_UMOUNT, /* umount */
	[23] = ACTION_SET_ID, /* setuid16 */
	[26] = ACTION_PTRACE, /* ptrace */
	[37] = ACTION_SIGNAL, /* kill */
	[38] = ACTION_RENAME, /* rename */
	[46] = ACTION_SET_ID, /* setgid16 */
	[52] = ACTION_UMOUNT, /* umount2 */
	[61] = ACTION_CHROOT, /* chroot */
	[70] = ACTION_SET_ID, /* setreuid16 */
	[71] = ACTION_SET_ID, /* setregid16 */
	[83] = ACTION_SYMLINK, /* symlink */
	[92] = ACTION_TRUNCATE, /* truncate */
	[93] = ACTION_TRUNCATE | FORM_FD, /* ftruncate */
	[94] = ACTION_CHMOD | FORM_FD, /* fchmod */
	[95] = ACTION_CHOWN | FORM_FD, /* fchown16 */
	[101] = ACTION_IO_PORTS, /* ioperm */
	[110] = ACTION_IO_PORTS, /* iopl */
	[120] = ACTION_CLONE_NS, /* clone */
	[125] = ACTION_MAKE_EXEC, /* mprotect */
	[128] = ACTION_MODULE_LOAD, /* init_module */
	[129] = ACTION_MODULE_UNLOAD, /* delete_module */
	[136] = ACTION_PERSONALITY, /* personality */
	[164] = ACTION_SET_ID, /* setresuid16 */
	[170] = ACTION_SET_ID, /* setresgid16 */
	[178] = ACTION_SIGNAL, /* rt_sigqueueinfo */
	[182] = ACTION_CHOWN, /* chown16 */
	[185] = ACTION_CAPSET, /* capset */
	[192] = ACTION_WRITE_EXEC, /* mmap2 */
	[193] = ACTION_TRUNCATE, /* truncate64 */
	[194] = ACTION_TRUNCATE | FORM_FD, /* ftruncate64 */
	[198] = ACTION_CHOWN, /* lchown */
	[203] = ACTION_SET_ID, /* setreuid */
	[204] = ACTION_SET_ID, /* setregid */
	[207] = ACTION_CHOWN | FORM_FD, /* fchown */
	[208] = ACTION_SET_ID, /* setresuid */
	[210] = ACTION_SET_ID, /* setresgid */
	[212] = ACTION_CHOWN, /* chown */
	[213] = ACTION_SET_ID, /* setuid */
	[214] = ACTION_SET_ID, /* setgid */
	[217] = ACTION_PIVOT_ROOT, /* pivot_root */
	[226] = ACTION_SETXATTR, /* setxattr */
	[227] = ACTION_SETXATTR, /* lsetxattr */
	[228] = ACTION_SETXATTR | FORM_FD, /* fsetxattr */
	[238] = ACTION_SIGNAL, /* tkill */
	[270] = ACTION_SIGNAL, /* tgkill */
	[283] = ACTION_KEXEC, /* kexec_load */
	[297] = ACTION_MAKE_DEVICE | FORM_AT, /* mknodat */
	[298] = ACTION_CHOWN | FORM_AT, /* fchownat */
	[301] = ACTION_UNLINK | FORM_AT, /* unlinkat */
	[302] = ACTION_RENAME | FORM_AT, /* renameat */
	[303] = ACTION_LINK | FORM_AT, /* linkat */
	[304] = ACTION_SYMLINK | FORM_AT, /* symlinkat */
	[306] = ACTION_CHMOD | FORM_AT, /* fchmodat */
	[310] = ACTION_UNSHARE, /* unshare */
	[335] = ACTION_SIGNAL, /* rt_tgsigqueueinfo */
	[336] = ACTION_PERF_OPEN, /* perf_event_open */
	[342] = ACTION_OPEN_HANDLE, /* open_by_handle_at */
	[346] = ACTION_SETNS, /* setns */
	[347] = ACTION_VM_READ, /* process_vm_readv */
	[348] = ACTION_VM_WRITE, /* process_vm_writev */
	[350] = ACTION_MODULE_LOAD, /* finit_module */
	[353] = ACTION_RENAME | FORM_AT, /* renameat2 */
	[356] = ACTION_MEMFD, /* memfd_create */
	[357] = ACTION_BPF_LOAD, /* bpf */
	[359] = ACTION_RAW_SOCKET, /* socket */
	[362] = ACTION_SOCKET_USE, /* connect */
	[374] = ACTION_USERFAULT, /* userfaultfd */
	[380] = ACTION_MAKE_EXEC, /* pkey_mprotect */
	[424] = ACTION_SIGNAL, /* pidfd_send_signal */
	[425] = ACTION_URING_SETUP, /* io_uring_setup */
	[428] = ACTION_OPEN_TREE, /* open_tree */
	[429] = ACTION_MOVE_MOUNT, /* move_mount */
	[430] = ACTION_FSMOUNT, /* fsopen */
	[432] = ACTION_FSMOUNT, /* fsmount */
	[438] = ACTION_TAKE_FD, /* pidfd_getfd */
	[442] = ACTION_MOUNT_ATTR, /* mount_setattr */
	[452] = ACTION_CHMOD | FORM_AT, /* fchmodat2 */
};
#else
static const __u8 actions[SYSCALL_NUMBERS] = {
	[5] = ACTION_SETXATTR, /* setxattr */
	[6] = ACTION_SETXATTR, /* lsetxattr */
	[7] = ACTION_SETXATTR | FORM_FD, /* fsetxattr */
	[33] = ACTION_MAKE_DEVICE | FORM_AT, /* mknodat */
	[35] = ACTION_UNLINK | FORM_AT, /* unlinkat */
	[36] = ACTION_SYMLINK | FORM_AT, /* symlinkat */
	[37] = ACTION_LINK | FORM_AT, /* linkat */
	[38] = ACTION_RENAME | FORM_AT, /* renameat */
	[39] = ACTION_UMOUNT, /* umount2 */
	[40] = ACTION_MOUNT, /* mount */
	[41] = ACTION_PIVOT_ROOT, /* pivot_root */
	[45] = ACTION_TRUNCATE, /* truncate */
	[46] = ACTION_TRUNCATE | FORM_FD, /* ftruncate */
	[51] = ACTION_CHROOT, /* chroot */
	[52] = ACTION_CHMOD | FORM_FD, /* fchmod */
	[53] = ACTION_CHMOD | FORM_AT, /* fchmodat */
	[54] = ACTION_CHOWN | FORM_AT, /* fchownat */
	[55] = ACTION_CHOWN | FORM_FD, /* fchown */
	[56] = LOOK_CLOSER, /* openat */
	[91] = ACTION_CAPSET, /* capset */
	[92] = ACTION_PERSONALITY, /* personality */
	[97] = ACTION_UNSHARE, /* unshare */
	[104] = ACTION_KEXEC, /* kexec_load */
	[105] = ACTION_MODULE_LOAD, /* init_module */
	[106] = ACTION_MODULE_UNLOAD, /* delete_module */
	[117] = ACTION_PTRACE, /* ptrace */
	[129] = ACTION_SIGNAL, /* kill */
	[130] = ACTION_SIGNAL, /* tkill */
	[131] = ACTION_SIGNAL, /* tgkill */
	[138] = ACTION_SIGNAL, /* rt_sigqueueinfo */
	[143] = ACTION_SET_ID, /* setregid */
	[144] = ACTION_SET_ID, /* setgid */
	[145] = ACTION_SET_ID, /* setreuid */
	[146] = ACTION_SET_ID, /* setuid */
	[147] = ACTION_SET_ID, /* setresuid */
	[149] = ACTION_SET_ID, /* setresgid */
	[198] = ACTION_RAW_SOCKET, /* socket */
	[200] = LOOK_CLOSER, /* bind */
	[203] = ACTION_SOCKET_USE, /* connect */
	[220] = ACTION_CLONE_NS, /* clone */
	[222] = ACTION_WRITE_EXEC, /* mmap */
	[226] = ACTION_MAKE_EXEC, /* mprotect */
	[240] = ACTION_SIGNAL, /* rt_tgsigqueueinfo */
	[241] = ACTION_PERF_OPEN, /* perf_event_open */
	[265] = ACTION_OPEN_HANDLE, /* open_by_handle_at */
	[268] = ACTION_SETNS, /* setns */
	[270] = ACTION_VM_READ, /* process_vm_readv */
	[271] = ACTION_VM_WRITE, /* process_vm_writev */
	[273] = ACTION_MODULE_LOAD, /* finit_module */
	[276] = ACTION_RENAME | FORM_AT, /* renameat2 */
	[279] = ACTION_MEMFD, /* memfd_create */
	[280] = ACTION_BPF_LOAD, /* bpf */
	[282] = ACTION_USERFAULT, /* userfaultfd */
	[288] = ACTION_MAKE_EXEC, /* pkey_mprotect */
	[294] = ACTION_KEXEC, /* kexec_file_load */
	[424] = ACTION_SIGNAL, /* pidfd_send_signal */
	[425] = ACTION_URING_SETUP, /* io_uring_setup */
	[428] = ACTION_OPEN_TREE, /* open_tree */
	[429] = ACTION_MOVE_MOUNT, /* move_mount */
	[430] = ACTION_FSMOUNT, /* fsopen */
	[432] = ACTION_FSMOUNT, /* fsmount */
	[435] = LOOK_CLOSER, /* clone3 */
	[437] = LOOK_CLOSER, /* openat2 */
	[438] = ACTION_TAKE_FD, /* pidfd_getfd */
	[442] = ACTION_MOUNT_ATTR, /* mount_setattr */
	[452] = ACTION_CHMOD | FORM_AT, /* fchmodat2 */
};

/* 32-bit ARM: not looked at. */
static const __u8 compat_actions[SYSCALL_NUMBERS];
#endif

#define ACTION_NUMBERS 64 /* a power of two above the last action */

/* Which arguments are told, bit n for args[n]: values. Addresses of the caller's memory say nothing that lasts. */
static const __u8 told_args[ACTION_NUMBERS] = {
	[ACTION_SET_ID] = 0xf,	   [ACTION_CAPSET] = 0x7,      [ACTION_PTRACE] = 0x3,	   [ACTION_VM_READ] = 0x1,
	[ACTION_VM_WRITE] = 0x1,   [ACTION_MOUNT] = 0x8,       [ACTION_UMOUNT] = 0x2,	   [ACTION_MOVE_MOUNT] = 0x5,
	[ACTION_FSMOUNT] = 0x7,	   [ACTION_OPEN_TREE] = 0x5,   [ACTION_UNSHARE] = 0x1,	   [ACTION_SETNS] = 0x3,
	[ACTION_CLONE_NS] = 0x1,   [ACTION_MODULE_UNLOAD] = 0x2, [ACTION_BPF_LOAD] = 0x3,  [ACTION_PERF_OPEN] = 0xe,
	[ACTION_MEMFD] = 0x2,	   [ACTION_WRITE_EXEC] = 0x6,  [ACTION_MAKE_EXEC] = 0x6,   [ACTION_RAW_SOCKET] = 0x7,
	[ACTION_SOCKET_USE] = 0x1, [ACTION_SIGNAL] = 0x3,      [ACTION_URING_SETUP] = 0x1, [ACTION_URING_OP] = 0x3,
	[ACTION_OPEN_HANDLE] = 0x5, [ACTION_TAKE_FD] = 0x7,    [ACTION_EXEC_ID] = 0xf,
	[ACTION_EXEC_CAPS] = 0x7,  [ACTION_STOLEN_ID] = 0xf,   [ACTION_CHMOD] = 0x1,	   [ACTION_CHOWN] = 0x3,
	[ACTION_TRUNCATE] = 0x1,   [ACTION_MAKE_DEVICE] = 0x3, [ACTION_MOUNT_ATTR] = 0x4,  [ACTION_PERSONALITY] = 0x1,
	[ACTION_USERFAULT] = 0x1,  [ACTION_KERNEL_SOCKET] = 0x7, [ACTION_IO_PORTS] = 0x1,
	[ACTION_OPEN_FAILED] = 0x1,
};

#endif
