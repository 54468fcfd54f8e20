/**
 * Quantiles of values from 1 to 2^53: DDSketch (Masson et al., VLDB 2019). A quantile is off by at most 1 % of the value
 * itself. Values below 1 count as 0. At most 1,839 bins, which is the whole range, so none is ever joined with another
 * and merging loses nothing; in practice some 20 to 200 bins of 2 or 3 bytes.
 */
import { NumberReader, SketchError, writeNumber } from './bytes.ts';

const ACCURACY = 0.01;
const GAMMA = (1 + ACCURACY) / (1 - ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
const binOf = (value: number): number => Math.ceil(Math.log(value) / LOG_GAMMA);
const LAST_BIN = binOf(Number.MAX_SAFE_INTEGER);

export class Quantiles {
  static readonly kind = 'quantiles';
  static readonly version = 1;
  static readonly params = 'dd,accuracy=0.01';
  #zeros = 0;
  readonly #bins = new Map<number, number>();

  add(value: number): void {
    if (!(value >= 1)) this.#zeros += 1;
    else this.#count(binOf(Math.min(value, Number.MAX_SAFE_INTEGER)), 1);
  }

  merge(other: Quantiles): void {
    this.#zeros = sum(this.#zeros, other.#zeros);
    for (const [bin, count] of other.#bins) this.#count(bin, count);
  }

  get count(): number {
    return [...this.#bins.values()].reduce(sum, this.#zeros);
  }

  get empty(): boolean {
    return this.#zeros === 0 && this.#bins.size === 0;
  }

  /** The value below which the part `q`, 0 to 1, of them lies; null without values. */
  quantile(q: number): number | null {
    if (this.empty) return null;
    const rank = q * (this.count - 1);
    let seen = this.#zeros;
    if (seen > rank) return 0;
    for (const [bin, count] of this.#sorted()) {
      seen += count;
      if (seen > rank) return (2 * GAMMA ** bin) / (GAMMA + 1);
    }
    return (2 * GAMMA ** LAST_BIN) / (GAMMA + 1);
  }

  /** Zeros, then each bin in order: how far after the one before, and its count. */
  encode(): Uint8Array {
    const bytes: number[] = [];
    writeNumber(bytes, this.#zeros);
    let before = 0;
    for (const [bin, count] of this.#sorted()) {
      writeNumber(bytes, bin - before);
      writeNumber(bytes, count);
      before = bin;
    }
    return Uint8Array.from(bytes);
  }

  /** @throws SketchError */
  static decode(bytes: Uint8Array): Quantiles {
    const made = new Quantiles();
    const reader = new NumberReader(bytes);
    made.#zeros = reader.next();
    for (let bin = 0; !reader.done; ) {
      const step = reader.next();
      const count = reader.next();
      bin += step;
      if (bin > LAST_BIN || count === 0 || made.#bins.has(bin))
        throw new SketchError(`bin ${bin}: ${count} values`);
      made.#bins.set(bin, count);
    }
    return made;
  }

  #count(bin: number, count: number): void {
    this.#bins.set(bin, sum(this.#bins.get(bin) ?? 0, count));
  }

  #sorted(): [number, number][] {
    return [...this.#bins].sort(([a], [b]) => a - b);
  }
}

const sum = (a: number, b: number): number => Math.min(a + b, Number.MAX_SAFE_INTEGER);
