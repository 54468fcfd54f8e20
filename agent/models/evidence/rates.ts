/**
 * How likely a period of this workload brings something new of a kind. Its own share of such periods, N1 of n, says little
 * while n is small: none of 100 is anything below 3 %. What is usual for that kind on this node says the rest: the mean
 * over all other workloads is taken for as much as STRENGTH periods of one's own (the mean of a beta distribution whose prior
 * has that mean; empirical Bayes, H. Robbins 1956):
 *
 *   (N1 + STRENGTH · p) / (n + STRENGTH),  p = (ΣN1 + 1) / (Σn + 2)
 *
 * On a node that has seen nothing p is 1/2, and it learns what is rare here from whatever runs here. That workloads which
 * never did anything new are taken for alike is an assumption; where it is too bold the history of evidence shows (tail.ts).
 */
import type { FactKind } from '../../features/fact.ts';

/** Periods of one's own that outweigh what is usual elsewhere: two minutes. */
const STRENGTH = 24;

/** What a rate needs of a baseline. */
export interface Rated {
  readonly workload: string;
  lonely(kind: FactKind, phase: 'start' | 'steady', atLeast?: number): number;
  learnt(kind: FactKind, phase: 'start' | 'steady'): number;
}

interface Sum {
  lonely: number;
  periods: number;
}

export class Rates {
  readonly #all: () => readonly Rated[];
  /** Sums over all workloads, until the window ends. */
  readonly #sums = new Map<string, Sum>();

  constructor(all: () => readonly Rated[]) {
    this.#all = all;
  }

  /** Baselines have learnt. */
  clear(): void {
    this.#sums.clear();
  }

  chance(own: Rated, kind: FactKind, phase: 'start' | 'steady', atLeast: number): number {
    const lonely = own.lonely(kind, phase, atLeast);
    const periods = own.learnt(kind, phase);
    const sum = this.#sum(kind, phase, atLeast);
    const others = (Math.max(0, sum.lonely - lonely) + 1) / (Math.max(0, sum.periods - periods) + 2);
    return (lonely + STRENGTH * others) / (periods + STRENGTH);
  }

  #sum(kind: FactKind, phase: 'start' | 'steady', atLeast: number): Sum {
    const key = `${kind} ${phase} ${atLeast}`;
    const known = this.#sums.get(key);
    if (known !== undefined) return known;
    const sum = { lonely: 0, periods: 0 };
    for (const baseline of this.#all()) {
      sum.lonely += baseline.lonely(kind, phase, atLeast);
      sum.periods += baseline.learnt(kind, phase);
    }
    this.#sums.set(key, sum);
    return sum;
  }
}
