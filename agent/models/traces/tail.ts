/**
 * The chance that a normal unit scores so high or higher, from scores of normal units the model had not learnt
 * (conformal: V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005). Of n scores no p-value
 * can be below 1/(n + 1); beyond the highest of them the tail is taken to fall exponentially with the mean excess over
 * the 90 % quantile (J. Pickands, "Statistical inference using extreme order statistics", Annals of Statistics 1975,
 * with shape 0), which is an assumption, and said so by `measured`.
 */
export interface Chance {
  readonly p: number;
  /** Read from scores that were seen, not from the assumed tail. */
  readonly measured: boolean;
}

const TAIL_FROM = 0.9;
/** No model of some hundred normal units can mean less than one in 10^12. */
const LEAST = 2 ** -40;

export class Tail {
  readonly #scores: Float64Array;
  readonly #from: number;
  readonly #excess: number;

  constructor(scores: readonly number[]) {
    this.#scores = Float64Array.from(scores).sort();
    const n = this.#scores.length;
    const at = Math.min(n - 1, Math.floor(n * TAIL_FROM));
    this.#from = this.#scores[at] ?? 0;
    let sum = 0;
    for (const score of this.#scores.subarray(at)) sum += score - this.#from;
    this.#excess = Math.max(1e-9, sum / Math.max(1, n - at));
  }

  get size(): number {
    return this.#scores.length;
  }

  chance(score: number): Chance {
    const n = this.#scores.length;
    const above = n - this.#below(score);
    if (n === 0) return { p: 1, measured: false };
    if (above > 0) return { p: (above + 1) / (n + 1), measured: true };
    const highest = this.#scores[n - 1] ?? 0;
    return { p: Math.max(LEAST, Math.exp(-(score - highest) / this.#excess) / (n + 1)), measured: false };
  }

  /** Scores strictly below. */
  #below(score: number): number {
    let low = 0;
    let high = this.#scores.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#scores[middle] ?? 0) < score) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
