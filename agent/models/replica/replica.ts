/**
 * *replica*: whether a container does what its live siblings do. Siblings run the same image, so that what one of them does
 * alone needs a reason, also in a workload of which nothing is known yet: no history of what is usual is needed, only of how
 * far siblings are apart, of which each window of each sibling is an example.
 *
 * Two distances: of numbers, the mean of the largest few differences to the median of the siblings, in octaves; of facts,
 * how many it has of late that no sibling has. Of each, the bits are -log2 of the share of earlier comparisons that were as
 * far apart, at most what so many can show and a few more; the larger counts, less one for having looked twice.
 *
 * Memory: two histograms.
 */
import type { Detector, Part, Score } from '../detector.ts';
import { type SavedTail, Tail } from '../volume/tail-bits.ts';

/** How far a container is from its siblings, and wherein. */
export interface Comparison {
  readonly siblings: number;
  /** Octaves, of the largest differences of numbers. */
  readonly numbers: number;
  /** Facts that it alone has. */
  readonly facts: number;
  /** In words, most first, numbers and facts. */
  readonly wherein: readonly string[];
}

/** Bits of a score of 1. */
const FULL_BITS = 32;
const MOST_BITS = 16;
const BEYOND_HISTORY = 4;
const TWO_LOOKS = 1;
/** Comparisons until it judges: 80 s of three siblings. */
const ENOUGH = 48;
/** Octaves from an eighth to 64, and facts up to 1024. */
const NUMBERS = { perOctave: 4, lowest: -3, highest: 6 } as const;
const FACTS = { perOctave: 2, lowest: 0, highest: 10 } as const;
/** A factor of 4: less is load that is not shared evenly. */
const LEAST_OCTAVES = 2;
const SHOWN = 5;
const PRIOR = 0.5;
const MAX_BYTES = 4 * 1024;

export class Replica implements Detector<Comparison> {
  readonly name = 'replica';
  readonly maxBytes = MAX_BYTES;
  #learnt = 0;
  readonly #numbers = new Tail(NUMBERS);
  readonly #facts = new Tail(FACTS);

  get learnt(): number {
    return this.#learnt;
  }

  learn({ numbers, facts }: Comparison): void {
    this.#learnt += 1;
    if (numbers > 0) this.#numbers.add(numbers);
    if (facts > 0) this.#facts.add(facts);
  }

  score({ siblings, numbers, facts, wherein }: Comparison): Score {
    if (this.#learnt < ENOUGH)
      return { state: 'unknown', reason: `${this.#learnt} of ${ENOUGH} comparisons` };
    const apart = numbers < LEAST_OCTAVES ? 0 : this.#bits(this.#numbers, numbers);
    const alone = this.#bits(this.#facts, facts);
    const most = Math.min(MOST_BITS, Math.log2(this.#learnt) + BEYOND_HISTORY);
    const bits = Math.max(0, Math.min(most, Math.max(apart, alone)) - TWO_LOOKS);
    const share = bits / FULL_BITS;
    return {
      state: 'scored',
      score: share,
      reason: `As far from its ${siblings} live sibling(s) as one in ${Math.round(2 ** bits)}, of ${this.#learnt} comparisons.`,
      parts: bits === 0 ? [] : wherein.slice(0, SHOWN).map((what): Part => ({ what, share })),
    };
  }

  save(): unknown {
    return [this.#learnt, this.#numbers.save(), this.#facts.save()];
  }

  load(saved: unknown): void {
    const [learnt, numbers, facts] = Array.isArray(saved) ? saved : [];
    if (!Number.isSafeInteger(learnt)) throw new TypeError('not a saved replica model');
    const checked: [Tail, SavedTail][] = [
      [new Tail(NUMBERS), numbers],
      [new Tail(FACTS), facts],
    ];
    for (const [tail, of] of checked) tail.load(of);
    this.#numbers.load(numbers);
    this.#facts.load(facts);
    this.#learnt = learnt;
  }

  #bits(tail: Tail, value: number): number {
    if (!(value > 0)) return 0;
    const octave = Math.log2(value);
    const share = Math.min(1, (tail.aboveOctave(octave) + PRIOR) / (this.#learnt + PRIOR));
    return -Math.log2(share) + tail.beyond(octave);
  }
}

/** What a score is worth, bits. */
export const bitsOfReplica = (score: number): number => score * FULL_BITS;
