/**
 * How often each container began anew under the same name, and how the one before ended: a crash loop to be seen. Made from
 * events alone. Of a container that was there before us, begin and first process are not known.
 */
import type { Event } from '../events/event.ts';
import { type Container, isNameless } from './container.ts';
import { LATE_NS } from './containers.ts';

/** How a container ended. */
export interface Ended {
  /** From its cgroup to the end of its first process, or to its cgroup's; null: its begin was not seen. */
  readonly lifetimeMs: number | null;
  /** Of its first process, as in wait(2); null: not seen. */
  readonly status: number | null;
  /** The kernel ended one of its processes for want of memory. */
  readonly oom: boolean;
}

export interface Life {
  /** Times it began anew under the same name while it was watched. */
  readonly restarts: number;
  /** The one before it; null: there was none. */
  readonly last: Ended | null;
}

export interface LifeCounts {
  /** Containers that were made while we watched. */
  starts: number;
  restarts: number;
  oomKills: number;
}

interface Run {
  readonly madeAt: bigint | null;
  goneAt: bigint | null;
  first: { readonly pid: number; readonly start: bigint } | null;
  endedAt: bigint | null;
  status: number | null;
  oom: boolean;
  restarts: number;
  before: Run | null;
}

/** Containers that are followed: twice as many as are known, the longest begun leaving first. */
const MAX_RUNS = 8192;
/** Names of containers that are remembered, the longest not begun leaving first. */
const MAX_NAMES = 4096;

const NONE: Life = { restarts: 0, last: null };

const keyOf = ({ id, cgroup }: Container): string => `${id} ${cgroup}`;

/** What stays when a container begins anew: of a pod's its name there, of others the runtime's id or the unit. */
function nameOf({ kind, id, path, identity }: Container): string {
  if (kind === 'service') return `service ${path}`;
  return isNameless(identity.workload) ? `container ${id}` : `${identity.podUid} ${identity.name}`;
}

function endOf({ madeAt, endedAt, goneAt, status, oom }: Run): Ended {
  const end = endedAt ?? goneAt;
  const lifetimeMs = madeAt === null || end === null ? null : Number((end - madeAt) / 1_000_000n);
  return { lifetimeMs, status, oom };
}

export class Lives {
  readonly counts: LifeCounts = { starts: 0, restarts: 0, oomKills: 0 };
  /** Those there are, and those gone for less than records can be late. */
  readonly #runs = new Map<string, Run>();
  /** The last of each name. */
  readonly #byName = new Map<string, Run>();
  readonly #nameless = new Set<Container>();

  began(container: Container): void {
    const { madeAt } = container;
    const empty = { goneAt: null, first: null, endedAt: null, status: null, before: null };
    this.#runs.set(keyOf(container), { madeAt, ...empty, oom: false, restarts: 0 });
    this.#nameless.add(container);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > MAX_RUNS && oldest !== undefined) this.#runs.delete(oldest);
    if (madeAt !== null) this.counts.starts += 1;
  }

  gone(container: Container, time: bigint): void {
    const run = this.#runs.get(keyOf(container));
    if (run !== undefined) run.goneAt = time;
  }

  event(event: Event, container: Container): void {
    const run = this.#runs.get(keyOf(container));
    if (event.kind === 'action' && event.action === 'oom-kill') {
      this.counts.oomKills += 1;
      if (run !== undefined) run.oom = true;
    }
    if (run === undefined || run.madeAt === null) return;
    const { pid, start } = event.process;
    // A runtime's own program is in the container before the first exec of it, and ends as that: the same process.
    if (event.kind === 'exec') run.first ??= { pid, start };
    if (event.kind !== 'exit' || run.first?.pid !== pid || run.first.start !== start) return;
    run.status = event.status;
    run.endedAt = event.time;
  }

  /** Names those whose pod is known by now, in the order in which they began. `find` gives what is known of one now. */
  settle(find: (container: Container) => Container | null): void {
    for (const container of this.#nameless) {
      const run = this.#runs.get(keyOf(container));
      const now = find(container);
      if (run !== undefined && now?.settled !== true) continue;
      this.#nameless.delete(container);
      if (run !== undefined && now !== null) this.#name(run, nameOf(now));
    }
  }

  of(container: Container): Life {
    const run = this.#runs.get(keyOf(container));
    if (run === undefined) return NONE;
    return { restarts: run.restarts, last: run.before === null ? null : endOf(run.before) };
  }

  /** How the container itself ended, as far as was seen. */
  endedOf(container: Container): Ended {
    const run = this.#runs.get(keyOf(container));
    return run === undefined ? { lifetimeMs: null, status: null, oom: false } : endOf(run);
  }

  forget(now: bigint): void {
    for (const [key, { goneAt }] of this.#runs)
      if (goneAt !== null && now - goneAt >= LATE_NS) this.#runs.delete(key);
  }

  #name(run: Run, name: string): void {
    const before = this.#byName.get(name);
    // Two that were there before us, both running: one began before the other, but no one ended.
    if (before !== undefined && (run.madeAt !== null || before.goneAt !== null)) {
      run.restarts = before.restarts + 1;
      run.before = before;
      before.before = null; // a chain of two is enough
      this.counts.restarts += 1;
    }
    this.#byName.delete(name);
    this.#byName.set(name, run);
    const [oldest] = this.#byName.keys();
    if (this.#byName.size > MAX_NAMES && oldest !== undefined) this.#byName.delete(oldest);
  }
}
