/** The open windows of all containers: what a tick adds to them, and what becomes of them at their end. */
import { decodeFlows } from './events/decode.ts';
import type { Flow } from './events/event.ts';
import type { SlotTick, Tick } from './events/frame.ts';
import { LAYOUT } from './events/layout.ts';
import type { Resources } from './events/resources.ts';
import { factsOfCalls } from './features/calls.ts';
import { factOfFlow, type NameOfAddress } from './features/facts.ts';
import type { Architecture } from './features/syscalls.ts';
import { HOLD_NS } from './identity/attribute.ts';
import type { Container } from './identity/container.ts';
import type { Containers } from './identity/containers.ts';
import { Losses } from './losses.ts';
import type { Registry } from './models/registry.ts';
import type { Sink } from './sink.ts';
import type { Verdicts } from './verdicts.ts';
import { Watched } from './watched.ts';

export interface WindowsParts {
  readonly containers: Containers;
  readonly registry: Registry;
  readonly verdicts: Verdicts;
  readonly sink: Pick<Sink, 'window'>;
  readonly architecture: Architecture;
  readonly nameOf: NameOfAddress;
  /** Entries of the flow map that could not be decoded. */
  readonly malformed: (count: number) => void;
}

/** What all windows that a tick ends have in common. */
interface Ending {
  readonly bootNs: bigint;
  /** Reason → records lost that no slot accounts for. */
  readonly anybodys: Readonly<Record<string, number>>;
}

const keyOf = ({ id, cgroup }: Container): string => `${id} ${cgroup}`;

export class Windows {
  readonly losses = new Losses();
  readonly #parts: WindowsParts;
  readonly #watched = new Map<string, Watched>();
  /** Of the last tick, CLOCK_BOOTTIME ns. */
  #bootNs: bigint;

  constructor(parts: WindowsParts, bootNs: bigint) {
    this.#parts = parts;
    this.#bootNs = bootNs;
  }

  /** What is kept of the container, begun now when there is nothing yet. */
  of(container: Container): Watched {
    const key = keyOf(container);
    const known = this.#watched.get(key);
    if (known !== undefined) {
      known.container = container;
      return known;
    }
    const gone = container.kind !== 'host' && !this.#parts.containers.isLive(container);
    const made = new Watched(container, container.madeAt ?? this.#bootNs, gone);
    this.#watched.set(key, made);
    return made;
  }

  /** What it used in its last window in which that was read, or null. */
  resourcesOf(container: Container): Resources | null {
    return this.#watched.get(keyOf(container))?.resources ?? null;
  }

  /** Adds what the tick read to the windows, then ends them. */
  *tick(tick: Tick): Generator<void> {
    const { containers, malformed } = this.#parts;
    this.#bootNs = tick.bootNs;
    for (const container of [containers.host, ...containers.live()]) this.of(container);
    const ending = { bootNs: tick.bootNs, anybodys: this.losses.take(tick) };
    for (const slot of tick.slots) {
      this.#slot(slot, tick.bootNs);
      yield;
    }
    const decoded = decodeFlows(tick.flows);
    if (decoded.malformed > 0) malformed(decoded.malformed);
    for (const flow of decoded.flows) {
      this.#flow(flow);
      yield;
    }
    for (const [key, watched] of this.#watched) {
      this.#end(key, watched, ending);
      yield;
    }
  }

  #slot(slot: SlotTick, bootNs: bigint): void {
    const { containers, verdicts, architecture } = this.#parts;
    if (slot.slot === LAYOUT.SLOT_NONE) return;
    if (slot.slot !== LAYOUT.SLOT_HOST) containers.bindSlot(slot.slot, slot.cgroup);
    const container = containers.find(slot.cgroup, slot.slot, LAYOUT.SLOT_HOST);
    if (container === null) return;
    const watched = this.of(container);
    watched.observed = true;
    watched.window.slot(slot);
    if (!container.settled) return;
    verdicts.calls(watched, factsOfCalls(slot, architecture), { timeNs: bootNs, cpu: 0 });
  }

  #flow(flow: Flow): void {
    const { containers, verdicts, nameOf } = this.#parts;
    const container = containers.find(flow.cgroup, flow.slot, LAYOUT.SLOT_HOST);
    if (container === null) return;
    const watched = this.of(container);
    watched.window.flow(flow);
    if (!container.settled) return;
    verdicts.fact(watched, factOfFlow(flow, nameOf), { timeNs: flow.first, cpu: 0 });
  }

  #end(key: string, watched: Watched, ending: Ending): void {
    const { containers, registry, verdicts, sink } = this.#parts;
    if (watched.late) {
      this.#watched.delete(key);
      return;
    }
    const container = this.#settled(watched, ending.bootNs);
    if (container === null) return;
    const gone = container.kind !== 'host' && !containers.isLive(container);
    watched.window.anybodys(ending.anybodys);
    const baseline = registry.baseline(container.identity.workload);
    if (watched.window.lost > 0) verdicts.flood(watched, { timeNs: ending.bootNs, cpu: 0 });
    const { window, learn } = watched.close(ending.bootNs, gone);
    const newFacts = window.facts.filter((fact) => baseline.seen(fact) === 0).length;
    for (const period of learn) baseline.learn(period);
    if (learn.length > 0) registry.touch(container.identity.workload);
    sink.window({ ...window, container, newFacts, state: baseline.state });
    if (gone) this.#watched.delete(key);
  }

  /** The container as it is known now; null while its pod is waited for: its window goes on, so that nothing is learnt
   * under the wrong name. */
  #settled(watched: Watched, bootNs: bigint): Container | null {
    const { containers } = this.#parts;
    const current = containers.find(watched.container.cgroup, LAYOUT.SLOT_NONE, LAYOUT.SLOT_HOST);
    if (current !== null && current.id === watched.container.id) watched.container = current;
    if (!watched.container.settled && bootNs - watched.window.startNs < HOLD_NS) return null;
    if (!watched.container.settled) watched.container = containers.giveUp(watched.container);
    return watched.container;
  }
}
