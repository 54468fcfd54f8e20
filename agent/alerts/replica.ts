/** Verdicts on a container that is unlike its live siblings. */
import type { Scored } from '../models/detector.ts';
import type { Verdict } from './judge.ts';
import { shift } from './severity.ts';

export const REPLICA = 'replica';

export interface UnlikeSiblings {
  readonly score: Scored;
  readonly bits: number;
  readonly siblings: number;
  readonly workload: string;
  /** Of a young baseline weigh less. */
  readonly steps: number;
}

const SHOWN = 3;

export function judgeReplica({ score, bits, siblings, workload, steps }: UnlikeSiblings): Verdict {
  const parts = score.parts.map(({ what }) => what);
  return {
    detector: REPLICA,
    severity: shift('low', steps),
    score: Math.round((1 - 2 ** -bits) * 10_000) / 10_000,
    summary: `unlike its ${siblings} live sibling(s): ${parts.slice(0, SHOWN).join('; ')}`,
    subject: REPLICA,
    techniques: [],
    facts: {
      ...Object.fromEntries(parts.map((what, i) => [`part_${i + 1}`, what])),
      siblings: String(siblings),
    },
    explanation: `replica: this container of ${workload} does what its ${siblings} live sibling(s) do not: ${parts.join('; ')}. ${score.reason}`,
    next: 'Compare it with a sibling: what runs in it, and which of its requests the others do not get.',
    flags: false,
    withholds: false,
    bits,
    kind: REPLICA,
  };
}
