/**
 * What each detector costs: its share of the time between records and alerts. No verdict depends on it, so that a replay is
 * the same. What is done for each fact is measured one time in EACH, as looking at the clock would else cost as much.
 */

const EACH = 16;

export interface Cost {
  /** ns, of what was measured and, by its share, of what was not. */
  nanoseconds: number;
  calls: number;
}

export class Costs {
  readonly #by = new Map<string, Cost>();
  /** Windows of containers that ended. */
  windows = 0;

  /** By detector; all rules are one. Their number is that of the detectors. */
  get by(): ReadonlyMap<string, Readonly<Cost>> {
    return this.#by;
  }

  /** What is done once a window. */
  window<T>(detector: string, work: () => T): T {
    const cost = this.#of(detector);
    cost.calls += 1;
    const before = performance.now();
    const result = work();
    cost.nanoseconds += (performance.now() - before) * 1e6;
    return result;
  }

  /** What is done for each event or fact. */
  each<T>(detector: string, work: () => T): T {
    const cost = this.#of(detector);
    cost.calls += 1;
    if (cost.calls % EACH !== 0) return work();
    const before = performance.now();
    const result = work();
    cost.nanoseconds += (performance.now() - before) * 1e6 * EACH;
    return result;
  }

  #of(detector: string): Cost {
    const known = this.#by.get(detector);
    if (known !== undefined) return known;
    const made = { nanoseconds: 0, calls: 0 };
    this.#by.set(detector, made);
    return made;
  }
}
