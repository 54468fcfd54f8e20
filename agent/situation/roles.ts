/**
 * Who is at work in a container: the workload itself, the runtime that sets something up in it, a person or a controller
 * that entered it from outside, or an exec probe. It is told by descent, which a process cannot choose, not by names,
 * which it can: a process has entered from outside when its parent acts in another cgroup, or it did so itself. The first
 * to run a program of a container that was made while we watched is its own; all later ones are sessions. What descends from a
 * process inside is of the same role, so that a shell started by the workload cannot pass for an operator's; what loses
 * its parent in a session counts as the workload's own, which is judged more strictly.
 *
 * A runtime's process is setting up until something is executed that is not the runtime: names count here only for a
 * process that entered from outside and still has its number in the node's pid namespace.
 */
import type { Event } from '../events/event.ts';
import type { Container } from '../identity/container.ts';
import { processKey } from '../identity/processes.ts';
import { isRuntimeName } from '../identity/runtimes.ts';
import { Rhythm } from './rhythm.ts';

export type RoleKind = 'own' | 'setup' | 'session' | 'probe' | 'node';

export interface Role {
  readonly kind: RoleKind;
  /** Of a session or probe, the process that entered, as text; empty for others. */
  readonly root: string;
  /** Why, one sentence; empty for the workload's own. */
  readonly reason: string;
}

/** A process that entered a container from outside, and what it leads to. */
interface Entry {
  readonly root: string;
  /** It is how the container itself came to be. */
  readonly main: boolean;
  readonly by: string;
  command: string;
  /** ns; null: it does not come back at regular times. */
  everyNs: bigint | null;
}

interface Known {
  readonly home: string;
  /** When it was first seen there, CLOCK_BOOTTIME ns. */
  readonly since: bigint;
  readonly entry: Entry | null;
  /** Since when it runs something of the container, CLOCK_BOOTTIME ns; null: not yet. Records come late, and may be of before. */
  readonly insideAt: bigint | null;
}

/** Of a process that was inside before anything was looked at. */
const ALWAYS = 0n;
/** A container's first program is started within this, ns; as long as its start-up is judged. */
const FIRST_NS = 15_000_000_000n;
/** As many as processes are known. */
const MAX_PROCESSES = 16_384;
/** Containers whose first process was seen; more than there are slots. */
const MAX_CONTAINERS = 8192;

export const OWN: Role = { kind: 'own', root: '', reason: '' };
const NODE: Role = {
  kind: 'node',
  root: '',
  reason: 'On the node itself, outside containers, people and its own services administer it.',
};

const keyOf = ({ id, cgroup }: Container): string => `${id} ${cgroup}`;

export class Roles {
  readonly #known = new Map<string, Known>();
  /** Containers that have their first process. */
  readonly #begun = new Set<string>();
  /** Containers whose own programs have their numbers in the node's pid namespace: there these say nothing. */
  readonly #sharing = new Set<string>();
  readonly #rhythm = new Rhythm();
  readonly #sinceNs: bigint;
  readonly counts: Record<RoleKind, number> = { own: 0, setup: 0, session: 0, probe: 0, node: 0 };

  /** `sinceNs`: when the node began to be watched; what was in a container before belongs to it. */
  constructor(sinceNs: bigint) {
    this.#sinceNs = sinceNs;
  }

  /** Of an event that was attributed to the container; to be called for each, in their order. */
  of(event: Event, container: Container): Role {
    const { pid, start } = event.process;
    if (pid === 0) return container.kind === 'host' ? NODE : OWN;
    const key = processKey(pid, start);
    // Records of one process come in two orders, so that its end is not the last of it.
    if (event.kind === 'exit') return this.#role(this.#known.get(key), event, container);
    const known = this.#note(key, event, container);
    const role = this.#role(known, event, container);
    if (event.kind === 'exec') this.counts[role.kind] += 1;
    return role;
  }

  /** Of containers that are gone: what ran there has ended with them. */
  forget(gone: readonly Container[]): void {
    const homes = new Set(gone.map(keyOf));
    for (const [key, { home }] of this.#known) if (homes.has(home)) this.#known.delete(key);
    for (const home of homes) {
      this.#begun.delete(home);
      this.#sharing.delete(home);
    }
  }

  /** It ended, and records of it come no more. What it started has its entry itself, and is of another parent since. */
  ended(key: string): void {
    this.#known.delete(key);
  }

  /** Processes that are known. */
  get size(): number {
    return this.#known.size;
  }

  #note(key: string, event: Event, container: Container): Known {
    const home = keyOf(container);
    const before = this.#known.get(key);
    // Records come late, and may be of where it was before: those do not lead it back.
    if (before !== undefined && before.home !== home && event.time < before.since)
      return { home, since: event.time, entry: null, insideAt: ALWAYS };
    let known =
      before?.home === home ? this.#inherited(before, event) : this.#come(key, event, container, before);
    if (known.entry === null && this.#isEntering(event, container, known))
      known = this.#enter(key, event, container);
    const { entry } = known;
    if (event.kind === 'exec' && entry !== null && known.insideAt === null && !isSettingUp(event)) {
      known = { ...known, insideAt: event.time };
      this.#began(entry, event, container);
    }
    if (event.kind === 'exec' && (known.entry?.main ?? true) && !isSettingUp(event)) {
      // A helper of the runtime of which no record came hides the descent of what it leads to: it is the first all the same.
      if (container.madeAt !== null) remember(this.#begun, home);
      if (isOfNode(event)) remember(this.#sharing, home);
    }
    this.#put(key, known);
    return known;
  }

  /** A process acts in the container for the first time. */
  #come(key: string, event: Event, container: Container, before: Known | undefined): Known {
    const home = keyOf(container);
    const none = { home, since: event.time, entry: null, insideAt: ALWAYS };
    if (container.kind !== 'container' || this.#isFirst(event, container)) return none;
    const { parentPid, parentStart } = event.process;
    const above = processKey(parentPid, parentStart);
    const parent = this.#known.get(above);
    // Who starts others for hours without a deed of his own is not forgotten.
    if (parent !== undefined) this.#put(above, parent);
    if (before === undefined && parent?.home === home)
      return { ...none, entry: parent.entry, insideAt: parent.insideAt };
    if (before === undefined && parent === undefined) return none;
    return this.#enter(key, event, container);
  }

  /** On a busy node a child's first records may come before those by which its parent is known: it is of its parent's entry. */
  #inherited(known: Known, { process, time }: Event): Known {
    if (known.entry !== null || time - known.since >= FIRST_NS) return known;
    const parent = this.#known.get(processKey(process.parentPid, process.parentStart));
    if (parent?.home !== known.home || parent.entry === null) return known;
    return { ...known, entry: parent.entry, insideAt: parent.insideAt };
  }

  #enter(key: string, event: Event, container: Container): Known {
    const home = keyOf(container);
    // Runtimes enter more than once, as their helpers are orphaned, until the first program of the container runs.
    const main = container.madeAt !== null && !this.#begun.has(home);
    const by = event.kind === 'exec' ? event.parentExe : 'exe' in event ? event.exe : '';
    const entry = { root: key, main, by, command: '', everyNs: null };
    return { home, since: event.time, entry, insideAt: null };
  }

  /**
   * A runtime's process that has its number in the node's pid namespace, of a parent that was never seen or is forgotten; or
   * one whose parent proves to act outside, as on a busy node that comes only after the child's first records. The parent's
   * name proves nothing: a workload copies a program to `/tmp/runc` and lets one of its forks, of which no record tells, start others.
   */
  #isEntering(event: Event, container: Container, { since }: Known): boolean {
    if (event.kind !== 'exec' || container.kind !== 'container') return false;
    const home = keyOf(container);
    if (this.#sharing.has(home) || this.#isFirst(event, container)) return false;
    const { parentPid, parentStart, start } = event.process;
    const parent = this.#known.get(processKey(parentPid, parentStart));
    if (parent === undefined) return isSettingUp(event);
    const starts = container.madeAt !== null && start - container.madeAt < FIRST_NS;
    return parent.home !== home && !starts && event.time - since < FIRST_NS;
  }

  #put(key: string, known: Known): void {
    this.#known.delete(key);
    this.#known.set(key, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_PROCESSES && oldest !== undefined) this.#known.delete(oldest);
  }

  /** Whether the process was in the container before we looked, or belongs to its first program, which we may have forgotten. */
  #isFirst({ process, time }: Event, container: Container): boolean {
    if (container.madeAt === null) return process.start < this.#sinceNs;
    if (!this.#begun.has(keyOf(container))) return false;
    return process.start - container.madeAt < FIRST_NS && time - process.start >= FIRST_NS;
  }

  /** The first program of the container that an entry leads to. */
  #began(entry: Entry, event: Extract<Event, { kind: 'exec' }>, container: Container): void {
    const { identity } = container;
    if (entry.main) remember(this.#begun, keyOf(container));
    if (entry.main || entry.command !== '') return;
    entry.command = [event.path, ...event.args.slice(1)].join(' ').slice(0, 512);
    entry.everyNs = this.#rhythm.note(`${identity.podUid} ${identity.workload} ${entry.command}`, event.time);
  }

  #role(known: Known | undefined, event: Event, container: Container): Role {
    if (container.kind === 'host') return NODE;
    const entry = known?.entry ?? null;
    if (known === undefined || entry === null) return OWN;
    if (isSetUp(known, event.time)) return setUp(entry);
    if (entry.main) return OWN;
    return entry.everyNs === null ? session(entry) : probe(entry, entry.everyNs);
  }
}

/** Not for longer than a container takes to start: who runs no program and stays is no runtime. */
const isSetUp = ({ insideAt, since }: Known, time: bigint): boolean =>
  insideAt === null ? time - since < FIRST_NS : time < insideAt;

const isOfNode = (event: Extract<Event, { kind: 'exec' }>): boolean => event.innerPid === event.process.pid;

const isSettingUp = (event: Extract<Event, { kind: 'exec' }>): boolean =>
  isRuntimeName(event.exe) && isOfNode(event);

function remember(containers: Set<string>, home: string): void {
  containers.add(home);
  const [oldest] = containers;
  if (containers.size > MAX_CONTAINERS && oldest !== undefined) containers.delete(oldest);
}

const setUp = ({ root, by }: Entry): Role => ({
  kind: 'setup',
  root,
  reason: `The container runtime${by === '' ? '' : ` (${by})`} sets this up from outside the container.`,
});

/** Programs and folders only: arguments may hold secrets. */
const programOf = (command: string): string => command.split(' ', 1)[0] ?? '';

const session = ({ root, by, command }: Entry): Role => ({
  kind: 'session',
  root,
  reason:
    `It belongs to a session: ${by || 'a process'} entered from outside the container${command === '' ? '' : ` and started ${programOf(command)}`}, ` +
    'as `kubectl exec` and `kubectl cp` do. It is compared with what sessions do on this node.',
});

const probe = ({ root, command }: Entry, everyNs: bigint): Role => ({
  kind: 'probe',
  root,
  reason: `It belongs to a probe: ${programOf(command)} is started from outside the container every ${Math.round(Number(everyNs) / 1e9)} s.`,
});
