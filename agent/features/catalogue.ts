/** Every feature that is taken of a window: its name, unit, version and what it means. */
import type { FactKind } from './fact.ts';

export interface Feature {
  readonly name: string;
  readonly unit: string;
  /** Raised when the same behaviour would give another value. */
  readonly version: number;
  readonly sentence: string;
}

export const FACT_FEATURES: readonly (Feature & { readonly name: FactKind })[] = [
  {
    name: 'exec',
    unit: 'fact',
    version: 1,
    sentence:
      'A program was started: parent, executable path and, for interpreters, the commands or script named.',
  },
  {
    name: 'file',
    unit: 'fact',
    version: 1,
    sentence: 'A program opened a watched file: program, mode, path.',
  },
  {
    name: 'connect',
    unit: 'fact',
    version: 1,
    sentence: 'A TCP connection was made: workload or address of the peer, and its port.',
  },
  {
    name: 'accept',
    unit: 'fact',
    version: 1,
    sentence: 'A TCP connection was accepted on a port of its own.',
  },
  { name: 'syscall', unit: 'fact', version: 1, sentence: 'A system call was made at all, by name.' },
  {
    name: 'action',
    unit: 'fact',
    version: 1,
    sentence:
      'A program changed, or tried to change, what a process is, sees or may do: program, action, what it was done to.',
  },
];

export const COUNT_FEATURES: readonly Feature[] = [
  { name: 'syscalls', unit: 'calls', version: 1, sentence: 'System calls made, all numbers together.' },
  {
    name: 'distinctSyscalls',
    unit: 'numbers',
    version: 1,
    sentence: 'Different system calls made at least once.',
  },
  { name: 'execs', unit: 'programs', version: 1, sentence: 'Programs started.' },
  { name: 'forks', unit: 'processes', version: 1, sentence: 'Processes made.' },
  { name: 'exits', unit: 'processes', version: 1, sentence: 'Processes ended.' },
  { name: 'connects', unit: 'connections', version: 1, sentence: 'Outgoing TCP connections attempted.' },
  { name: 'accepts', unit: 'connections', version: 1, sentence: 'Incoming TCP connections established.' },
  {
    name: 'failures',
    unit: 'connections',
    version: 1,
    sentence: 'Outgoing TCP connections that did not reach the peer.',
  },
];
