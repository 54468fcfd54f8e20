/**
 * Whether what a detector says is still spread as it was: the population stability index of an hour of windows beside those
 * after which it was taken as known, Σ (r − q) · ln(r / q) over bins of bits. From 0.25 on it is called a shift by custom (N. Siddiqi,
 * "Credit Risk Scorecards", 2006). By chance it is (1/n + 1/m) times a chi-squared value of BINS − 1 degrees (B. Yurdakul,
 * J. Naranjo, Journal of Risk Model Validation 2020): of 720 windows each, below 0.09 in 999 of 1,000 cases. Windows that
 * follow each other are alike, so that two hours on end have to be shifted.
 *
 * Memory: 2 × BINS numbers.
 */

/** One per bit; what is above counts in the last. */
const BINS = 12;
/** Windows of one comparison: an hour of one container. */
export const BLOCK = 720;
export const SHIFTED = 0.25;
const ON_END = 2;
/** Added to each bin, so that an empty one is no infinity. */
const PRIOR = 0.5;

export class Drift {
  readonly #reference: number[] = new Array<number>(BINS).fill(0);
  readonly #recent: number[] = new Array<number>(BINS).fill(0);
  /** Of the last whole block; null: there was none. */
  #index: number | null = null;
  /** Shifted blocks on end. */
  #shifted = 0;

  note(bits: number): void {
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor(bits)));
    const known = sum(this.#reference) >= BLOCK;
    const bins = known ? this.#recent : this.#reference;
    bins[bin] = (bins[bin] ?? 0) + 1;
    if (!known || sum(this.#recent) < BLOCK) return;
    this.#index = stability(this.#reference, this.#recent);
    this.#shifted = this.#index > SHIFTED ? this.#shifted + 1 : 0;
    this.#recent.fill(0);
  }

  /** Population stability index of the last whole block; null: none yet. */
  get index(): number | null {
    return this.#index;
  }

  get drifted(): boolean {
    return this.#shifted >= ON_END;
  }

  /** What is usual is looked at anew: the model was changed. */
  renew(): void {
    this.#reference.fill(0);
    this.#recent.fill(0);
    this.#index = null;
    this.#shifted = 0;
  }

  save(): readonly [readonly number[], readonly number[], number | null, number] {
    return [[...this.#reference], [...this.#recent], this.#index, this.#shifted];
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    const [reference, recent, index, shifted] = Array.isArray(saved) ? saved : [];
    if (!isBins(reference) || !isBins(recent) || !Number.isSafeInteger(shifted))
      throw new TypeError('not a saved drift');
    if (index !== null && !Number.isFinite(index)) throw new TypeError('a saved drift without its index');
    for (let bin = 0; bin < BINS; bin++) {
      this.#reference[bin] = reference[bin] ?? 0;
      this.#recent[bin] = recent[bin] ?? 0;
    }
    this.#index = index;
    this.#shifted = shifted;
  }
}

/** Population stability index of two histograms. */
export function stability(reference: readonly number[], recent: readonly number[]): number {
  const [n, m] = [sum(reference) + PRIOR * BINS, sum(recent) + PRIOR * BINS];
  let index = 0;
  for (let bin = 0; bin < BINS; bin++) {
    const q = ((reference[bin] ?? 0) + PRIOR) / n;
    const r = ((recent[bin] ?? 0) + PRIOR) / m;
    index += (r - q) * Math.log(r / q);
  }
  return index;
}

const sum = (bins: readonly number[]): number => bins.reduce((total, count) => total + count, 0);

const isBins = (value: unknown): value is number[] =>
  Array.isArray(value) &&
  value.length === BINS &&
  value.every((count) => Number.isSafeInteger(count) && count >= 0);
