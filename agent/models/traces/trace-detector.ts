/**
 * How strange a whole trace of system calls is for a workload: the mean surprise of its worst stretch, and how often a
 * normal trace that the model has not learnt is so strange.
 */
import { Alphabet, type CallName } from './alphabet.ts';
import { KneserNey } from './kneser-ney.ts';
import { Tail } from './tail.ts';

export interface TraceVerdict {
  /** High is strange; no upper end. */
  readonly score: number;
  /** Chance of such a score, or more, for a normal trace. */
  readonly p: number;
  /** −log2 p. */
  readonly bits: number;
  /** Outside everything learnt. */
  readonly unknown: boolean;
}

/** Calls of a stretch: long enough for a mean, short enough that an attack inside a long trace is not thinned out. */
const STRETCH = 200;
const ORDER = 5;
/** Parts of the training traces, each scored by a model of the others. */
const FOLDS = 5;

/** Highest mean of `length` values in a row; the mean of all where there are fewer. */
export function worstStretch(values: Float64Array, length: number): number {
  const width = Math.min(length, values.length);
  if (width === 0) return 0;
  let sum = 0;
  let worst = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < values.length; at++) {
    sum += values[at] ?? 0;
    if (at >= width) sum -= values[at - width] ?? 0;
    if (at >= width - 1) worst = Math.max(worst, sum);
  }
  return worst / width;
}

class Surprise {
  readonly #alphabet = new Alphabet();
  readonly #model = new KneserNey(ORDER);

  constructor(traces: readonly (readonly CallName[])[]) {
    for (const trace of traces) this.#model.learn(this.#alphabet.learn(trace));
    this.#model.seal(this.#alphabet.size);
  }

  score(calls: readonly CallName[]): number {
    const values = new Float64Array(calls.length);
    this.#model.surprise(this.#alphabet.read(calls), values);
    return worstStretch(values, STRETCH);
  }
}

export class TraceDetector {
  readonly #model: Surprise;
  readonly #tail: Tail;

  /** `lot` draws a number from 0 to 1: which traces share a fold. */
  constructor(traces: readonly (readonly CallName[])[], lot: () => number) {
    const folds = traces.map(() => Math.floor(lot() * FOLDS));
    const scores: number[] = [];
    for (let fold = 0; fold < FOLDS; fold++) {
      const rest = new Surprise(traces.filter((_, at) => folds[at] !== fold));
      traces.forEach((trace, at) => {
        if (folds[at] === fold) scores.push(rest.score(trace));
      });
    }
    this.#tail = new Tail(scores);
    this.#model = new Surprise(traces);
  }

  judge(calls: readonly CallName[]): TraceVerdict {
    const score = this.#model.score(calls);
    const { p } = this.#tail.chance(score);
    return { score, p, bits: -Math.log2(p), unknown: false };
  }
}
