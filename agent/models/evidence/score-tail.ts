/**
 * The bits of a detector's score: -log2 of the share of earlier periods that scored as high or higher, (k + 1) / (n + 1),
 * as in tail.ts. Scores of detectors have no unit; only their order is used. A detector that always scores the same says
 * nothing. Memory: BINS numbers.
 */

const BINS = 256;

export class ScoreTail {
  #periods = 0;
  readonly #bins = new Array<number>(BINS).fill(0);

  get periods(): number {
    return this.#periods;
  }

  learn(score: number): void {
    this.#periods += 1;
    const bin = binOf(score);
    this.#bins[bin] = (this.#bins[bin] ?? 0) + 1;
  }

  add(other: ScoreTail): void {
    this.#periods += other.#periods;
    for (let bin = 0; bin < BINS; bin++) this.#bins[bin] = (this.#bins[bin] ?? 0) + (other.#bins[bin] ?? 0);
  }

  bits(score: number): number {
    let above = 0;
    for (let bin = binOf(score); bin < BINS; bin++) above += this.#bins[bin] ?? 0;
    return Math.log2((this.#periods + 1) / (above + 1));
  }

  /** Periods, then [bin, count] of those that have any. */
  save(): readonly (number | readonly [number, number])[] {
    const bins = [...this.#bins.entries()].filter(([, count]) => count > 0);
    return [this.#periods, ...bins];
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    const [periods, ...bins] = Array.isArray(saved) ? saved : [];
    if (!isCount(periods) || !bins.every(isBin)) throw new TypeError('not a saved tail of scores');
    this.#periods = periods;
    this.#bins.fill(0);
    for (const [bin, count] of bins) this.#bins[bin] = count;
  }
}

/** Of 0 to 1; the last bin is of 1 alone. */
const binOf = (score: number): number => Math.min(BINS - 1, Math.max(0, Math.floor(score * (BINS - 1))));

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isBin(value: unknown): value is [number, number] {
  const [bin, count, ...more] = Array.isArray(value) ? value : [];
  return isCount(bin) && bin < BINS && isCount(count) && more.length === 0;
}
