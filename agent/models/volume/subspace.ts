/**
 * Do the metrics still go together? The space of the first principal components, which hold 90 % of the variance, is
 * what is usual; what a row has outside it is its residual (A. Lakhina, M. Crovella, C. Diot, "Diagnosing network-wide
 * traffic anomalies", SIGCOMM 2004), and its Mahalanobis distance within says whether it is far along usual directions
 * (H. Hotelling, 1931). Assumes roughly linear relations between the values it is given.
 *
 * Mean and covariance are running sums; the components are computed anew when the number of rows has doubled, then every
 * REFIT rows. Values are standardised and cut at ±CUT, so that one wild row decides nothing. Memory: 3 × size² numbers
 * (38 metrics: 35 KB).
 */
import { eigenOf } from './eigen.ts';

const KEPT_VARIANCE = 0.9;
const CUT = 10;
/** A metric that never varied: any change is as much. */
const CHANGE_OF_CONSTANT = 3;
const FIRST_FIT = 64;
const REFIT = 16_384;

export interface Distances {
  /** Length of what lies outside the usual space, in standard deviations. */
  readonly outside: number;
  /** Squared Mahalanobis distance within. */
  readonly within: number;
}

interface Component {
  readonly vector: Float64Array;
  readonly value: number;
}

export interface SavedSubspace {
  readonly count: number;
  readonly fitAt: number;
  readonly mean: readonly number[];
  readonly square: readonly number[];
  /** Lower triangle of the sums of products, row by row. */
  readonly products: readonly number[];
  /** Value, then vector, of each component that is kept. */
  readonly components: readonly (readonly number[])[];
}

export class Subspace {
  readonly size: number;
  #count = 0;
  #fitAt = FIRST_FIT;
  /** Running sums of values and of squares. */
  readonly #sum: Float64Array;
  readonly #squares: Float64Array;
  /** Of standardised values, by what was known when each came. */
  readonly #products: Float64Array;
  readonly #row: Float64Array;
  #components: Component[] = [];

  constructor(size: number) {
    this.size = size;
    this.#sum = new Float64Array(size);
    this.#squares = new Float64Array(size);
    this.#products = new Float64Array(size * size);
    this.#row = new Float64Array(size);
  }

  get ready(): boolean {
    return this.#components.length > 0;
  }

  get bytes(): number {
    return 8 * (this.#products.length + 3 * this.size + this.#components.length * (this.size + 1));
  }

  /** @param values NaN: not known, taken as usual */
  distances(values: Float64Array): Distances {
    const row = this.#standardised(values);
    let outside = 0;
    for (const value of row) outside += value * value;
    let within = 0;
    for (const { vector, value } of this.#components) {
      let length = 0;
      for (let j = 0; j < row.length; j++) length += (row[j] ?? 0) * (vector[j] ?? 0);
      outside -= length * length;
      within += (length * length) / value;
    }
    return { outside: Math.sqrt(Math.max(0, outside)), within };
  }

  /** Whether the components are others now. */
  learn(values: Float64Array): boolean {
    for (let j = 0; j < this.size; j++) {
      const known = values[j] ?? Number.NaN;
      const value = Number.isFinite(known) ? known : this.#meanOf(j);
      this.#sum[j] = (this.#sum[j] ?? 0) + value;
      this.#squares[j] = (this.#squares[j] ?? 0) + value * value;
    }
    this.#count += 1;
    const row = this.#standardised(values);
    for (let p = 0; p < this.size; p++) {
      const left = row[p] ?? 0;
      if (left === 0) continue;
      for (let q = 0; q <= p; q++)
        this.#products[p * this.size + q] = short(
          (this.#products[p * this.size + q] ?? 0) + left * (row[q] ?? 0),
        );
    }
    if (this.#count < this.#fitAt) return false;
    this.#fitAt = this.#count + Math.min(this.#count, REFIT);
    this.#fit();
    return true;
  }

  save(): SavedSubspace {
    const products: number[] = [];
    for (let p = 0; p < this.size; p++)
      for (let q = 0; q <= p; q++) products.push(this.#products[p * this.size + q] ?? 0);
    return {
      count: this.#count,
      fitAt: this.#fitAt,
      mean: [...this.#sum],
      square: [...this.#squares],
      products,
      components: this.#components.map(({ value, vector }) => [value, ...vector]),
    };
  }

  /** @throws TypeError when it is not what `save` gave for as many metrics. */
  load(saved: unknown): void {
    const { count, fitAt, mean, square, products, components } = (saved ?? {}) as Record<string, unknown>;
    const triangle = (this.size * (this.size + 1)) / 2;
    if (!Number.isSafeInteger(count) || !Number.isSafeInteger(fitAt))
      throw new TypeError('not a saved subspace');
    if (!isVector(mean, this.size) || !isVector(square, this.size) || !isVector(products, triangle))
      throw new TypeError('a saved subspace of another size');
    if (!Array.isArray(components) || components.length > this.size)
      throw new TypeError('a saved subspace without components');
    if (!components.every((component) => isVector(component, this.size + 1)))
      throw new TypeError('a saved subspace with a broken component');
    this.#count = count as number;
    this.#fitAt = fitAt as number;
    this.#sum.set(mean);
    this.#squares.set(square);
    let at = 0;
    for (let p = 0; p < this.size; p++)
      for (let q = 0; q <= p; q++) this.#products[p * this.size + q] = products[at++] ?? 0;
    this.#components = (components as number[][]).map(([value = 0, ...vector]) => ({
      value,
      vector: Float64Array.from(vector),
    }));
  }

  #meanOf(j: number): number {
    return this.#count === 0 ? 0 : (this.#sum[j] ?? 0) / this.#count;
  }

  /** Valid until the next call. */
  #standardised(values: Float64Array): Float64Array {
    const row = this.#row;
    for (let j = 0; j < this.size; j++) row[j] = this.#standard(values[j] ?? Number.NaN, j);
    return row;
  }

  #standard(value: number, j: number): number {
    if (!Number.isFinite(value) || this.#count === 0) return 0;
    const mean = this.#meanOf(j);
    const variance = (this.#squares[j] ?? 0) / this.#count - mean * mean;
    const deviation = value - mean;
    if (variance <= 1e-12 * Math.max(1, mean * mean))
      return Math.abs(deviation) > 1e-6 * Math.max(1, Math.abs(mean)) ? CHANGE_OF_CONSTANT : 0;
    return Math.max(-CUT, Math.min(CUT, deviation / Math.sqrt(variance)));
  }

  #fit(): void {
    const { size } = this;
    const matrix = new Float64Array(size * size);
    for (let p = 0; p < size; p++)
      for (let q = 0; q < size; q++)
        matrix[p * size + q] = (this.#products[Math.max(p, q) * size + Math.min(p, q)] ?? 0) / this.#count;
    const { values, vectors } = eigenOf(matrix, size);
    const total = values.reduce((sum, value) => sum + Math.max(0, value), 0);
    const order = [...values.keys()].sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0));
    const kept: Component[] = [];
    let held = 0;
    for (const k of order) {
      const value = values[k] ?? 0;
      if (held >= KEPT_VARIANCE * total || value <= 0) break;
      held += value;
      kept.push({
        value,
        vector: Float64Array.from({ length: size }, (_, j) => short(vectors[j * size + k] ?? 0)),
      });
    }
    this.#components = kept;
  }
}

/** To a ten-thousandth: what is saved is short, and what is loaded is the same. */
const short = (value: number): number => Math.round(value * 1e4) / 1e4;

function isVector(value: unknown, length: number): value is number[] {
  return Array.isArray(value) && value.length === length && value.every(Number.isFinite);
}
