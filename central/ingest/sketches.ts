/** Which sketches of a report are taken: of a kind that is known here, and under a key that this fleet shares. */
import { isKnownSketch } from '../../kit/sketch/sketch.ts';
import type { ReportedSketches } from './report.ts';

/** A newer agent may send kinds that this central does not know; an agent that has no key of ours uses its own. */
export type SketchOutcome = 'taken' | 'other-key' | 'unknown-kind';

export interface Mergeable {
  readonly sketches: readonly ReportedSketches[];
  readonly outcomes: Readonly<Record<SketchOutcome, number>>;
}

/** `keys`: ids of the valid ones. */
export function mergeable(all: readonly ReportedSketches[], keys: readonly string[]): Mergeable {
  const outcomes = { taken: 0, 'other-key': 0, 'unknown-kind': 0 };
  const sketches = all.map((one) => ({
    ...one,
    sketches: one.sketches.filter((sketch) => {
      const known = isKnownSketch(sketch);
      const ours = sketch.kind === 'quantiles' ? sketch.key === '' : keys.includes(sketch.key);
      const outcome = !known ? 'unknown-kind' : ours ? 'taken' : 'other-key';
      outcomes[outcome] += 1;
      return outcome === 'taken';
    }),
  }));
  return { sketches, outcomes };
}
