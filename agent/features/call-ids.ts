/**
 * One number below 256 for each operation a system call asks for, so that the pairs of a slot fit an exact bitmap of
 * 8 KiB. Calls that differ only in form (stat and statx) share a number: a new libc is no new behaviour.
 */
import { LAYOUT } from '../events/layout.ts';
import { type Architecture, syscallName } from './syscalls.ts';

/** 0: no previous call is known. */
const OTHER = 1;
const COMPAT = 2;
const FIRST = 3;

/** Each line is one operation; what is in none stands for itself. */
const OPERATIONS = `
stat lstat newfstatat fstatat statx
open openat openat2 creat
access faccessat faccessat2
chmod fchmod fchmodat
chown fchown lchown fchownat
rename renameat renameat2
mkdir mkdirat
link linkat
symlink symlinkat
readlink readlinkat
mknod mknodat
unlink unlinkat rmdir
poll ppoll
select pselect6
epoll_create epoll_create1
epoll_wait epoll_pwait epoll_pwait2 epoll_wait_old
epoll_ctl epoll_ctl_old
dup dup2 dup3
pipe pipe2
eventfd eventfd2
signalfd signalfd4
accept accept4
readv preadv preadv2
writev pwritev pwritev2
getdents getdents64
inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
utime utimes futimesat utimensat
setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
sched_setparam sched_setscheduler sched_setaffinity sched_setattr setpriority
sched_getparam sched_getscheduler sched_getaffinity sched_getattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval getpriority
timer_create timer_settime timer_gettime timer_getoverrun timer_delete
timerfd_create timerfd_settime timerfd_gettime
shmget shmat shmctl shmdt
semget semop semctl semtimedop
msgget msgsnd msgrcv msgctl
io_setup io_destroy io_getevents io_submit io_cancel io_pgetevents
getresuid getresgid getgroups
getpgid getpgrp getsid
mbind set_mempolicy get_mempolicy migrate_pages move_pages set_mempolicy_home_node
gettimeofday time clock_gettime clock_getres
settimeofday clock_settime adjtimex clock_adjtime
getitimer alarm setitimer
nanosleep clock_nanosleep
futex futex_waitv
fsync fdatasync sync syncfs sync_file_range msync
statfs fstatfs ustat sysfs
mlock munlock mlockall munlockall mlock2
mprotect pkey_mprotect
pkey_alloc pkey_free
splice tee vmsplice
rt_sigpending rt_sigtimedwait rt_sigsuspend pause
rt_sigqueueinfo rt_tgsigqueueinfo
fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr
landlock_create_ruleset landlock_add_rule landlock_restrict_self
ioprio_set ioprio_get
quotactl quotactl_fd
kexec_load kexec_file_load
swapon swapoff
iopl ioperm
readahead fadvise64
sethostname setdomainname
getrlimit setrlimit prlimit64
get_robust_list set_robust_list
set_thread_area get_thread_area modify_ldt arch_prctl
wait4 waitid
fork vfork clone clone3
create_module get_kernel_syms query_module nfsservctl getpmsg putpmsg afs_syscall tuxcall security lookup_dcookie vserver uselib _sysctl
`;

const KEY = new Map(
  OPERATIONS.trim()
    .split('\n')
    .flatMap((line) => line.split(' ').map((name) => [name, line] as const)),
);

interface Operations {
  /** By number of `calls` of a slot: what the call is in pairs, 1 to 255. */
  readonly ids: Uint8Array;
  /** By id: the operation's name, which is the same on every architecture and kernel. */
  readonly names: readonly string[];
}

const OPERATIONS_OF = new Map<Architecture, Operations>();

function makeOperations(architecture: Architecture): Operations {
  const ids = new Uint8Array(LAYOUT.SYSCALL_NUMBERS).fill(OTHER);
  const names = ['', 'other', 'compat'];
  const given = new Map<string, number>();
  for (let number = 0; number < LAYOUT.SYSCALL_NUMBERS; number++) {
    const name = syscallName(architecture, number);
    if (name.startsWith('call-')) continue;
    const key = KEY.get(name) ?? name;
    const id = Math.min(given.get(key) ?? FIRST + given.size, 255);
    given.set(key, id);
    names[id] ??= key.split(' ')[0] ?? key;
    ids[number] = id;
  }
  ids[LAYOUT.SYSCALL_NUMBERS - 1] = COMPAT;
  return { ids, names };
}

function operationsOf(architecture: Architecture): Operations {
  const known = OPERATIONS_OF.get(architecture) ?? makeOperations(architecture);
  OPERATIONS_OF.set(architecture, known);
  return known;
}

export const callIds = (architecture: Architecture): Uint8Array => operationsOf(architecture).ids;
export const operationNames = (architecture: Architecture): readonly string[] =>
  operationsOf(architecture).names;
