/** What kind of work a system call is part of: classes stay comparable where the same work is done by other calls. */

const CLASSES = {
  open: 'open openat openat2 creat close close_range dup dup2 dup3 fcntl flock memfd_create memfd_secret name_to_handle_at open_by_handle_at pipe pipe2',
  read: 'read readv pread64 preadv preadv2 readahead sendfile splice tee vmsplice copy_file_range io_getevents io_pgetevents',
  write:
    'write writev pwrite64 pwritev pwritev2 truncate ftruncate fallocate fsync fdatasync sync syncfs sync_file_range msync io_submit',
  look: 'stat fstat lstat fstatat newfstatat statx access faccessat faccessat2 readlink readlinkat lseek statfs fstatfs ustat fadvise64 getcwd getdents getdents64 chdir fchdir getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_init fanotify_mark ioctl umask',
  change:
    'rename renameat renameat2 mkdir mkdirat rmdir link linkat unlink unlinkat symlink symlinkat mknod mknodat chmod fchmod fchmodat chown fchown lchown fchownat utime utimes utimensat futimesat setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr',
  wait: 'poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 epoll_ctl_old epoll_wait_old eventfd eventfd2 futex futex_waitv get_robust_list set_robust_list pause nanosleep clock_nanosleep sched_yield restart_syscall membarrier rseq timerfd_create timerfd_settime timerfd_gettime signalfd signalfd4 io_setup io_destroy io_cancel io_uring_setup io_uring_enter io_uring_register',
  memory:
    'mmap munmap mremap mprotect pkey_mprotect pkey_alloc pkey_free brk madvise process_madvise mincore mlock mlock2 munlock mlockall munlockall remap_file_pages mbind set_mempolicy get_mempolicy set_mempolicy_home_node move_pages migrate_pages userfaultfd uselib',
  process:
    'clone clone3 fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill pidfd_open pidfd_send_signal pidfd_getfd set_tid_address getpid gettid getppid getpgid getpgrp setpgid getsid setsid prctl arch_prctl set_thread_area get_thread_area modify_ldt getpriority setpriority sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_setattr sched_getattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval sched_setaffinity sched_getaffinity getcpu ioprio_set ioprio_get getrlimit setrlimit prlimit64 getrusage times acct process_mrelease kcmp vhangup',
  signal:
    'rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo rt_sigsuspend sigaltstack alarm getitimer setitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete',
  connect:
    'socket socketpair connect bind listen accept accept4 shutdown getsockname getpeername setsockopt getsockopt',
  transfer: 'sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg',
  ipc: 'shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr',
  tell: 'uname sysinfo sysfs syslog gettimeofday time clock_gettime clock_getres getrandom getuid geteuid getgid getegid getgroups getresuid getresgid capget lookup_dcookie get_kernel_syms query_module',
  identity:
    'setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset add_key request_key keyctl seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self personality',
  machine:
    'ptrace process_vm_readv process_vm_writev mount umount umount2 open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr pivot_root chroot setns unshare bpf perf_event_open init_module finit_module delete_module create_module kexec_load kexec_file_load swapon swapoff reboot sethostname setdomainname settimeofday clock_settime clock_adjtime adjtimex iopl ioperm quotactl quotactl_fd nfsservctl _sysctl vserver afs_syscall tuxcall security getpmsg putpmsg',
} as const;

export type CallClass = keyof typeof CLASSES | 'other';

/** In a fixed order; `other` is last. */
export const CALL_CLASSES: readonly CallClass[] = [
  ...(Object.keys(CLASSES) as (keyof typeof CLASSES)[]),
  'other',
];

const CLASS_OF: ReadonlyMap<string, CallClass> = new Map(
  Object.entries(CLASSES).flatMap(([name, calls]) =>
    calls.split(' ').map((call) => [call, name as CallClass] as const),
  ),
);

/** The class of a call by its name; `other` for what has no name here. */
export const classOfCall = (name: string): CallClass => CLASS_OF.get(name) ?? 'other';
