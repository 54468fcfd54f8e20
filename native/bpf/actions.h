/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which system calls are looked at as actions, by number. A byte a number, as a call that is none of them pays for one
 * load and one test; a bit a number would add a shift and a mask.
 */
#ifndef PICKET_ACTIONS_H
#define PICKET_ACTIONS_H

#include "../records.h"

#define LOOK_CLOSER 0xff /* no action, but opens a file or makes a process */

#if defined(__TARGET_ARCH_x86)
static const __u8 actions[SYSCALL_NUMBERS] = {
	[2] = LOOK_CLOSER, /* open */
	[9] = ACTION_WRITE_EXEC, /* mmap */
	[10] = ACTION_MAKE_EXEC, /* mprotect */
	[41] = ACTION_RAW_SOCKET, /* socket */
	[42] = ACTION_SOCKET_USE, /* connect */
	[56] = ACTION_CLONE_NS, /* clone */
	[57] = LOOK_CLOSER, /* fork */
	[58] = LOOK_CLOSER, /* vfork */
	[62] = ACTION_SIGNAL, /* kill */
	[85] = LOOK_CLOSER, /* creat */
	[101] = ACTION_PTRACE, /* ptrace */
	[105] = ACTION_SET_ID, /* setuid */
	[106] = ACTION_SET_ID, /* setgid */
	[113] = ACTION_SET_ID, /* setreuid */
	[114] = ACTION_SET_ID, /* setregid */
	[117] = ACTION_SET_ID, /* setresuid */
	[119] = ACTION_SET_ID, /* setresgid */
	[126] = ACTION_CAPSET, /* capset */
	[129] = ACTION_SIGNAL, /* rt_sigqueueinfo */
	[155] = ACTION_PIVOT_ROOT, /* pivot_root */
	[161] = ACTION_CHROOT, /* chroot */
	[165] = ACTION_MOUNT, /* mount */
	[166] = ACTION_UMOUNT, /* umount2 */
	[175] = ACTION_MODULE_LOAD, /* init_module */
	[176] = ACTION_MODULE_UNLOAD, /* delete_module */
	[200] = ACTION_SIGNAL, /* tkill */
	[234] = ACTION_SIGNAL, /* tgkill */
	[246] = ACTION_KEXEC, /* kexec_load */
	[257] = LOOK_CLOSER, /* openat */
	[272] = ACTION_UNSHARE, /* unshare */
	[297] = ACTION_SIGNAL, /* rt_tgsigqueueinfo */
	[298] = ACTION_PERF_OPEN, /* perf_event_open */
	[304] = ACTION_OPEN_HANDLE, /* open_by_handle_at */
	[308] = ACTION_SETNS, /* setns */
	[310] = ACTION_VM_READ, /* process_vm_readv */
	[311] = ACTION_VM_WRITE, /* process_vm_writev */
	[313] = ACTION_MODULE_LOAD, /* finit_module */
	[319] = ACTION_MEMFD, /* memfd_create */
	[320] = ACTION_KEXEC, /* kexec_file_load */
	[321] = ACTION_BPF_LOAD, /* bpf */
	[329] = ACTION_MAKE_EXEC, /* pkey_mprotect */
	[424] = ACTION_SIGNAL, /* pidfd_send_signal */
	[425] = ACTION_URING_SETUP, /* io_uring_setup */
	[428] = ACTION_OPEN_TREE, /* open_tree */
	[429] = ACTION_MOVE_MOUNT, /* move_mount */
	[432] = ACTION_FSMOUNT, /* fsmount */
	[435] = LOOK_CLOSER, /* clone3 */
	[437] = LOOK_CLOSER, /* openat2 */
	[438] = ACTION_TAKE_FD, /* pidfd_getfd */
};

/* i386; its socketcall and old mmap have their arguments in the caller's memory and are not looked at. */
static const __u8 compat_actions[SYSCALL_NUMBERS] = {
	[21] = ACTION_MOUNT, /* mount */
	[22] = ACTION_UMOUNT, /* umount */
	[23] = ACTION_SET_ID, /* setuid16 */
	[26] = ACTION_PTRACE, /* ptrace */
	[37] = ACTION_SIGNAL, /* kill */
	[46] = ACTION_SET_ID, /* setgid16 */
	[52] = ACTION_UMOUNT, /* umount2 */
	[61] = ACTION_CHROOT, /* chroot */
	[70] = ACTION_SET_ID, /* setreuid16 */
	[71] = ACTION_SET_ID, /* setregid16 */
	[120] = ACTION_CLONE_NS, /* clone */
	[125] = ACTION_MAKE_EXEC, /* mprotect */
	[128] = ACTION_MODULE_LOAD, /* init_module */
	[129] = ACTION_MODULE_UNLOAD, /* delete_module */
	[164] = ACTION_SET_ID, /* setresuid16 */
	[170] = ACTION_SET_ID, /* setresgid16 */
	[178] = ACTION_SIGNAL, /* rt_sigqueueinfo */
	[185] = ACTION_CAPSET, /* capset */
	[192] = ACTION_WRITE_EXEC, /* mmap2 */
	[203] = ACTION_SET_ID, /* setreuid */
	[204] = ACTION_SET_ID, /* setregid */
	[208] = ACTION_SET_ID, /* setresuid */
	[210] = ACTION_SET_ID, /* setresgid */
	[213] = ACTION_SET_ID, /* setuid */
	[214] = ACTION_SET_ID, /* setgid */
	[217] = ACTION_PIVOT_ROOT, /* pivot_root */
	[238] = ACTION_SIGNAL, /* tkill */
	[270] = ACTION_SIGNAL, /* tgkill */
	[283] = ACTION_KEXEC, /* kexec_load */
	[310] = ACTION_UNSHARE, /* unshare */
	[335] = ACTION_SIGNAL, /* rt_tgsigqueueinfo */
	[336] = ACTION_PERF_OPEN, /* perf_event_open */
	[342] = ACTION_OPEN_HANDLE, /* open_by_handle_at */
	[346] = ACTION_SETNS, /* setns */
	[347] = ACTION_VM_READ, /* process_vm_readv */
	[348] = ACTION_VM_WRITE, /* process_vm_writev */
	[350] = ACTION_MODULE_LOAD, /* finit_module */
	[356] = ACTION_MEMFD, /* memfd_create */
	[357] = ACTION_BPF_LOAD, /* bpf */
	[359] = ACTION_RAW_SOCKET, /* socket */
	[362] = ACTION_SOCKET_USE, /* connect */
	[380] = ACTION_MAKE_EXEC, /* pkey_mprotect */
	[424] = ACTION_SIGNAL, /* pidfd_send_signal */
	[425] = ACTION_URING_SETUP, /* io_uring_setup */
	[428] = ACTION_OPEN_TREE, /* open_tree */
	[429] = ACTION_MOVE_MOUNT, /* move_mount */
	[432] = ACTION_FSMOUNT, /* fsmount */
	[438] = ACTION_TAKE_FD, /* pidfd_getfd */
};
#else
static const __u8 actions[SYSCALL_NUMBERS] = {
	[39] = ACTION_UMOUNT, /* umount2 */
	[40] = ACTION_MOUNT, /* mount */
	[41] = ACTION_PIVOT_ROOT, /* pivot_root */
	[51] = ACTION_CHROOT, /* chroot */
	[56] = LOOK_CLOSER, /* openat */
	[91] = ACTION_CAPSET, /* capset */
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
	[279] = ACTION_MEMFD, /* memfd_create */
	[280] = ACTION_BPF_LOAD, /* bpf */
	[288] = ACTION_MAKE_EXEC, /* pkey_mprotect */
	[294] = ACTION_KEXEC, /* kexec_file_load */
	[424] = ACTION_SIGNAL, /* pidfd_send_signal */
	[425] = ACTION_URING_SETUP, /* io_uring_setup */
	[428] = ACTION_OPEN_TREE, /* open_tree */
	[429] = ACTION_MOVE_MOUNT, /* move_mount */
	[432] = ACTION_FSMOUNT, /* fsmount */
	[435] = LOOK_CLOSER, /* clone3 */
	[437] = LOOK_CLOSER, /* openat2 */
	[438] = ACTION_TAKE_FD, /* pidfd_getfd */
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
};

#endif
