/** What is said of the numbers of a window: by the detector that looked at them, in its own words. */
import type { Scored } from '../models/detector.ts';
import type { Verdict } from './judge.ts';
import { shift } from './severity.ts';

export interface Numbers {
  /** The detector's name. */
  readonly detector: string;
  readonly score: Scored;
  /** What the score is worth, and what of it counts as evidence here. */
  readonly bits: number;
  readonly weighed: number;
  /** Steps of severity: a young baseline and the host weigh less. */
  readonly steps: number;
}

/** Less happens in a container every few minutes. */
export const LEAST_BITS = 8;
const SHOWN = 3;

const NEXT: Readonly<Record<string, string>> = {
  volume: 'Compare the numbers with what was asked of it at that time: load, a batch, a backup.',
};
const ELSE_NEXT =
  'Look at what its processes did in that window, and whether it was asked for more than ever.';

/** Told, so that it can be compared with what came of it; no evidence, and nothing is learnt or not learnt for it. */
export const inShadow = (verdict: Verdict): Verdict => ({
  ...verdict,
  severity: 'info',
  explanation: `${verdict.explanation} On trial: no alert stands on it.`,
  facts: { ...verdict.facts, trial: `worth ${verdict.bits.toFixed(1)} bits` },
  flags: false,
  withholds: false,
  bits: 0,
});

/** Null when it is too little to speak of. */
export function judgeNumbers({ detector, score, bits, weighed, steps }: Numbers): Verdict | null {
  if (weighed < LEAST_BITS) return null;
  const parts = score.parts.map(({ what }) => what);
  const shown = parts.slice(0, SHOWN).join('; ') || 'no single number';
  return {
    detector,
    severity: shift('low', steps),
    score: Math.round(score.score * 10_000) / 10_000,
    summary: `unusual numbers of a window: ${shown}`,
    subject: parts.map((part) => part.split(' ', 1)[0]).join(' '),
    techniques: [],
    facts: Object.fromEntries(score.parts.map(({ what }, i) => [`part_${i + 1}`, what])),
    explanation: `${detector}: ${score.reason}${parts.length === 0 ? '' : ` ${parts.join('; ')}.`}`,
    next: NEXT[detector] ?? ELSE_NEXT,
    flags: false,
    withholds: false,
    bits,
    kind: detector,
  };
}
