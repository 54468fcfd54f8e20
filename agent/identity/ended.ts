/**
 * Processes that have ended, in the order in which that was told, until nothing asks for them any more: records of them that
 * come late, and the judgement of the window in which they acted. Without it their tables fill with what is no more.
 */

/**
 * Recorded time, ns. Rings are read five times a second and events wait for their container for 2 s at most; what judges a
 * window asks at its end, before anything is forgotten.
 */
export const ENDED_NS = 60_000_000_000n;
/** Who acts for so long after the end of his first thread lives on in others, ns: nobody tells of theirs. */
const LIVES_ON_NS = 1_000_000_000n;
/** As many as processes are known. What goes beyond stays known until its place is needed. */
const MAX_ENDED = 16_384;

export class Ended {
  readonly #at = new Map<string, bigint>();

  get size(): number {
    return this.#at.size;
  }

  /** Also of one that is not known yet: its end may come before its other records, which take another way. */
  note(key: string, time: bigint): void {
    this.#at.delete(key);
    this.#at.set(key, time);
    const [oldest] = this.#at.keys();
    if (this.#at.size > MAX_ENDED && oldest !== undefined) this.#at.delete(oldest);
  }

  /** A record of the process that is no end. */
  acted(key: string, time: bigint): void {
    const at = this.#at.get(key);
    if (at !== undefined && time - at > LIVES_ON_NS) this.#at.delete(key);
  }

  /** One that ended for long enough, once; undefined: none. */
  next(now: bigint): string | undefined {
    for (const [key, at] of this.#at) {
      if (now - at < ENDED_NS) return undefined;
      this.#at.delete(key);
      return key;
    }
    return undefined;
  }
}
