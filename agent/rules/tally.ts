/** How often something happened of late, by whom: what a rule with `count` remembers. */

/** Actors remembered per rule, and values per actor; the longest unused leave first. */
const MAX_ACTORS = 1024;
const MAX_VALUES = 256;

interface Actor {
  /** Value → when it was met last, in that order, ns. */
  readonly met: Map<string, bigint>;
  /** Told since the count fell below. */
  told: boolean;
  /** Makes values of repeated things distinct. */
  serial: number;
}

export class Tally {
  /** Actors forgotten for want of room. */
  evicted = 0;
  readonly #atLeast: number;
  readonly #withinNs: bigint;
  readonly #actors = new Map<string, Actor>();

  constructor({ atLeast, withinNs }: { atLeast: number; withinNs: bigint }) {
    this.#atLeast = atLeast;
    this.#withinNs = withinNs;
  }

  /** Whether with this the number is reached, which is said once until it was less again. `value` null: each is one. */
  add(actor: string, value: string | null, time: bigint): boolean {
    const known = this.#actor(actor);
    for (const [old, at] of known.met) {
      if (time - at <= this.#withinNs) break;
      known.met.delete(old);
    }
    if (known.met.size < this.#atLeast) known.told = false;
    const key = value ?? String(known.serial++);
    known.met.delete(key);
    known.met.set(key, time);
    if (known.met.size > Math.max(MAX_VALUES, this.#atLeast)) {
      const [oldest = ''] = known.met.keys();
      known.met.delete(oldest);
    }
    if (known.told || known.met.size < this.#atLeast) return false;
    known.told = true;
    return true;
  }

  #actor(name: string): Actor {
    const known = this.#actors.get(name) ?? { met: new Map(), told: false, serial: 0 };
    this.#actors.delete(name);
    this.#actors.set(name, known);
    if (this.#actors.size > MAX_ACTORS) {
      const [oldest = ''] = this.#actors.keys();
      this.#actors.delete(oldest);
      this.evicted += 1;
    }
    return known;
  }
}
