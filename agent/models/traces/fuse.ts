/**
 * One score from many views: each as robust spreads above the usual, squashed by sign(z)·ln(1 + |z|) so that one view
 * cannot outvote all, then their weighted mean. Refused: the largest, products of chances (Fisher) and the smallest
 * chance; each lets the noisiest view decide.
 */
import { Reference } from './conditional.ts';
import { CALL_VIEWS, TRAITS, VIEWS } from './views.ts';

export const squash = (z: number): number => Math.sign(z) * Math.log1p(Math.abs(z));

/** What reference units looked like to models that had not learnt them. */
export interface Looked {
  readonly views: Float64Array;
  readonly traits: Float64Array;
}

export interface Fused {
  readonly score: number;
  /** Squashed, per view. */
  readonly by: readonly number[];
}

const columnsOf = (rows: readonly Float64Array[], width: number): Float64Array[] =>
  Array.from({ length: width }, (_, column) => Float64Array.from(rows, (row) => row[column] ?? 0));

export class Fusion {
  readonly #reference: Reference;
  readonly #views: number;

  /** `withArguments`: whether the views of arguments say anything. */
  constructor(looked: readonly Looked[], withArguments: boolean) {
    this.#views = withArguments ? VIEWS.length : CALL_VIEWS;
    this.#reference = new Reference(
      columnsOf(
        looked.map(({ views }) => views),
        VIEWS.length,
      ),
      columnsOf(
        looked.map(({ traits }) => traits),
        TRAITS,
      ),
    );
  }

  /** Places of the reference units most like one in length and variety. */
  alike(traits: Float64Array, count: number): Uint32Array {
    return this.#reference.alike(traits, -1, count);
  }

  /** `self`: the place of the unit in the reference, left out of its own comparison. */
  score({ views, traits }: Looked, self = -1): Fused {
    const alike = this.#reference.alike(traits, self);
    let sum = 0;
    let weights = 0;
    const by = VIEWS.slice(0, this.#views).map(({ given, weight }, at) => {
      const value = views[at] ?? 0;
      const z = given === 'all' ? this.#reference.z(at, value) : this.#reference.zAmong(alike, at, value);
      sum += weight * squash(z);
      weights += weight;
      return squash(z);
    });
    return { score: sum / weights, by };
  }
}
