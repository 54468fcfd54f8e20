/**
 * Identity to process: requests to enter a pod, and the processes that a runtime started in its containers. The node knows
 * the process and not who asked; the API server knows who asked and neither process nor container id. They meet by pod,
 * time and command, of which the node tells only a hash. Whichever comes first waits for the other.
 */
import { createHash } from 'node:crypto';
import type { Identity } from '../audit/groups.ts';
import type { PodEntry } from '../audit/watch.ts';

/** Somebody entered a container, as a node told. */
export interface EnteredContainer {
  readonly cluster: string;
  readonly node: string;
  readonly boot: string;
  /** Of the process that entered. */
  readonly root: string;
  readonly container: string;
  readonly namespace: string;
  readonly pod: string;
  readonly name: string;
  readonly workload: string;
  readonly atMs: number;
  readonly pid: number;
  readonly exe: string;
  readonly argsSha256: string;
  readonly argsCount: number;
  readonly argsBytes: number;
  readonly argsCut: boolean;
}
export interface Named {
  readonly identities: readonly Identity[];
  /** Requests that it may be; more than one: any of them. */
  readonly entries: readonly PodEntry[];
  /** How sure: the command is the same, it has the same shape, or only pod and time fit. */
  readonly by: 'command' | 'shape' | 'time';
}

/** Between a request and its process, by two machines' clocks: kubelet and runtime take up to some seconds, clocks differ. */
export const APART_MS = 15_000;

const printOf = (command: readonly string[]): string =>
  createHash('sha256').update(command.join('\0')).digest('hex').slice(0, 16);

/** Of an argument vector in memory: each with the zero byte that ends it. */
const bytesOf = (command: readonly string[]): number =>
  command.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);

const GRADES = { command: 3, shape: 2, time: 1, none: 0 } as const;
type Grade = keyof typeof GRADES;

/** How well a request fits a session. */
export function gradeOf(session: EnteredContainer, entry: PodEntry): Grade {
  const { kind, outcome, namespace, pod, container, command, atMs } = entry;
  if (kind !== 'exec' || outcome !== 'done' || entry.cluster !== session.cluster) return 'none';
  if (namespace !== session.namespace || pod !== session.pod || pod === '') return 'none';
  if (container !== '' && container !== session.name) return 'none';
  if (Math.abs(atMs - session.atMs) > APART_MS) return 'none';
  if (command.length === 0) return 'time';
  if (!session.argsCut && printOf(command) === session.argsSha256) return 'command';
  if (!session.argsCut) return 'none';
  const shape = command.length === session.argsCount && bytesOf(command) === session.argsBytes;
  return shape ? 'shape' : 'none';
}

const identityOf = ({ user, groups, sources, userAgent }: PodEntry): Identity => ({
  ...{ user, groups, sources, userAgent },
});

/** @returns null: nobody is known who asked for it. */
export function nameOf(session: EnteredContainer, entries: readonly PodEntry[]): Named | null {
  const graded = entries.map((entry) => ({ entry, grade: gradeOf(session, entry) }));
  const best = Math.max(0, ...graded.map(({ grade }) => GRADES[grade]));
  const fitting = graded.filter(({ grade }) => GRADES[grade] === best);
  const [first] = fitting;
  if (best === 0 || first === undefined || first.grade === 'none') return null;
  const identities = new Map(fitting.map(({ entry }) => [entry.user, identityOf(entry)]));
  return {
    identities: [...identities.values()].toSorted((a, b) => (a.user < b.user ? -1 : 1)),
    entries: fitting.map(({ entry }) => entry),
    by: first.grade,
  };
}

const BY = {
  command: 'with this command',
  shape: 'with a command of this shape',
  time: 'at this time',
} as const;

/** A plain sentence about who entered. */
export function sentenceOf(session: EnteredContainer, { identities, by }: Named): string {
  const who = identities.map(({ user, sources }) =>
    sources.length > 0 ? `${user} from ${sources.at(-1)}` : user,
  );
  const name = `${session.namespace}/${session.pod}/${session.name}`;
  const what = `entered ${name} and started ${session.exe} (process ${session.pid})`;
  return who.length === 1
    ? `${who[0]} ${what}; asked ${BY[by]}.`
    : `One of ${who.join(', ')} ${what}; all of them asked ${BY[by]}.`;
}
