/**
 * A threshold for a score in bits that goes with slow drift and not with an alarm that lasts: the larger of a floor and
 * the quantile of what was seen, in which what exceeded the threshold weighs a tenth. So an anomaly of a tenth of all rows
 * is still above it, while a series that became restless for good is not alarmed for ever.
 *
 * Unit: bits. Memory: 800 numbers.
 */
const FLOOR_BITS = 8;
const SHARE_ABOVE = 0.01;
const EXCEEDING = 0.1;
/** What was learnt weighs as so many rows. */
const PRIOR_ROWS = 2000;
const PER_BIT = 20;
const MOST_BITS = 40;

export class RunningThreshold {
  readonly #bins = new Float64Array(PER_BIT * MOST_BITS);
  #total = 0;

  /** @param learnt scores of rows that are usual, each from before it was learnt */
  constructor(learnt: Iterable<number> = []) {
    for (const bits of learnt) this.#add(bits, 1);
    const factor = this.#total === 0 ? 0 : PRIOR_ROWS / this.#total;
    for (let i = 0; i < this.#bins.length; i++) this.#bins[i] = (this.#bins[i] ?? 0) * factor;
    this.#total *= factor;
  }

  get value(): number {
    let above = 0;
    for (let bin = this.#bins.length - 1; bin >= FLOOR_BITS * PER_BIT; bin--) {
      above += this.#bins[bin] ?? 0;
      if (above > SHARE_ABOVE * this.#total) return bin / PER_BIT;
    }
    return FLOOR_BITS;
  }

  /** Whether such a score is an alarm now; then it is counted. */
  pass(bits: number): boolean {
    const alarm = bits > this.value;
    this.#add(bits, alarm ? EXCEEDING : 1);
    return alarm;
  }

  #add(bits: number, weight: number): void {
    const bin = Math.min(this.#bins.length - 1, Math.max(0, Math.floor(bits * PER_BIT)));
    this.#bins[bin] = (this.#bins[bin] ?? 0) + weight;
    this.#total += weight;
  }
}
