/** The suspects of a workload: pairs of system calls apart from the others, as one strange program brings pairs by the dozen. */
import type { Fact } from '../features/fact.ts';
import { type SavedSuspect, Suspects } from './suspects.ts';

const MAX_SUSPECTS = 512;
const MAX_SUSPECT_PAIRS = 1024;
/** Bytes of each of the two when saved. */
const SUSPECT_BYTES = 24 * 1024;

export class Suspicions {
  readonly #others = new Suspects(MAX_SUSPECTS, SUSPECT_BYTES);
  readonly #pairs = new Suspects(MAX_SUSPECT_PAIRS, SUSPECT_BYTES);

  get size(): number {
    return this.#others.size + this.#pairs.size;
  }

  /** Among which the fact is, or would be. */
  of({ kind }: Fact): Suspects {
    return kind === 'pair' ? this.#pairs : this.#others;
  }

  save(): SavedSuspect[] {
    return [...this.#others.save(), ...this.#pairs.save()];
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    if (!Array.isArray(saved)) throw new TypeError('a saved baseline without suspects');
    this.#others.clear();
    this.#pairs.clear();
    for (const entry of saved.slice(0, MAX_SUSPECTS + MAX_SUSPECT_PAIRS))
      (Array.isArray(entry) && entry[0] === 'pair' ? this.#pairs : this.#others).load(entry);
  }
}
