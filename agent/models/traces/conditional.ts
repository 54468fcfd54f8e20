/**
 * How many robust spreads a value lies above what is usual: among all reference units, or among those most like it in
 * length and variety. A long trace of many different calls surprises every model more than a short monotonous one;
 * without the second form, strange short traces hide behind normal long ones (conditional anomaly detection: X. Song,
 * M. Wu, C. Jermaine, S. Ranka, IEEE TKDE 2007; here by nearest neighbours instead of a mixture).
 */

/** Reference units compared with: enough for a median and a spread, few enough to be alike. */
const NEIGHBOURS = 50;
/** Standard deviations per median absolute deviation under a normal distribution. */
const MAD = 1.4826;
/** A spread is at least this share of the standard deviation: half the units may be equal. */
const LEAST_OF_DEVIATION = 0.3;
/** A spread among neighbours is at least this share of the spread among all. */
const LEAST_OF_ALL = 0.15;
const LEAST = 1e-4;

interface Usual {
  readonly median: number;
  readonly spread: number;
}

const middle = (values: Float64Array): number => values.sort()[values.length >> 1] ?? 0;

export function usualOf(values: Float64Array): Usual {
  const median = middle(values.slice());
  let squares = 0;
  let sum = 0;
  for (const value of values) {
    sum += value;
    squares += (value - median) ** 2;
  }
  // Around the mean, from the sum around the median.
  const deviation = Math.sqrt(Math.max(0, squares / values.length - (sum / values.length - median) ** 2));
  const mad = MAD * middle(values.map((value) => Math.abs(value - median)));
  return { median, spread: Math.max(mad, LEAST_OF_DEVIATION * deviation, LEAST) };
}

/** Columns of equal length, one per value; `traits` are what units are alike in. */
export class Reference {
  readonly #columns: readonly Float64Array[];
  readonly #traits: readonly Float64Array[];
  readonly #usual: readonly Usual[];
  readonly #scales: readonly number[];
  readonly size: number;

  constructor(columns: readonly Float64Array[], traits: readonly Float64Array[]) {
    this.#columns = columns;
    this.#traits = traits;
    this.size = columns[0]?.length ?? 0;
    this.#usual = columns.map(usualOf);
    this.#scales = traits.map((trait) => {
      const mean = trait.reduce((sum, value) => sum + value, 0) / Math.max(1, trait.length);
      const squares = trait.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      return Math.sqrt(squares / Math.max(1, trait.length)) || 1;
    });
  }

  /** Among all. */
  z(column: number, value: number): number {
    const { median, spread } = this.#usual[column] ?? { median: 0, spread: 1 };
    return (value - median) / spread;
  }

  /** The `count` units most alike, in the order they were learnt; `but` is left out. */
  alike(traits: Float64Array, but = -1, count = NEIGHBOURS): Uint32Array {
    const distances = new Float64Array(this.size);
    for (const [at, trait] of this.#traits.entries()) {
      const scale = this.#scales[at] ?? 1;
      const mine = traits[at] ?? 0;
      for (let unit = 0; unit < this.size; unit++)
        distances[unit] = (distances[unit] ?? 0) + (((trait[unit] ?? 0) - mine) / scale) ** 2;
    }
    if (but >= 0) distances[but] = Number.POSITIVE_INFINITY;
    const wanted = Math.min(count, but >= 0 ? this.size - 1 : this.size);
    const limit = distances.slice().sort()[wanted - 1] ?? 0;
    const units: number[] = [];
    // Closer ones first, so that units at the very limit only fill up, in the order they were learnt.
    for (let unit = 0; unit < this.size; unit++) if ((distances[unit] ?? 0) < limit) units.push(unit);
    for (let unit = 0; unit < this.size && units.length < wanted; unit++)
      if (distances[unit] === limit) units.push(unit);
    return Uint32Array.from(units);
  }

  /** Among those. */
  zAmong(units: Uint32Array, column: number, value: number): number {
    if (units.length === 0) return this.z(column, value);
    const values = this.#columns[column] ?? new Float64Array(0);
    const { median, spread } = usualOf(Float64Array.from(units, (unit) => values[unit] ?? 0));
    const all = this.#usual[column]?.spread ?? 0;
    return (value - median) / Math.max(spread, LEAST_OF_ALL * all);
  }
}
