/** What changes with a release, and what hardly ever does: a prior of ours over kinds of facts, which is not learnt. */
import type { Fact } from './fact.ts';

// Calls that change what a process is, sees or may do; being new they weigh more than an ordinary call.
export const SENSITIVE_CALLS: ReadonlySet<string> = new Set(
  (
    'ptrace process_vm_readv process_vm_writev mount umount2 move_mount fsopen fsconfig fsmount open_tree pivot_root chroot setns unshare bpf perf_event_open ' +
    'init_module finit_module delete_module kexec_load kexec_file_load memfd_create userfaultfd io_uring_setup keyctl add_key request_key ' +
    'setuid setgid setresuid setresgid setreuid setregid capset iopl ioperm acct swapon swapoff reboot settimeofday clock_settime sethostname ' +
    'open_by_handle_at quotactl personality mknod mknodat pidfd_getfd'
  ).split(' '),
);

/** Servers do these as they start and stop; the second word of an action's fact. */
const ORDINARY_ACTION = /^[^ ]+ (?:set-id|capset|memfd|open-failed)(?: |$)/;

export const isOrdinaryAction = (value: string): boolean => ORDINARY_ACTION.test(value);

/** Those that container runtimes give to anybody (Moby, oci/caps/defaults.go), but for raw sockets and device nodes. */
const USUAL_CAPABILITIES: ReadonlySet<string> = new Set(
  (
    'CAP_CHOWN CAP_DAC_OVERRIDE CAP_FSETID CAP_FOWNER CAP_SETGID CAP_SETUID CAP_SETFCAP CAP_SETPCAP CAP_NET_BIND_SERVICE ' +
    'CAP_SYS_CHROOT CAP_KILL CAP_AUDIT_WRITE'
  ).split(' '),
);

/**
 * Whether a new version of an image may bring it without being strange: programs, paths, peers, names, ports, ordinary calls.
 * Watched files, which are secrets and logs, new rights and changes of what a process is are strange for any version.
 */
export function isOfRelease({ kind, value }: Fact): boolean {
  if (kind === 'file' || kind === 'compat') return false;
  if (kind === 'action') return isOrdinaryAction(value);
  if (kind === 'syscall') return !SENSITIVE_CALLS.has(value);
  return kind !== 'capability' || USUAL_CAPABILITIES.has(value.split(' ').at(-1) ?? '');
}
