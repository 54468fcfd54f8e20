/** The pairs of operations of one container's window, and who made those that were told one by one. */
import type { PairEvent } from '../events/event.ts';
import type { Fact } from './fact.ts';

/** As many as a baseline keeps; a service has some hundreds, a busy build server less than two thousand. */
const MAX_PAIRS = 4096;
/** Processes told apart. */
const MAX_DOERS = 16;

/** A process that made pairs, by its first. */
export interface Doer {
  readonly event: PairEvent;
  readonly pairs: number;
}

export class PairWindow {
  readonly #facts = new Map<string, Fact>();
  readonly #doers = new Map<string, { readonly event: PairEvent; readonly made: Set<string> }>();
  /** More than fit: nothing is to be learnt of this window. */
  overflowed = false;

  get facts(): Fact[] {
    return [...this.#facts.values()];
  }

  add(fact: Fact, event: PairEvent | null): void {
    if (this.#facts.has(fact.value) || this.#facts.size < MAX_PAIRS) this.#facts.set(fact.value, fact);
    else this.overflowed = true;
    if (event !== null) this.#note(fact, event);
  }

  /** Those that made some of the facts, whoever made most first. */
  doers(facts: readonly Fact[]): Doer[] {
    const wanted = new Set(facts.map(({ value }) => value));
    return [...this.#doers.values()]
      .map(({ event, made }) => ({ event, pairs: [...made].filter((value) => wanted.has(value)).length }))
      .filter(({ pairs }) => pairs > 0)
      .toSorted((a, b) => b.pairs - a.pairs);
  }

  #note(fact: Fact, event: PairEvent): void {
    const key = `${event.process.pid}:${event.process.start}`;
    const known = this.#doers.get(key);
    if (known !== undefined) known.made.add(fact.value);
    else if (this.#doers.size < MAX_DOERS) this.#doers.set(key, { event, made: new Set([fact.value]) });
  }
}
