/**
 * Peers that a tick read in the flow map before the record of who calls them came: the map is read at once, records come by the
 * ring, tenths of a second later on a busy node. A tick later it is known whether a session called, and which process did.
 */
import type { When } from './case.ts';
import type { Fact } from './features/fact.ts';

/** What was begun longer before the tick has had its record, or will have none. */
const LATE_NS = 2_000_000_000n;
/** Kept per container; more are judged at once. */
const MAX_FACTS = 256;

export interface EarlyFact {
  readonly fact: Fact;
  readonly when: When;
}

export class EarlyFacts {
  #facts: EarlyFact[] = [];

  /** Whether it is kept until the next tick. */
  keep(early: EarlyFact, tickNs: bigint): boolean {
    if (tickNs - early.when.timeNs >= LATE_NS || this.#facts.length >= MAX_FACTS) return false;
    this.#facts.push(early);
    return true;
  }

  take(): readonly EarlyFact[] {
    const facts = this.#facts;
    this.#facts = [];
    return facts;
  }
}
