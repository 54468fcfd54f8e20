/** Verdicts on tries: many at one door that are cut short, programs that fail one after the other, ends that do not answer. */
import type { FlowEvent } from '../events/event.ts';
import type { Scored } from '../models/detector.ts';
import type { Verdict } from './judge.ts';
import { shift } from './severity.ts';

export const ACCESS = 'access';

export interface ManyTries {
  readonly score: Scored;
  readonly bits: number;
  /** Who tries most, as `most of them from 10.0.0.9`; may be empty. */
  readonly who: string;
  /** Its address, or empty. */
  readonly peer: string;
  /** What the first call from here to that peer was made by; null: the tries come from outside, or it is not known. */
  readonly by: FlowEvent | null;
  readonly workload: string;
  readonly learnt: number;
  /** Of a young baseline weigh less. */
  readonly steps: number;
}

/**
 * How much more than their rarity they say, a prior of ours that is not learnt, as with new programs and peers (judge.ts):
 * load makes more connections and longer ones, hardly anything but guessing makes many that end at once.
 */
const WEIGHT = 2;
/** From so many bits on it is rarer than one window in 1,024. */
const GRAVE_BITS = 10;

const TECHNIQUES: readonly (readonly [RegExp, string])[] = [
  [/ cut short /, 'T1110'],
  [/ with a failure /, 'T1110'],
  [/ did not answer /, 'T1046'],
  [/ refused attempts /, 'T1548'],
];

export function judgeAccess({ score, bits, who, peer, by, workload, learnt, steps }: ManyTries): Verdict {
  const parts = score.parts.map(({ what }) => what);
  const [first = 'tries at its doors'] = parts;
  const techniques = TECHNIQUES.filter(([pattern]) => pattern.test(first)).map(([, technique]) => technique);
  const named = who === '' ? first : `${first}, ${who}`;
  return {
    detector: ACCESS,
    severity: shift(bits >= GRAVE_BITS ? 'medium' : 'low', steps),
    score: Math.round((1 - 2 ** -bits) * 10_000) / 10_000,
    summary: named,
    subject: 'access',
    techniques,
    facts: {
      ...Object.fromEntries(parts.map((what, i) => [`door_${i + 1}`, what])),
      ...(who === '' ? {} : { who }),
      ...(peer === '' ? {} : { peer }),
      windows: String(learnt),
    },
    explanation: `access: ${workload}: ${[named, ...parts.slice(1)].join('; ')}. ${score.reason}`,
    next: 'See whether one of these tries was let in, and close the door to who makes them.',
    flags: false,
    withholds: false,
    bits: bits * WEIGHT,
    kind: ACCESS,
    ...(by === null ? {} : { event: by }),
  };
}
