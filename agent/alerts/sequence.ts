/**
 * Pairs of operations that a container never made before, taken together. One alone is a branch that is rarely taken;
 * many in one window are another program, or this one doing another thing. How many are too many is the workload's own
 * matter: each past period is asked how many pairs it has that no other period has, which is what it would have brought
 * had it been the last. The share of periods with as many or more is, for periods that could have come in any order, the
 * chance of what is seen now (the p-value of conformal prediction: V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning
 * in a Random World", 2005); its upper bound is taken as in models/rarity.ts.
 */
import type { Verdict } from './judge.ts';
import { shift } from './severity.ts';

export interface NewPairs {
  /** Values, sorted. */
  readonly pairs: readonly string[];
  readonly phase: 'start' | 'steady';
  /** Upper bound of the share of periods that bring as many. */
  readonly share: number;
  /** Mean probability of as many, for bets. */
  readonly chance: number;
  /** Most that one learnt period has for itself. */
  readonly most: number;
  readonly periods: number;
  /** Executables and pids, whoever made most of them first. */
  readonly doers: readonly { readonly exe: string; readonly pid: number; readonly pairs: number }[];
  readonly workload: string;
  /** Steps of severity: a young baseline and the host weigh less. */
  readonly steps: number;
}

export const SEQUENCE = 'sequence';
const MIN_PAIRS = 3;
/**
 * Shares of periods that may bring as many. A steady period comes every few seconds, a start rarely, and few of them
 * are ever seen.
 */
const MOST_SHARE = { steady: 0.05, start: 0.3 } as const;
/** From here on, and at twice what a clean period ever brought, the number alone is grave. */
const MANY = 8;
const SHOWN = 8;
const SHOWN_IN_FACTS = 24;

// Operations that change what runs, what a process is or may do, or whom it speaks to.
const SENSITIVE: ReadonlySet<string> = new Set(
  (
    'ptrace process_vm_readv process_vm_writev mprotect memfd_create userfaultfd setns unshare mount umount2 fsopen pivot_root chroot connect execve ' +
    'execveat bpf perf_event_open init_module finit_module kexec_load io_uring_setup keyctl setuid setgid setresuid setresgid capset personality ' +
    'open_by_handle_at pidfd_getfd iopl'
  ).split(' '),
);

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
const few = (values: readonly string[], most: number): string =>
  values.length <= most
    ? values.join(', ')
    : `${values.slice(0, most).join(', ')} and ${values.length - most} more`;

const isSensitive = (pair: string): boolean => pair.split('>').some((operation) => SENSITIVE.has(operation));

function explain(found: NewPairs, shown: string): string {
  const { pairs, phase, share, most, periods, doers, workload } = found;
  const where = phase === 'start' ? 'starts' : 'periods';
  const who = doers.map(({ exe, pid, pairs: made }) => `${exe || 'pid'} ${pid} (${made})`);
  const by = who.length === 0 ? '' : ` They were made by ${few(who, 4)}.`;
  return (
    `sequence: ${pairs.length} pairs of system calls that ${workload} never made one right after the other: ${shown}. ` +
    `At most ${percent(share)} of its ${where} bring as many (upper bound over ${periods}; the most that one brought is ${most}).${by}`
  );
}

/** What is said of the new pairs of one window; null when so many are ordinary here. */
export function judgeSequence(found: NewPairs, minScore: number): Verdict | null {
  const { pairs, phase, share, most, periods, steps } = found;
  const score = Math.round((1 - share) * 10_000) / 10_000;
  if (pairs.length < MIN_PAIRS || share > MOST_SHARE[phase] || score < minScore) return null;
  const sensitive = pairs.filter(isSensitive);
  const many = pairs.length >= MANY && pairs.length > 2 * most;
  // What matters most is named first.
  const ordered = [...sensitive, ...pairs.filter((pair) => !isSensitive(pair))];
  const shown = few(ordered, SHOWN);
  return {
    detector: SEQUENCE,
    severity: shift(sensitive.length > 0 || many ? 'medium' : 'low', steps),
    score,
    summary: `${pairs.length} pairs of system calls never made here one after the other: ${shown}`,
    subject: `pairs ${pairs.join(' ')}`,
    techniques: [],
    facts: {
      pairs: String(pairs.length),
      sensitive: String(sensitive.length),
      new: ordered.slice(0, SHOWN_IN_FACTS).join(' '),
      periods: String(periods),
    },
    explanation: explain(found, shown),
    next: 'Look at what the named processes executed, opened and connected to at that time.',
    flags: true,
    withholds: false,
    bits: -Math.log2(found.chance),
    kind: 'pair',
  };
}
