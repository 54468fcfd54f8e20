/**
 * *Unknown behaviour*: most of what the trace does was not in training at all, so that no chance read from training
 * says anything about it (a program that was installed later, a job that never ran while learning). It is one verdict
 * of its own and an alarm at every asked rate. What counts is coverage, never the score: the share of its runs that are
 * new lies above what one in a hundred learnt traces shows to models that have not learnt it.
 */
import type { Looked } from './fuse.ts';
import { VIEWS } from './views.ts';

const SHARE = 0.01;
const SUFFIXES = VIEWS.findIndex(({ name }) => name === 'suffixes');

export class UnknownBehaviour {
  readonly #threshold: number;

  constructor(looked: readonly Looked[]) {
    const sorted = Float64Array.from(looked, ({ views }) => views[SUFFIXES] ?? 0).sort();
    const allowed = Math.floor(sorted.length * SHARE);
    this.#threshold = sorted[sorted.length - 1 - allowed] ?? Number.POSITIVE_INFINITY;
  }

  is({ views }: Looked): boolean {
    return (views[SUFFIXES] ?? 0) > this.#threshold;
  }
}
