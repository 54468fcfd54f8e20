/**
 * How rare is a value so large? A histogram over octaves of what was seen, and of a value its *bits*: −log2 of the share
 * of history at least as large. Up to the largest value seen that is the empirical survival function, within a bin taken
 * as uniform in the logarithm; beyond it one bit more per octave, the tail of a Pareto law of index 1 (heavier than what
 * machines' metrics usually show, so that the bits are rather too few; J. Pickands, "Statistical inference using extreme
 * order statistics", Annals of Statistics 1975, on why such tails may be assumed at all).
 *
 * Unit: bits. Memory: 2 bytes per bin and side, made when something other than 0 is first seen (DEFAULT_BINS: 256 bytes
 * a side). Counts are halved when one reaches 65,535, so that very long histories fade.
 */

export interface BinOptions {
  readonly perOctave: number;
  /** log2 of the smallest and largest value told apart. */
  readonly lowest: number;
  readonly highest: number;
}

export const DEFAULT_BINS: BinOptions = { perOctave: 2, lowest: -24, highest: 40 };
/** For what is in bits already: from 1/64 to 1,024. */
export const SCORE_BINS: BinOptions = { perOctave: 16, lowest: -6, highest: 10 };

const MAX_COUNT = 65_535;
/** Weight of the history of the other side: what never went up may yet have moved as far down. */
const OTHER_SIDE = 0.1;
/** And so many octaves less of its reach are granted to this one. */
const OTHER_REACH = 2;
/** Half an observation more extreme than all: no share is 0. */
const PRIOR = 0.5;

/** Of bits, whose mean excess is 1.44 when they are right: less is taken for chance. */
const LEAST_EXCESS = 1 / Math.LN2;

/** Zeros, then [bin, count] for each bin that is not empty. */
export type SavedTail = readonly number[];

export class Tail {
  readonly #options: BinOptions;
  #bins: Uint16Array | null = null;
  #zeros = 0;
  #total = 0;
  /** Highest bin that is not empty; -1: none. */
  #top = -1;

  constructor(options: BinOptions = DEFAULT_BINS) {
    this.#options = options;
  }

  /** Values added, halved with the counts. */
  get total(): number {
    return this.#total;
  }

  /** log2 of the upper end of the highest bin used. */
  get reach(): number {
    return this.#top < 0 ? Number.NEGATIVE_INFINITY : this.#octaveOf(this.#top + 1);
  }

  /** Bytes held for counts. */
  get bytes(): number {
    return this.#bins?.byteLength ?? 0;
  }

  /** @param value not negative */
  add(value: number): void {
    if (!Number.isFinite(value)) return;
    this.#total += 1;
    if (value <= 0) {
      this.#zeros += 1;
      return;
    }
    const { perOctave, lowest, highest } = this.#options;
    this.#bins ??= new Uint16Array((highest - lowest) * perOctave);
    const bin = Math.floor(this.#positionOf(Math.log2(value)));
    const count = (this.#bins[bin] ?? 0) + 1;
    this.#bins[bin] = count;
    if (bin > this.#top) this.#top = bin;
    if (count >= MAX_COUNT) this.halve();
  }

  /** How much of history is at least so large, in observations. */
  above(value: number): number {
    return value <= 0 ? this.#total : this.aboveOctave(Math.log2(value));
  }

  /** The same of a value above 0 by its log2, which costs as much as all the rest. */
  aboveOctave(octave: number): number {
    if (this.#bins === null) return 0;
    const position = this.#positionOf(octave);
    const bin = Math.floor(position);
    let sum = (this.#bins[bin] ?? 0) * (1 - (position - bin));
    for (let i = bin + 1; i <= this.#top; i++) sum += this.#bins[i] ?? 0;
    return sum;
  }

  /** Octaves by which it lies beyond `reach`, or a reach that is given; at least 0. */
  beyond(octave: number, reach = this.reach): number {
    return Math.max(0, octave - Math.max(reach, this.#options.lowest));
  }

  bits(value: number): number {
    if (this.#total === 0 || !(value > 0)) return 0;
    const octave = Math.log2(value);
    return Math.log2((this.#total + PRIOR) / (this.aboveOctave(octave) + PRIOR)) + this.beyond(octave);
  }

  /**
   * The same of a value that is itself in bits, whose tail is exponential: beyond the largest seen, excess over it in units
   * of the mean excess of the upper tenth (S. Coles, "An Introduction to Statistical Modeling of Extreme Values", 2001, 4).
   */
  bitsOfBits(value: number): number {
    const largest = 2 ** this.reach;
    if (this.#total === 0 || !(value > 0)) return 0;
    const within = -Math.log2((this.above(value) + PRIOR) / (this.#total + PRIOR));
    if (!(value > largest)) return within;
    const mean = Math.max(LEAST_EXCESS, (this.quantileAbove(0.01) - this.quantileAbove(0.1)) / Math.LN10);
    return within + (value - largest) / (mean * Math.LN2);
  }

  /** The value that a share of history reaches or exceeds. */
  quantileAbove(share: number): number {
    const wanted = share * this.#total;
    let sum = 0;
    for (let bin = this.#top; bin >= 0; bin--) {
      const count = this.#bins?.[bin] ?? 0;
      if (sum + count > wanted) return 2 ** this.#octaveOf(bin + 1 - (wanted - sum) / count);
      sum += count;
    }
    return 0;
  }

  /** The past counts half. */
  halve(): void {
    this.#zeros = Math.floor(this.#zeros / 2);
    this.#total = this.#zeros;
    for (let i = 0; i <= this.#top; i++) {
      const half = Math.ceil((this.#bins?.[i] ?? 0) / 2);
      if (this.#bins !== null) this.#bins[i] = half;
      this.#total += half;
    }
  }

  save(): SavedTail {
    const saved = [this.#zeros];
    for (let i = 0; i <= this.#top; i++) {
      const count = this.#bins?.[i] ?? 0;
      if (count > 0) saved.push(i, count);
    }
    return saved;
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    const { perOctave, lowest, highest } = this.#options;
    const size = (highest - lowest) * perOctave;
    if (!Array.isArray(saved) || saved.length % 2 !== 1 || !saved.every(isCount))
      throw new TypeError('not a saved tail');
    const [zeros = 0, ...rest] = saved as number[];
    const bins = new Uint16Array(rest.length > 0 ? size : 0);
    let total = zeros;
    let top = -1;
    for (let i = 0; i < rest.length; i += 2) {
      const [bin = 0, count = 0] = rest.slice(i, i + 2);
      if (bin >= size || bin <= top || count >= MAX_COUNT)
        throw new TypeError('a saved tail with a broken bin');
      bins[bin] = count;
      total += count;
      top = bin;
    }
    this.#bins = rest.length > 0 ? bins : null;
    this.#zeros = zeros;
    this.#total = total;
    this.#top = top;
  }

  #positionOf(octave: number): number {
    const { perOctave, lowest, highest } = this.#options;
    const last = (highest - lowest) * perOctave - 1e-9;
    return Math.min(last, Math.max(0, (octave - lowest) * perOctave));
  }

  #octaveOf(position: number): number {
    return position / this.#options.perOctave + this.#options.lowest;
  }
}

/** Deviations up and down apart: what only ever peaks is strange when it drops. */
export class TailBits {
  readonly #up: Tail;
  readonly #down: Tail;

  constructor(options: BinOptions = DEFAULT_BINS) {
    this.#up = new Tail(options);
    this.#down = new Tail(options);
  }

  get total(): number {
    return this.#up.total + this.#down.total;
  }

  get bytes(): number {
    return this.#up.bytes + this.#down.bytes;
  }

  add(deviation: number): void {
    (deviation >= 0 ? this.#up : this.#down).add(Math.abs(deviation));
  }

  bits(deviation: number): number {
    const total = this.total;
    if (total === 0 || deviation === 0 || !Number.isFinite(deviation)) return 0;
    const own = deviation > 0 ? this.#up : this.#down;
    const other = deviation > 0 ? this.#down : this.#up;
    const octave = Math.log2(Math.abs(deviation));
    const above = own.aboveOctave(octave) + OTHER_SIDE * other.aboveOctave(octave);
    const reach = Math.max(own.reach, other.reach - OTHER_REACH);
    return Math.max(0, Math.log2((total + PRIOR) / (above + PRIOR)) + own.beyond(octave, reach));
  }

  /** The deviations between which all but a share of history on each side lies. */
  range(share: number): readonly [number, number] {
    const wanted = share * this.total;
    const quantile = (side: Tail): number => (side.total === 0 ? 0 : side.quantileAbove(wanted / side.total));
    return [-quantile(this.#down), quantile(this.#up)];
  }

  save(): readonly [SavedTail, SavedTail] {
    return [this.#up.save(), this.#down.save()];
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    if (!Array.isArray(saved) || saved.length !== 2) throw new TypeError('not saved tails');
    this.#up.load(saved[0]);
    this.#down.load(saved[1]);
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
