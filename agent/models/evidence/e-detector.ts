/**
 * Evidence over time, so that a promise on false alarms holds however long one looks on.
 *
 * A fixed p-value that is tested in every window gives an alarm in the end for certain. An e-value is a bet against "all
 * as ever": its expectation is at most 1 while that is true. The Shiryaev-Roberts sum of e-values, M = (1 + M)·e, is an
 * e-detector: while all is as ever its expectation after n periods is at most n, and so the expected number of periods
 * until it passes a bound B is at least B (J. Shin, A. Ramdas, A. Rinaldo, "E-detectors: a nonparametric framework for
 * sequential change detection", 2023; Theorem 2.4). That holds without independence of the periods, if each e-value is
 * fair given the periods before it.
 *
 * A period's evidence of b bits is a p-value of 2^-b. It becomes an e-value by a calibrator, a falling function f of p
 * whose integral over 0..1 is 1 (V. Vovk, R. Wang, "E-values: calibration, combination and applications", 2021, 2.1). We
 * take f(p) = min(1/p, 2^K) / (1 + K ln 2): the reciprocal, cut at the smallest p that we believe, which costs a fixed
 * log2(1 + K ln 2) = 4.1 bits whatever the evidence. Of the stake a share goes into the bet and the rest is kept, so that
 * quiet periods cost little: with half at stake it forgets by a bit a period and one strong fact weighs most; with 1/16
 * many weak ones add up over minutes. The mean of two e-detectors is one, so both are run.
 *
 * What lasts over periods, as a surge, is one bet whose p-value falls while it grows: what it brought so far, with what became
 * of that since, is taken back when it is told again with what it has come to. The sums are linear in what each period
 * brought, so that nothing else is touched. The p-value of its end is fair, those before were larger, and so is each of them.
 *
 * Memory: two numbers, and two of each of at most MAX_LASTING bets that last. Assumes that the bits are calibrated (tail.ts).
 */

/** Evidence beyond this is not believed: p-values below 2^-24 rest on the model alone. */
export const MOST_BITS = 24;
const COST = 1 + MOST_BITS * Math.LN2;
const STAKES = [7 / 8, 1 / 16] as const;

/** E-value of a period with so many bits of evidence. */
export const eValue = (bits: number): number => 2 ** Math.min(Math.max(bits, 0), MOST_BITS) / COST;

/** A bet that lasts, as it stands with it and would without. */
export interface Lasting {
  readonly name: string;
  /** It takes the place of what it brought before. */
  readonly again: boolean;
  /** Bits of the period without it. */
  readonly otherBits: number;
}

/** More than there are surges; of the oldest it is forgotten what they brought. */
export const MAX_LASTING = 64;

export class EDetector {
  #sums: readonly number[] = STAKES.map(() => 0);
  /** Of these what each bet that lasts brought. */
  #brought = new Map<string, readonly number[]>();

  /** What it would stand at, were the period to end with such evidence. */
  with(bits: number, lasting: Lasting | null = null): number {
    const after = this.#after(bits, lasting);
    return after.reduce((sum, each) => sum + each, 0) / after.length;
  }

  /** Evidence that one period would need to pass the bound, bits; infinite where no single period could. */
  needs(bound: number): number {
    if (this.with(MOST_BITS) < bound) return Number.POSITIVE_INFINITY;
    let [low, high] = [0, MOST_BITS];
    while (high - low > 0.01) {
      const middle = (low + high) / 2;
      if (this.with(middle) >= bound) high = middle;
      else low = middle;
    }
    return high;
  }

  /** The period ends. */
  end(bits: number, lasting: Lasting | null = null): void {
    const after = this.#after(bits, lasting);
    const without = lasting === null ? after : this.#after(lasting.otherBits, lasting);
    for (const [name, brought] of this.#brought)
      this.#brought.set(
        name,
        brought.map((each, i) => each * factor(STAKES[i] ?? 0, bits)),
      );
    this.#sums = after;
    if (lasting === null) return;
    this.#brought.delete(lasting.name);
    this.#brought.set(
      lasting.name,
      after.map((sum, i) => sum - (without[i] ?? 0)),
    );
    const [oldest] = this.#brought.keys();
    if (this.#brought.size > MAX_LASTING && oldest !== undefined) this.#brought.delete(oldest);
  }

  /** An alarm was raised: it begins anew. */
  reset(): void {
    this.#sums = STAKES.map(() => 0);
    this.#brought.clear();
  }

  #after(bits: number, lasting: Lasting | null): number[] {
    const taken = lasting?.again ? this.#brought.get(lasting.name) : undefined;
    return STAKES.map((stake, i) => {
      const before = (this.#sums[i] ?? 0) - (taken?.[i] ?? 0);
      return (1 + Math.max(0, before)) * factor(stake, bits);
    });
  }
}

const factor = (stake: number, bits: number): number => 1 - stake + stake * eValue(bits);
