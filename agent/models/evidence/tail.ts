/**
 * How many bits a number of bits is worth, by the history of what came before. A period's evidence is -log2 of a
 * probability that rests on models: of facts that are new, on how often anything new comes; of several at once, on how
 * they hang together. Where that is too bold, history shows it: of n periods, more than n·2^-b had b bits or more. The
 * excess at any level up to the one that is asked about is taken off. Beyond the highest evidence that was seen the models
 * speak alone, less the same excess: ten minutes of history cannot show what comes once a week, and do not claim to.
 *
 * The probability that a period has b bits or more is taken as (k + 1) / (n + 1) for k of n, which for periods that could
 * have come in any order is a p-value (V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005).
 *
 * One period says little of what is rarer than once in as many periods as there were: it enters with at most log2(n) and
 * BEYOND bits, so that alone it takes off BEYOND + 1 bits of any later evidence, and what comes back takes off more each time
 * it doubles (bounded influence: F. Hampel, "The influence curve and its role in robust estimation", JASA 1974). Without it
 * one window of an intruder that stayed below the budget hides all that he does later, the more the stronger it was.
 *
 * Memory: BINS numbers.
 */

/** One per bit; what is above counts in the last. */
const BINS = 48;
/** Of periods, from which on a workload's own history says enough: the excess at 7 bits can be seen. */
export const ENOUGH = 120;
/** Bits that one period may say beyond what as many periods can show. */
const BEYOND = 1;

export class Tail {
  #periods = 0;
  readonly #bins = new Array<number>(BINS).fill(0);

  get periods(): number {
    return this.#periods;
  }

  /** One more period, whose evidence was so strong; 0 where there was none. */
  learn(bits: number): void {
    this.#periods += 1;
    const most = Math.log2(Math.max(ENOUGH, this.#periods)) + BEYOND;
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor(Math.min(bits, most))));
    this.#bins[bin] = (this.#bins[bin] ?? 0) + 1;
  }

  /** Adds what another one has learnt. */
  add(other: Tail): void {
    this.#periods += other.#periods;
    for (let bin = 0; bin < BINS; bin++) this.#bins[bin] = (this.#bins[bin] ?? 0) + (other.#bins[bin] ?? 0);
  }

  /** Bits too many, at the worst level up to the one given; 0 where history does not contradict. */
  excess(bits: number): number {
    let [above, worst] = [0, 0];
    const top = Math.min(BINS - 1, Math.floor(bits));
    const counts: number[] = [];
    for (let bin = BINS - 1; bin >= 0; bin--) {
      above += this.#bins[bin] ?? 0;
      counts[bin] = above;
    }
    for (let bin = 1; bin <= top; bin++) {
      const count = counts[bin] ?? 0;
      if (count > 0) worst = Math.max(worst, bin + Math.log2((count + 1) / (this.#periods + 1)));
    }
    return worst;
  }

  save(): readonly number[] {
    return [this.#periods, ...this.#bins];
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    if (!Array.isArray(saved) || saved.length !== BINS + 1 || !saved.every(isCount))
      throw new TypeError('not a saved tail');
    const [periods, ...bins] = saved;
    this.#periods = periods ?? 0;
    for (let bin = 0; bin < BINS; bin++) this.#bins[bin] = bins[bin] ?? 0;
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
