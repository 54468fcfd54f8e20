/**
 * What the kernel side is to know of each container: whether it learns or guards, and what it need not tell. A container
 * guards once its workload's baseline judges pairs in the phase that it is in, and then has the pairs that the baseline
 * accepted, and the keys of what else it accepted. Those are loaded again each minute, which arms again whatever was told since and not accepted.
 *
 * Of what is accepted the baseline hears no more, so its counts of periods stand still. That stays on the safe side:
 * a pair seen in one period only is not accepted, so it is armed and its next period is seen. Hence every period that
 * would be alone with a pair if all were told is alone with it now, and there are as many periods: the estimated
 * newness, which grows with the periods that are alone with something, is never below what full sight would give.
 */
import { type Fact, factKey } from '../features/fact.ts';
import type { Phase } from '../models/fact-models.ts';
import { Keys } from './keys.ts';

export type Mode = 'learn' | 'guard';

/** For the kernel side; in a replay it is for nobody. */
export interface Profile {
  readonly slot: number;
  /** Of the slot's owner; 0 for the host. */
  readonly cgroup: number;
  readonly mode: Mode;
  /** The bits that replace the slot's, or null: as they are. */
  readonly pairs: Uint8Array | null;
  /** Keys that replace the slot's set of what it has done, or null: as it is. */
  readonly seen: BigUint64Array | null;
}

/** What is asked of a baseline. */
export interface Accepting {
  judges(kind: 'pair', phase: Phase): boolean;
  accepted(kind: 'pair', phase: Phase): ReadonlySet<string>;
  accepts(fact: Fact, phase: Phase): boolean;
}

export interface Subject {
  readonly slot: number;
  readonly cgroup: number;
  readonly phase: Phase;
  readonly workload: string;
  readonly baseline: Accepting;
}

interface Held {
  readonly cgroup: number;
  mode: Mode;
  phase: Phase;
  /** CLOCK_BOOTTIME, ns. */
  loadedAt: bigint;
  /** What was told since they were loaded. */
  readonly told: Map<string, Fact>;
}

/** Kinds of facts that the kernel side tells once, and again when they are armed again. */
export const ARMED_KINDS: ReadonlySet<string> = new Set([
  'pair',
  'folder',
  'library',
  'capability',
  'listen',
]);
export const REARM_NS = 60_000_000_000n;
/** Of one container between two loads; more are armed again, but not counted. */
const MAX_TOLD = 4096;

export class Profiles {
  /** Loads of known-good sets, and facts that were told and armed again by one. */
  readonly counts = { loads: 0, armedAgain: 0 };
  readonly keys = new Keys();
  /** By slot, of which there are so many: what was held of it goes with the cgroup that had it. */
  readonly #held = new Map<number, Held>();
  readonly #bits: (values: Iterable<string>) => Uint8Array;
  readonly #emit: (profile: Profile) => void;

  constructor(options: {
    bits: (values: Iterable<string>) => Uint8Array;
    emit: (profile: Profile) => void;
  }) {
    this.#bits = options.bits;
    this.#emit = options.emit;
  }

  modeOf({ slot, cgroup }: Pick<Subject, 'slot' | 'cgroup'>): Mode {
    return this.#heldOf(slot, cgroup)?.mode ?? 'learn';
  }

  get guarding(): number {
    let count = 0;
    for (const { mode } of this.#held.values()) if (mode === 'guard') count += 1;
    return count;
  }

  /** Decides again what the container's slot does, and loads what is due. */
  review(subject: Subject, now: bigint): void {
    const { slot, cgroup, phase, baseline } = subject;
    const held = this.#heldOf(slot, cgroup);
    const mode: Mode = baseline.judges('pair', phase) ? 'guard' : 'learn';
    if (mode === 'learn') {
      if (held?.mode === 'guard') this.#emit({ slot, cgroup, mode, pairs: null, seen: null });
      if (held?.mode !== mode) this.#held.set(slot, { cgroup, mode, phase, loadedAt: now, told: new Map() });
      return;
    }
    const due = held?.mode !== 'guard' || held.phase !== phase || now - held.loadedAt >= REARM_NS;
    if (due) this.#load(subject, now, held);
  }

  /** Something of the container was told; of all but pairs, by a key. */
  note({ slot, cgroup }: Pick<Subject, 'slot' | 'cgroup'>, fact: Fact): void {
    const held = this.#heldOf(slot, cgroup);
    if (held?.mode === 'guard' && held.told.size < MAX_TOLD) held.told.set(factKey(fact), fact);
  }

  forget({ slot, cgroup }: Pick<Subject, 'slot' | 'cgroup'>): void {
    if (this.#heldOf(slot, cgroup) !== undefined) this.#held.delete(slot);
  }

  #heldOf(slot: number, cgroup: number): Held | undefined {
    const held = this.#held.get(slot);
    return held?.cgroup === cgroup ? held : undefined;
  }

  #load(subject: Subject, now: bigint, held: Held | undefined): void {
    const { slot, cgroup, phase, workload, baseline } = subject;
    const accepts = (fact: Fact): boolean => baseline.accepts(fact, phase);
    for (const fact of held?.told.values() ?? []) if (!accepts(fact)) this.counts.armedAgain += 1;
    this.counts.loads += 1;
    this.#held.set(slot, { cgroup, mode: 'guard', phase, loadedAt: now, told: new Map() });
    const pairs = this.#bits(baseline.accepted('pair', phase));
    this.#emit({ slot, cgroup, mode: 'guard', pairs, seen: this.keys.accepted(workload, accepts) });
  }
}
