/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent starts at regular times to prove that it sees: it ends at once. No libc and no loader, so that its whole
 * life is two system calls, which can be taken off what was counted. */
__attribute__((noreturn)) void _start(void);

void _start(void)
{
#if defined(__x86_64__)
	__asm__ volatile("syscall" : : "a"(231L), "D"(0L) : "rcx", "r11", "memory"); /* exit_group */
#elif defined(__aarch64__)
	register long number __asm__("x8") = 94; /* exit_group */
	register long status __asm__("x0") = 0;
	__asm__ volatile("svc 0" : : "r"(number), "r"(status) : "memory");
#endif
	__builtin_unreachable();
}
