/**
 * What comes back at a regular time: exec probes. A command is regular once REGULAR intervals in a row differ from the one
 * before by less than TOLERANCE of it and JITTER_NS (kubelet runs a probe each `periodSeconds`, with the jitter of a busy
 * node, which is the same for long periods). One that stays away for longer than MISSED intervals is no longer.
 */

const REGULAR = 2;
const TOLERANCE = 0.3;
/** What people do every few minutes comes at intervals alike by chance, but seldom to the second. */
const JITTER_NS = 3_000_000_000n;
/** Intervals below this are no rhythm but a loop, ns: the shortest `periodSeconds` is one. */
const SHORTEST_NS = 800_000_000n;
const MISSED = 4n;
/** Commands remembered, the longest not seen leaving first. */
const MAX_COMMANDS = 2048;

interface Beat {
  lastNs: bigint;
  intervalNs: bigint;
  regular: number;
}

export class Rhythm {
  readonly #beats = new Map<string, Beat>();

  /** Notes the command; the interval at which it comes, ns, or null while it has none. */
  note(command: string, timeNs: bigint): bigint | null {
    const beat = this.#beats.get(command) ?? { lastNs: timeNs, intervalNs: 0n, regular: 0 };
    this.#put(command, beat);
    const interval = timeNs - beat.lastNs;
    if (interval <= 0n) return null;
    const off = interval > beat.intervalNs ? interval - beat.intervalNs : beat.intervalNs - interval;
    const like =
      Number(off) <= TOLERANCE * Number(beat.intervalNs) && off <= JITTER_NS && interval >= SHORTEST_NS;
    if (beat.regular >= REGULAR && interval <= beat.intervalNs * MISSED && interval >= beat.intervalNs / 2n) {
      beat.lastNs = timeNs;
      return beat.intervalNs;
    }
    beat.regular = like ? beat.regular + 1 : 0;
    beat.intervalNs = interval;
    beat.lastNs = timeNs;
    return beat.regular >= REGULAR ? interval : null;
  }

  #put(command: string, beat: Beat): void {
    this.#beats.delete(command);
    this.#beats.set(command, beat);
    const [oldest] = this.#beats.keys();
    if (this.#beats.size > MAX_COMMANDS && oldest !== undefined) this.#beats.delete(oldest);
  }
}
