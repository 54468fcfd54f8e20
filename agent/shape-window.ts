/** Shape at the end of a container's windows: whether their numbers go together, and what a network is trained on. */

import type { Verdict } from './alerts/judge.ts';
import { judgeNumbers } from './alerts/numbers.ts';
import { rowOf } from './features/shape-row.ts';
import type { Window } from './features/window.ts';
import type { Baseline } from './models/baseline.ts';
import { bitsOfShape } from './models/shape/shape.ts';
import type { TrainingRequest } from './models/shape/training.ts';
import type { Judging, WindowDetector } from './window-detector.ts';

export class ShapeWindow implements WindowDetector {
  readonly name = 'shape';
  bits: number | null = null;
  #row: Float64Array | null = null;
  #strange = false;

  /** One with loss has numbers too few. */
  end(window: Window, { baseline: { shape, history, pinned }, steps, share }: Judging): Verdict[] {
    const { care } = history;
    if (!window.complete) return [];
    this.#row = rowOf(window);
    const score = shape.score(this.#row);
    if (score.state === 'unknown') return [];
    const bits = bitsOfShape(score.score);
    this.bits = bits;
    const change = pinned ? null : shape.compare(this.#row, bits);
    if (change !== null) care.changed(shape.name, change, 'rule');
    // A session's numbers are learnt with the workload's unless they are strange for a session as well.
    const verdict = judgeNumbers({ detector: shape.name, score, bits, weighed: bits * share, steps });
    this.#strange = verdict !== null;
    return verdict === null ? [] : [verdict];
  }

  /** What was told is not learnt, but counted: when it goes on the workload has changed. */
  settle({ shape, workload, pinned }: Baseline, clean: boolean): TrainingRequest | null {
    this.bits = null;
    const [row, strange] = [this.#row, this.#strange];
    this.#row = null;
    this.#strange = false;
    if (pinned) return null;
    if (strange) shape.pass();
    if (!clean || strange || row === null) return null;
    shape.learn(row);
    return shape.due(workload);
  }
}
