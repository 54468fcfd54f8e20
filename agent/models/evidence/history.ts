/** Of one workload: the evidence of its periods, by which later evidence is calibrated, and the alarms there were. */
import { Achieved } from './achieved.ts';
import { ScoreTail } from './score-tail.ts';
import { Tail } from './tail.ts';

export interface SavedHistory {
  readonly tail: readonly number[];
  /** By detector, sorted by name. */
  readonly scores: readonly (readonly [string, ReturnType<ScoreTail['save']>])[];
  readonly achieved: readonly [number, string];
}

/** Detectors whose scores are kept; more than there are. */
const MAX_DETECTORS = 8;

export class History {
  readonly tail = new Tail();
  readonly achieved = new Achieved();
  readonly #scores = new Map<string, ScoreTail>();

  /** Of the scores of a detector that says how strange, not how likely. */
  scoresOf(detector: string): ScoreTail {
    const known = this.#scores.get(detector);
    if (known !== undefined) return known;
    const made = new ScoreTail();
    if (this.#scores.size < MAX_DETECTORS) this.#scores.set(detector, made);
    return made;
  }

  save(): SavedHistory {
    const scores = [...this.#scores].map(([name, tail]) => [name, tail.save()] as const);
    return {
      tail: this.tail.save(),
      scores: scores.toSorted(([a], [b]) => (a < b ? -1 : 1)),
      achieved: this.achieved.save(),
    };
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    const { tail, scores, achieved } = (saved ?? {}) as Record<string, unknown>;
    this.tail.load(tail);
    this.achieved.load(achieved);
    if (!Array.isArray(scores)) throw new TypeError('a saved history without scores');
    this.#scores.clear();
    for (const entry of scores.slice(0, MAX_DETECTORS)) {
      const [name, of] = Array.isArray(entry) ? entry : [];
      if (typeof name !== 'string') throw new TypeError('a saved history with a nameless detector');
      this.scoresOf(name).load(of);
    }
  }
}
