/**
 * How likely a period of this workload brings something new of a kind. Its own share of such periods, N1 of n, says little
 * while n is small: none of 100 is anything below 3 %. What is usual for that kind on this node says the rest: the share p
 * of others is taken for as much as STRENGTH periods of one's own (the mean of a beta distribution whose prior has that mean;
 * empirical Bayes, H. Robbins 1956):
 *
 *   (N1 + STRENGTH · p) / (n + STRENGTH)
 *
 * N1 and n are of the later half of each history: most of what is ever new is new at first. p is that of the calmer half of
 * the other workloads, by their periods, so that no restless one, and no poisoned one, speaks for all: (ΣN1 + 1) / (Σn + 2). On
 * a node that has seen nothing p is 1/2, and it learns what is rare here from whatever runs here. That workloads which never
 * did anything new are alike is an assumption; where it is too bold the history of evidence shows it (tail.ts).
 */
import type { FactKind } from '../../features/fact.ts';

/** Periods of one's own that outweigh what is usual elsewhere: two minutes. */
const STRENGTH = 24;

/** What a rate needs of a baseline. */
export interface Rated {
  readonly workload: string;
  recent(kind: FactKind, phase: 'start' | 'steady', atLeast?: number): number;
  learnt(kind: FactKind, phase: 'start' | 'steady'): number;
  /** Periods that were not learnt, as something was lost, and brought something new: among those of `recent`. */
  missed(kind: FactKind, phase: 'start' | 'steady'): number;
}

interface Share {
  readonly workload: string;
  readonly lonely: number;
  readonly periods: number;
}

const rateOf = ({ lonely, periods }: Share): number => (lonely + 0.5) / (periods + 1);

export class Rates {
  readonly #all: () => readonly Rated[];
  /** Of all workloads, calmest first, until the window ends. */
  readonly #shares = new Map<string, readonly Share[]>();

  constructor(all: () => readonly Rated[]) {
    this.#all = all;
  }

  /** Baselines have learnt. */
  clear(): void {
    this.#shares.clear();
  }

  chance(own: Rated, kind: FactKind, phase: 'start' | 'steady', atLeast: number): number {
    const { lonely, periods } = shareOf(own, kind, phase, atLeast);
    const others = this.#others(own.workload, kind, phase, atLeast);
    return (lonely + STRENGTH * others) / (periods + STRENGTH);
  }

  #others(workload: string, kind: FactKind, phase: 'start' | 'steady', atLeast: number): number {
    const shares = this.#sharesOf(kind, phase, atLeast).filter((share) => share.workload !== workload);
    const half = shares.reduce((sum, { periods }) => sum + periods, 0) / 2;
    let [lonely, periods] = [0, 0];
    for (const share of shares) {
      if (periods >= half) break;
      lonely += share.lonely;
      periods += share.periods;
    }
    return (lonely + 1) / (periods + 2);
  }

  #sharesOf(kind: FactKind, phase: 'start' | 'steady', atLeast: number): readonly Share[] {
    const key = `${kind} ${phase} ${atLeast}`;
    const known = this.#shares.get(key);
    if (known !== undefined) return known;
    const shares = this.#all()
      .map((baseline) => shareOf(baseline, kind, phase, atLeast))
      .filter(({ periods }) => periods > 0)
      .toSorted((a, b) => rateOf(a) - rateOf(b) || (a.workload < b.workload ? -1 : 1));
    this.#shares.set(key, shares);
    return shares;
  }
}

function shareOf(baseline: Rated, kind: FactKind, phase: 'start' | 'steady', atLeast: number): Share {
  const { workload } = baseline;
  const periods = Math.ceil(baseline.learnt(kind, phase) / 2) + baseline.missed(kind, phase);
  return { workload, lonely: Math.min(periods, baseline.recent(kind, phase, atLeast)), periods };
}
