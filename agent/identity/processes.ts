/**
 * The processes that were seen doing something, with what started them. One that has ended is forgotten once no other
 * descends from it. Bounded; the longest unused leave first.
 */
import type { Event, ExecEvent } from '../events/event.ts';
import { programOf } from './applets.ts';
import type { Container } from './container.ts';
import type { GoneContainer } from './containers.ts';
import { isFirst, isRuntimeName } from './runtimes.ts';

export interface KnownProcess {
  readonly pid: number;
  /** CLOCK_BOOTTIME, ns. */
  readonly start: bigint;
  readonly parentPid: number;
  readonly parentStart: bigint;
  readonly uid: number;
  /** File name of the executable it runs now; empty when not known. */
  readonly exe: string;
  /** The same, of many programs in one file the one it was started as. */
  readonly program: string;
  /** Programs it ran before, oldest first, at most four. */
  readonly before: readonly string[];
  /** When it last executed something, CLOCK_BOOTTIME ns; null: before picket looked. */
  readonly execAt: bigint | null;
  /**
   * Since then it, or what it was forked from, has run that executable: a fork runs what was executed before, so since that was
   * executed last in its container. Where nobody saw that: since picket looks, or its container is there, whichever is later.
   */
  readonly ranSince: bigint;
  /** Id of the container that it acted in last, `host` outside of all. Of one never seen itself, where its child was put. */
  readonly home: string;
}

type Home = Pick<Container, 'id' | 'madeAt'>;

const HOST = 'host';
const OUTSIDE: Home = { id: HOST, madeAt: null };
const MAX_PROCESSES = 16_384;
const MAX_BEFORE = 4;
const MAX_LINEAGE = 16;
/** Executables of one container of which it is kept when they were executed last, and containers that have such. */
const MAX_RUN = 256;
const MAX_HOMES = 256;

/** Text form of (pid, start). */
export const processKey = (pid: number, start: bigint): string => `${pid}:${start}`;

const keyOf = ({ pid, start }: KnownProcess): string => processKey(pid, start);

/** Of what started it; undefined: nothing, itself or not known. */
const parentKeyOf = ({ pid, start, parentPid, parentStart }: KnownProcess): string | undefined =>
  parentPid === 0 || (parentPid === pid && parentStart === start)
    ? undefined
    : processKey(parentPid, parentStart);

export class Processes {
  /** Forgotten since the start, as they ended, as their container is gone, for want of room. */
  readonly forgotten = { ended: 0, gone: 0, room: 0 };
  readonly #processes = new Map<string, KnownProcess>();
  /** Process → how many known ones name it as their parent. */
  readonly #children = new Map<string, number>();
  /**
   * They go with the last that descends from them: those that ended, and those of the host of which only children told, as
   * nobody tells the end of a fork and the next child names it again. In a container it may be the server that was there
   * before, whose other forks are judged by it.
   */
  readonly #over = new Set<string>();
  /** Container → executable → when it was executed last; bounded for each, so that none makes another's leave. */
  readonly #run = new Map<string, Map<string, bigint>>();
  /** Of the first event. */
  #since: bigint | null = null;

  get size(): number {
    return this.#processes.size;
  }

  /** `home`: the container that the event belongs to. */
  note(event: Event, { id: home, madeAt }: Home): void {
    const { pid, start } = event.process;
    if (
      pid === 0 ||
      event.kind === 'exit' ||
      event.kind === 'cgroup' ||
      event.kind === 'denied' ||
      event.kind === 'pair'
    )
      return;
    this.#since ??= event.time;
    const key = processKey(pid, start);
    const known = this.#processes.get(key);
    this.#over.delete(key);
    const told = known !== undefined && known.exe !== '' ? known : event;
    const now =
      event.kind === 'exec'
        ? { exe: event.exe, program: programOf(event) }
        : { exe: told.exe, program: 'program' in told ? told.program : told.exe };
    // Before its own is noted: what started it was running already.
    if (event.kind === 'exec') this.#noteParent(event, isFromOutside(event) ? OUTSIDE : { id: home, madeAt });
    if (event.kind === 'exec') this.#noteRun(home, event.exe, event.time);
    const since = known?.exe === now.exe ? known.ranSince : this.#ranSince({ id: home, madeAt }, now.exe);
    const before =
      event.kind === 'exec' && known !== undefined && known.exe !== ''
        ? [...known.before, known.program].slice(-MAX_BEFORE)
        : (known?.before ?? []);
    this.#put({
      pid,
      start,
      parentPid: event.process.parentPid,
      parentStart: event.process.parentStart,
      uid: event.process.uid,
      ...now,
      before,
      execAt: event.kind === 'exec' ? event.time : (known?.execAt ?? null),
      ranSince: event.kind === 'exec' ? event.time : since,
      home,
    });
  }

  /** The process and what started it, itself first; ends where nothing is known. */
  lineage(pid: number, start: bigint): KnownProcess[] {
    const found: KnownProcess[] = [];
    let next = this.#processes.get(processKey(pid, start));
    while (next !== undefined && found.length < MAX_LINEAGE && !found.includes(next)) {
      found.push(next);
      next = this.#processes.get(processKey(next.parentPid, next.parentStart));
    }
    return found;
  }

  lineageOf({ process: { pid, start } }: Pick<Event, 'process'>): KnownProcess[] {
    return this.lineage(pid, start);
  }

  /** Of containers that are gone: what ran there has ended with them. Who bears the id of one now began later. */
  forget(gone: readonly GoneContainer[]): void {
    const ends = new Map(gone.map(({ container, goneAt }) => [container.id, goneAt]));
    for (const [key, { home, start }] of this.#processes)
      if (start <= (ends.get(home) ?? -1n)) this.#remove(key, 'gone');
    for (const home of ends.keys()) this.#run.delete(home);
  }

  /** It ended, and records of it come no more. */
  ended(key: string): void {
    if (!this.#children.has(key)) this.#remove(key, 'ended');
    else if (this.#processes.has(key)) this.#over.add(key);
  }

  /** A parent that was never seen itself is known at least by the name its child's record carries. */
  #noteParent({ process: child, parentExe: exe }: ExecEvent, home: Home): void {
    const key = processKey(child.parentPid, child.parentStart);
    const known = this.#processes.get(key);
    if (child.parentPid === 0 || exe === '') return;
    if (known !== undefined) {
      this.#put(known);
      return;
    }
    if (home.id === HOST) this.#over.add(key);
    this.#put({
      pid: child.parentPid,
      start: child.parentStart,
      parentPid: 0,
      parentStart: 0n,
      uid: 0,
      exe,
      program: exe,
      before: [],
      execAt: null,
      ranSince: this.#ranSince(home, exe),
      home: home.id,
    });
  }

  #ranSince({ id, madeAt }: Home, exe: string): bigint {
    const since = this.#since ?? 0n;
    return this.#run.get(id)?.get(exe) ?? (madeAt !== null && madeAt > since ? madeAt : since);
  }

  #noteRun(home: string, exe: string, time: bigint): void {
    const run = this.#run.get(home) ?? new Map<string, bigint>();
    putLast(run, exe, time, MAX_RUN);
    putLast(this.#run, home, run, MAX_HOMES);
  }

  #put(process: KnownProcess): void {
    const key = keyOf(process);
    const before = this.#processes.get(key);
    this.#processes.delete(key);
    this.#processes.set(key, process);
    if (before?.parentPid !== process.parentPid || before.parentStart !== process.parentStart)
      this.#descend(process, before);
    if (this.#processes.size <= MAX_PROCESSES) return;
    const [oldest] = this.#processes.keys();
    if (oldest !== undefined) this.#remove(oldest, 'room');
  }

  /** What started it is another one now, as an orphan's parent is. */
  #descend(process: KnownProcess, before: KnownProcess | undefined): void {
    const parent = parentKeyOf(process);
    if (parent !== undefined) this.#children.set(parent, (this.#children.get(parent) ?? 0) + 1);
    const left = before === undefined ? undefined : this.#leave(before);
    if (left !== undefined) this.#remove(left, 'ended');
  }

  /** It descends no more from its parent; which is returned when that is to go with it. */
  #leave(process: KnownProcess): string | undefined {
    const parent = parentKeyOf(process);
    if (parent === undefined) return undefined;
    const children = (this.#children.get(parent) ?? 0) - 1;
    if (children > 0) this.#children.set(parent, children);
    else this.#children.delete(parent);
    return children <= 0 && this.#over.has(parent) ? parent : undefined;
  }

  #remove(key: string, reason: keyof Processes['forgotten']): void {
    let next: string | undefined = key;
    while (next !== undefined) {
      const process = this.#processes.get(next);
      if (process === undefined) return;
      this.#processes.delete(next);
      this.#over.delete(next);
      this.forgotten[next === key ? reason : 'ended'] += 1;
      next = this.#leave(process);
    }
  }
}

/** The longest unused leaves where there are more than `limit`. */
function putLast<V>(map: Map<string, V>, key: string, value: V, limit: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > limit && oldest !== undefined) map.delete(oldest);
}

/** Its parent is not of the container: a first process, or the runtime on its way in. */
const isFromOutside = (event: ExecEvent): boolean =>
  isFirst(event) || (isRuntimeName(event.exe) && event.innerPid === event.process.pid);
