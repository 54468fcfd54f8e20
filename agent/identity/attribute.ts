/**
 * Gives each event its container. An event whose container or pod is not known yet waits, at most HOLD_NS of recorded
 * time and MAX_HELD events in all, and then goes on under what is known. Order within a container is kept.
 */
import type { Event } from '../events/event.ts';
import type { Container } from './container.ts';

export const HOLD_NS = 2_000_000_000n;
const MAX_HELD = 4096;

/** What attribution needs to know about containers. */
export interface ContainerLookup {
  /** `time`: of the event, as an id may have been another container's. */
  find(cgroup: number, slot: number, hostSlot: number, time: bigint): Container | null;
  giveUp(container: Container): Container;
  /** A container for a cgroup that nobody could name. */
  unknown(cgroup: number): Container;
}

interface Waiting {
  readonly since: bigint;
  readonly events: Event[];
}

export interface AttributionCounts {
  held: number;
  /** Went on without a pod, because it did not come in time. */
  expired: number;
  /** Went on early, because too many were waiting. */
  overflow: number;
}

export class Attribution {
  readonly counts: AttributionCounts = { held: 0, expired: 0, overflow: 0 };
  readonly #lookup: ContainerLookup;
  readonly #hostSlot: number;
  readonly #emit: (event: Event, container: Container) => void;
  /** By cgroup id, in order of arrival. */
  readonly #waiting = new Map<number, Waiting>();
  #held = 0;

  constructor(options: {
    lookup: ContainerLookup;
    hostSlot: number;
    emit: (event: Event, container: Container) => void;
  }) {
    this.#lookup = options.lookup;
    this.#hostSlot = options.hostSlot;
    this.#emit = options.emit;
  }

  /** Cgroups that events are waiting for now. */
  waiting(): number[] {
    return [...this.#waiting.keys()];
  }

  /** Events that wait for this cgroup. */
  waitingFor(cgroup: number): number {
    return this.#waiting.get(cgroup)?.events.length ?? 0;
  }

  event(event: Event): void {
    const waiting = this.#waiting.get(event.cgroup);
    const container = this.#lookup.find(event.cgroup, event.slot, this.#hostSlot, event.time);
    if (container?.settled && waiting === undefined) {
      this.#emit(event, container);
      return;
    }
    this.#hold(event, waiting);
    if (container?.settled) this.#release(event.cgroup);
  }

  /** To be called when containers or pods became known and as recorded time goes on. */
  advance(now: bigint): void {
    for (const [cgroup, waiting] of this.#waiting) {
      const [first] = waiting.events;
      if (first === undefined) continue;
      const known = this.#lookup.find(cgroup, first.slot, this.#hostSlot, first.time)?.settled;
      const late = now - waiting.since >= HOLD_NS;
      if (late && !known) this.counts.expired += waiting.events.length;
      if (known || late) this.#release(cgroup);
    }
  }

  #hold(event: Event, waiting: Waiting | undefined): void {
    if (this.#held >= MAX_HELD) this.#overflow();
    const queue = waiting ?? { since: event.time, events: [] };
    queue.events.push(event);
    this.#waiting.set(event.cgroup, queue);
    this.#held += 1;
    this.counts.held += 1;
  }

  #overflow(): void {
    const [oldest] = this.#waiting;
    if (oldest === undefined) return;
    this.counts.overflow += oldest[1].events.length;
    this.#release(oldest[0]);
  }

  #release(cgroup: number): void {
    const waiting = this.#waiting.get(cgroup);
    if (waiting === undefined) return;
    this.#waiting.delete(cgroup);
    this.#held -= waiting.events.length;
    for (const event of waiting.events) {
      const found =
        this.#lookup.find(event.cgroup, event.slot, this.#hostSlot, event.time) ??
        this.#lookup.unknown(cgroup);
      this.#emit(event, found.settled ? found : this.#lookup.giveUp(found));
    }
  }
}
