/** Two models of one kind on the same windows: the one that speaks, and one that is only looked at. */

/** A window of so many bits would be told. */
export const TOLD_BITS = 8;

export interface Comparison {
  readonly windows: number;
  /** Windows that either would tell, and both. */
  readonly live: number;
  readonly other: number;
  readonly both: number;
  /** Mean bits. */
  readonly liveBits: number;
  readonly otherBits: number;
}

export class Trial {
  #windows = 0;
  #live = 0;
  #other = 0;
  #both = 0;
  #liveSum = 0;
  #otherSum = 0;

  note(live: number, other: number): void {
    this.#windows += 1;
    if (live >= TOLD_BITS) this.#live += 1;
    if (other >= TOLD_BITS) this.#other += 1;
    if (live >= TOLD_BITS && other >= TOLD_BITS) this.#both += 1;
    this.#liveSum += live;
    this.#otherSum += other;
  }

  get comparison(): Comparison {
    const windows = this.#windows;
    const mean = (total: number): number => Math.round((100 * total) / Math.max(1, windows)) / 100;
    const [live, other, both] = [this.#live, this.#other, this.#both];
    return { windows, live, other, both, liveBits: mean(this.#liveSum), otherBits: mean(this.#otherSum) };
  }

  save(): readonly number[] {
    const sums = [this.#liveSum, this.#otherSum].map((total) => Math.round(total * 100) / 100);
    return [this.#windows, this.#live, this.#other, this.#both, ...sums];
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    if (
      !Array.isArray(saved) ||
      saved.length !== 6 ||
      !saved.every((count) => Number.isFinite(count) && count >= 0)
    )
      throw new TypeError('not a saved comparison of models');
    const [windows, live, other, both, liveSum, otherSum] = saved as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    this.#windows = windows;
    this.#live = live;
    this.#other = other;
    this.#both = both;
    this.#liveSum = liveSum;
    this.#otherSum = otherSum;
  }
}
