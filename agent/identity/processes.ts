/**
 * The processes that were seen doing something, with what started them. One that has ended is forgotten once no other
 * descends from it. Bounded; the longest unused leave first.
 */
import type { Event, ExecEvent } from '../events/event.ts';
import { programOf } from './applets.ts';
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
   * No later than then it, or what it was forked from, began to run that executable: a fork runs what was executed before, so no
   * later than when that was executed last in its container, or when picket began to look.
   */
  readonly ranSince: bigint;
  /** Id of the container that it acted in last, `host` outside of all. Of one never seen itself, where its child was put. */
  readonly home: string;
}

const HOST = 'host';
const MAX_PROCESSES = 16_384;
const MAX_BEFORE = 4;
const MAX_LINEAGE = 16;
/** Executables of containers of which it is kept when they were executed last. */
const MAX_RUN = 16_384;

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
  /** Container and executable → when it was executed last. */
  readonly #run = new Map<string, bigint>();
  /** Of the first event. */
  #since: bigint | null = null;

  get size(): number {
    return this.#processes.size;
  }

  /** `home`: id of the container that the event belongs to, `host` for none. */
  note(event: Event, home: string): void {
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
    if (event.kind === 'exec') this.#noteParent(event, isFromOutside(event) ? HOST : home);
    if (event.kind === 'exec') this.#noteRun(`${home} ${event.exe}`, event.time);
    const since = known?.exe === now.exe ? known.ranSince : this.#ranSince(home, now.exe);
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
    for (const key of this.#run.keys()) if (ends.has(key.slice(0, key.indexOf(' ')))) this.#run.delete(key);
  }

  /** It ended, and records of it come no more. */
  ended(key: string): void {
    if (!this.#children.has(key)) this.#remove(key, 'ended');
    else if (this.#processes.has(key)) this.#over.add(key);
  }

  /** A parent that was never seen itself is known at least by the name its child's record carries. */
  #noteParent({ process: child, parentExe: exe }: ExecEvent, home: string): void {
    const key = processKey(child.parentPid, child.parentStart);
    const known = this.#processes.get(key);
    if (child.parentPid === 0 || exe === '') return;
    if (known !== undefined) {
      this.#put(known);
      return;
    }
    if (home === HOST) this.#over.add(key);
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
      home,
    });
  }

  #ranSince(home: string, exe: string): bigint {
    return this.#run.get(`${home} ${exe}`) ?? this.#since ?? 0n;
  }

  #noteRun(key: string, time: bigint): void {
    this.#run.delete(key);
    this.#run.set(key, time);
    const [oldest] = this.#run.keys();
    if (this.#run.size > MAX_RUN && oldest !== undefined) this.#run.delete(oldest);
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

/** Its parent is not of the container: a first process, or the runtime on its way in. */
const isFromOutside = (event: ExecEvent): boolean =>
  isFirst(event) || (isRuntimeName(event.exe) && event.innerPid === event.process.pid);
