/** Of one workload: the evidence of its periods, by which later evidence is calibrated, and the alarms there were. */

import { Care } from '../care/care.ts';
import { Achieved } from './achieved.ts';
import { ScoreTail } from './score-tail.ts';
import type { Tail } from './tail.ts';
import { TailVersions } from './tail-versions.ts';

export interface SavedHistory {
  readonly tail: readonly number[];
  /** Newer or earlier tails, and how all models fare; absent in what earlier versions saved. */
  readonly versions?: unknown;
  readonly care?: unknown;
  /** By detector, sorted by name. */
  readonly scores: readonly (readonly [string, ReturnType<ScoreTail['save']>])[];
  readonly achieved: readonly [number, string];
}

/** Detectors whose scores are kept; more than there are. */
const MAX_DETECTORS = 8;

/** Name of the tail among models. */
export const CALIBRATION = 'calibration';

export class History {
  readonly versions = new TailVersions();
  readonly care = new Care();
  readonly achieved = new Achieved();
  readonly #scores = new Map<string, ScoreTail>();

  /** By which evidence is calibrated now. */
  get tail(): Tail {
    return this.versions.tail;
  }

  /** One more period of usual life, of so many bits. */
  learn(bits: number): void {
    const change = this.versions.learn(bits);
    if (change !== null) this.care.changed(CALIBRATION, change, 'rule');
    this.care.score(CALIBRATION, bits);
    if (this.care.drifts.get(CALIBRATION)?.drifted === true) this.versions.drifted();
  }

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
      versions: this.versions.save(),
      care: this.care.save(),
      scores: scores.toSorted(([a], [b]) => (a < b ? -1 : 1)),
      achieved: this.achieved.save(),
    };
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    const { tail, scores, achieved, versions, care } = (saved ?? {}) as Record<string, unknown>;
    this.versions.load(tail, versions);
    this.achieved.load(achieved);
    if (care !== undefined) this.care.load(care);
    if (!Array.isArray(scores)) throw new TypeError('a saved history without scores');
    this.#scores.clear();
    for (const entry of scores.slice(0, MAX_DETECTORS)) {
      const [name, of] = Array.isArray(entry) ? entry : [];
      if (typeof name !== 'string') throw new TypeError('a saved history with a nameless detector');
      this.scoresOf(name).load(of);
    }
  }
}
