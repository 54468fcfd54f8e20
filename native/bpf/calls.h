/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers of the few system calls that are looked at one by one, and where a call's arguments are at its end. */
#ifndef PICKET_CALLS_H
#define PICKET_CALLS_H

#include "kernel.h"

/* No architecture is near these numbers: calls with 32-bit numbering, and numbers that are no call at all. */
#define CALL_COMPAT (SYSCALL_NUMBERS - 1)
#define CALL_UNKNOWN (SYSCALL_NUMBERS - 2)
#define CALL_NONE (-1) /* what rt_sigreturn shows at its end */

#if defined(__TARGET_ARCH_x86)
enum {
	CALL_OPEN = 2,
	CALL_BIND = 49,
	CALL_RT_SIGRETURN = 15,
	CALL_CLONE = 56,
	CALL_FORK = 57,
	CALL_VFORK = 58,
	CALL_EXIT = 60,
	CALL_CREAT = 85,
	CALL_EXIT_GROUP = 231,
	CALL_OPENAT = 257,
	CALL_PIDFD_SEND_SIGNAL = 424,
	CALL_CLONE3 = 435,
	CALL_FINIT_MODULE = 313,
	CALL_OPENAT2 = 437,
	COMPAT_OPEN = 5,
	COMPAT_CREAT = 8,
	COMPAT_OPENAT = 295,
	COMPAT_BIND = 361,
	COMPAT_FINIT_MODULE = 350,
	COMPAT_OPENAT2 = 437,
};
#define CALL_NUMBER(regs) ((int)(regs)->orig_ax)
#define SEES_COMPAT_IDS true
#define FIRST_ARGUMENT(regs) ((__u32)(regs)->di)
#define COMPAT_FIRST_ARGUMENT(regs) ((__u32)(regs)->bx)
#define SECOND_ARGUMENT(regs) ((__u32)(regs)->si)
#define THIRD_ARGUMENT(regs) ((__u32)(regs)->dx)
#define IS_COMPAT(task) ((task)->thread_info.status & 2) /* TS_COMPAT */
#define NATIVE_ARGUMENTS(regs) {(regs)->di, (regs)->si, (regs)->dx, (regs)->r10}
#define COMPAT_ARGUMENTS(regs) {(__u32)(regs)->bx, (__u32)(regs)->cx, (__u32)(regs)->dx, (__u32)(regs)->si}
#else
enum {
	CALL_OPEN = -2, /* these do not exist */
	CALL_CREAT = -3,
	CALL_FORK = -4,
	CALL_VFORK = -5,
	CALL_OPENAT = 56,
	CALL_EXIT = 93,
	CALL_EXIT_GROUP = 94,
	CALL_RT_SIGRETURN = 139,
	CALL_BIND = 200,
	CALL_CLONE = 220,
	CALL_PIDFD_SEND_SIGNAL = 424,
	CALL_CLONE3 = 435,
	CALL_FINIT_MODULE = 273,
	CALL_OPENAT2 = 437,
	COMPAT_OPEN = 5,
	COMPAT_CREAT = 8,
	COMPAT_BIND = 282,
	COMPAT_OPENAT = 322,
	COMPAT_FINIT_MODULE = 379,
	COMPAT_OPENAT2 = 437,
};
#define CALL_NUMBER(regs) ((regs)->syscallno)
#define SEES_COMPAT_IDS false
#define FIRST_ARGUMENT(regs) ((__u32)(regs)->orig_x0)
#define COMPAT_FIRST_ARGUMENT(regs) ((__u32)(regs)->orig_x0)
#define SECOND_ARGUMENT(regs) ((__u32)(regs)->regs[1])
#define THIRD_ARGUMENT(regs) ((__u32)(regs)->regs[2])
#define IS_COMPAT(task) ((task)->thread_info.flags & (1 << 22)) /* TIF_32BIT */
#define NATIVE_ARGUMENTS(regs) {(regs)->orig_x0, (regs)->regs[1], (regs)->regs[2], (regs)->regs[3]}
#define COMPAT_ARGUMENTS(regs) {(__u32)(regs)->orig_x0, (__u32)(regs)->regs[1], (__u32)(regs)->regs[2], (__u32)(regs)->regs[3]}
#endif

#endif
