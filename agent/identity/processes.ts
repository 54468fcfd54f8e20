/** The processes that were seen doing something, with what started them. Bounded; the longest unused leave first. */
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
  /** Id of the container that it acted in last, `host` outside of all. Of one never seen itself, where its child was put. */
  readonly home: string;
}

const HOST = 'host';
const MAX_PROCESSES = 16_384;
const MAX_BEFORE = 4;
const MAX_LINEAGE = 16;

/** Text form of (pid, start). */
export const processKey = (pid: number, start: bigint): string => `${pid}:${start}`;

export class Processes {
  readonly #processes = new Map<string, KnownProcess>();

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
    const known = this.#processes.get(processKey(pid, start));
    const told = known !== undefined && known.exe !== '' ? known : event;
    const now =
      event.kind === 'exec'
        ? { exe: event.exe, program: programOf(event) }
        : { exe: told.exe, program: 'program' in told ? told.program : told.exe };
    if (event.kind === 'exec') this.#noteParent(event, isFromOutside(event) ? HOST : home);
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
      if (start <= (ends.get(home) ?? -1n)) this.#processes.delete(key);
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
      home,
    });
  }

  #put(process: KnownProcess): void {
    const key = processKey(process.pid, process.start);
    this.#processes.delete(key);
    this.#processes.set(key, process);
    if (this.#processes.size <= MAX_PROCESSES) return;
    const [oldest] = this.#processes.keys();
    if (oldest !== undefined) this.#processes.delete(oldest);
  }
}

/** Its parent is not of the container: a first process, or the runtime on its way in. */
const isFromOutside = (event: ExecEvent): boolean =>
  isFirst(event) || (isRuntimeName(event.exe) && event.innerPid === event.process.pid);
