/**
 * Facts that entered by quorum: each was called strange in so many periods before, and would be told to this day had learning been
 * off. The latest, and how many there were.
 */
import type { Fact } from '../features/fact.ts';

const MAX_LATEST = 64;
const MAX_VALUE = 128;

/** Kind, value and periods. */
export type AdmittedFact = readonly [string, string, number];
export type SavedAdmitted = readonly [number, readonly AdmittedFact[]];

export class Admitted {
  #count = 0;
  readonly #latest: AdmittedFact[] = [];

  get count(): number {
    return this.#count;
  }

  get latest(): readonly AdmittedFact[] {
    return this.#latest;
  }

  note({ kind, value }: Fact, periods: number): void {
    this.#count += 1;
    this.#latest.push([kind, value.slice(0, MAX_VALUE), periods]);
    if (this.#latest.length > MAX_LATEST) this.#latest.shift();
  }

  save(): SavedAdmitted {
    return [this.#count, this.#latest];
  }

  /** What `save` gave; anything else: none. */
  load(saved: unknown): void {
    const [count, latest] = Array.isArray(saved) ? saved : [0, []];
    this.#count = Number(count) || 0;
    const read = Array.isArray(latest) ? latest.slice(-MAX_LATEST) : [];
    const entries = read.map((entry): AdmittedFact => {
      const [kind, value, periods] = Array.isArray(entry) ? entry : [];
      return [String(kind), String(value), Number(periods)];
    });
    this.#latest.splice(0, this.#latest.length, ...entries);
  }
}
