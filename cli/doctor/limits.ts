/** What the kernel's own settings and security modules allow. Every function takes what a file of the kernel says. */
import { type Check, fail, ok, warn } from './check.ts';

/** Kernels on which everything was tried; what others refuse the hooks say. */
const TRIED = ['6.18'];
const FLOOR = [5, 15] as const;

export function kernelCheck(release: string, nodeVersion: string, arch: string): Check {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  const found = `Linux ${release} ${arch}, Node ${nodeVersion}`;
  if (major > FLOOR[0] || (major === FLOOR[0] && minor >= FLOOR[1])) {
    const tried = TRIED.includes(`${major}.${minor}`) && arch === 'x64';
    return ok('kernel', tried ? found : `${found}; tried were ${TRIED.join(', ')} on x64`);
  }
  return fail(
    'kernel',
    `${found}, older than ${FLOOR.join('.')}`,
    'task storage, ring buffers or tracing programs are missing: nothing is watched',
    'use a kernel of 5.15 or later',
  );
}

/** Before 5.11 maps are charged to RLIMIT_MEMLOCK, later to the memory cgroup. `limits` is /proc/self/limits. */
export function memlockCheck(limits: string, release: string): Check | null {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  if (major > 5 || (major === 5 && minor >= 11)) return null;
  const limit = /^Max locked memory\s+(\S+)/m.exec(limits)?.[1] ?? 'unknown';
  return limit === 'unlimited'
    ? ok('locked memory', 'unlimited')
    : fail(
        'locked memory',
        `${limit} bytes`,
        'maps cannot be made',
        'ulimit -l unlimited, or CAP_SYS_RESOURCE',
      );
}

/** `text` is /sys/kernel/security/lockdown, such as "none [integrity] confidentiality"; empty where there is none. */
export function lockdownCheck(text: string): Check {
  const mode = /\[(\w+)\]/.exec(text)?.[1] ?? 'not there';
  if (mode !== 'confidentiality') return ok('lockdown', mode);
  return fail(
    'lockdown',
    mode,
    'programs may not read kernel memory: tracing programs are refused and nothing is watched',
    'boot with lockdown=integrity',
  );
}

export interface SecurityFacts {
  /** /sys/kernel/security/lsm. */
  readonly lsm: string;
  /** /proc/self/attr/current: label or profile of this process. */
  readonly label: string;
  /** /sys/fs/selinux/enforce. */
  readonly selinux: string;
  /** /proc/self/status. */
  readonly status: string;
}

/** Modules and filters that may refuse BPF; they are a finding only when something was refused. */
export function securityCheck(facts: SecurityFacts, works: boolean): Check {
  const seccomp = /^Seccomp:\s*(\d)/m.exec(facts.status)?.[1] === '2';
  const label = facts.label.replaceAll('\0', '').trim();
  const confined = label !== '' && label !== 'unconfined' && !/:unconfined_t:|^kernel$/.test(label);
  const parts = [
    facts.lsm.trim() === '' ? 'modules not told' : facts.lsm.trim(),
    ...(facts.selinux.trim() === '1' ? ['SELinux enforces'] : []),
    ...(confined ? [`confined as ${label}`] : []),
    seccomp ? 'seccomp filter' : 'no seccomp filter',
  ];
  const found = parts.join('; ');
  if (works || !(seccomp || confined || facts.selinux.trim() === '1')) return ok('security modules', found);
  return warn(
    'security modules',
    found,
    'one of them may be what refused the programs',
    'let this process use bpf(): RuntimeDefault seccomp does with CAP_BPF; AppArmor and SELinux by their audit log',
  );
}

/** kernel.unprivileged_bpf_disabled and net.core.bpf_jit_enable; empty where they cannot be read. */
export function sysctlChecks(unprivileged: string, jit: string): Check[] {
  return [
    unprivileged.trim() === '0'
      ? warn(
          'unprivileged BPF',
          'allowed',
          'any process on the node can load programs, which has been a way to become root',
          'sysctl kernel.unprivileged_bpf_disabled=1',
        )
      : ok('unprivileged BPF', unprivileged.trim() === '' ? 'not told' : 'refused'),
    jit.trim() === '0'
      ? warn(
          'BPF compiler',
          'off: programs are interpreted',
          'every system call of every container costs several times as much',
          'sysctl net.core.bpf_jit_enable=1',
        )
      : ok('BPF compiler', jit.trim() === '' ? 'not told' : 'on'),
  ];
}

const FAST_CLOCKS = ['tsc', 'kvm-clock', 'arch_sys_counter', 'hyperv_clocksource_tsc_page'];
/** Older than this program. */
const EARLIEST = Date.parse('2026-01-01T00:00:00Z');

export function clockCheck(now: number, source: string): Check {
  const found = `${new Date(now).toISOString()}, ${source.trim() === '' ? 'source not told' : source.trim()}`;
  if (now < EARLIEST)
    return fail(
      'clock',
      `${found}: in the past`,
      'certificates are refused, and orders count as not yet or no longer good',
      'set the clock; run NTP',
    );
  if (source.trim() === '' || FAST_CLOCKS.includes(source.trim())) return ok('clock', found);
  return warn(
    'clock',
    found,
    'reading the time is slow, and every record does',
    'see dmesg for why the kernel does not trust the TSC',
  );
}
