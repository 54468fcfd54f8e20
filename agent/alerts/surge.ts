/** Verdicts on too much in one go: of what, how much was the most before, and to whom it went. */
import type { FlowEvent } from '../events/event.ts';
import type { Scored } from '../models/detector.ts';
import type { Verdict } from './judge.ts';
import { type Severity, shift } from './severity.ts';
import { VOLUME } from './volume.ts';

export const SURGE = 'surge';

export interface FoundSurge {
  readonly score: Scored;
  readonly bits: number;
  /** The number of which there is too much; and by what name it is evidence. */
  readonly channel: string;
  readonly lasts: string;
  /** It was told before and has become stranger. */
  readonly goesOn: boolean;
  /** The same, or it is another side of one that was told: of evidence it takes the place of that. */
  readonly again: boolean;
  /** With whom most of it was in the window, or empty; and what called it last. */
  readonly peer: string;
  readonly by: FlowEvent | null;
  readonly workload: string;
  readonly learnt: number;
  /** Of a young baseline weigh less. */
  readonly steps: number;
}

/** From so many bits on it is rarer than one window in 4,096. */
const GRAVE_BITS = 12;
/**
 * What a bet costs (e-detector.ts) is given back, 5 bits of the 18 of a budget: evidence that may add up over windows is tested in
 * each of them, a surge counts once, by what it has come to, and one rarer than once in the budget keeps that promise by itself.
 */
const WEIGHT = 5 / 4;

/** By what there is too much of. */
const TECHNIQUES: readonly (readonly [string, string])[] = [
  ['CPU time', 'T1496'],
  ['bytes sent', 'T1048'],
  ['bytes received', 'T1105'],
  ['bytes written', 'T1499'],
  ['processes made', 'T1499'],
  ['connections made', 'T1046'],
  ['calls that change files', 'T1486'],
];

const severityOf = (bits: number, steps: number): Severity =>
  shift(bits >= GRAVE_BITS ? 'medium' : 'low', steps);

export function judgeSurge(found: FoundSurge): Verdict {
  const { score, bits, channel, lasts, goesOn, again, peer, workload, learnt, steps } = found;
  const parts = score.parts.map(({ what }) => what);
  const [first = ''] = parts;
  const [, technique] = TECHNIQUES.find(([name]) => channel.startsWith(name)) ?? [];
  const caller = found.by === null || found.by.exe === '' ? '' : ` by ${found.by.exe}`;
  const named = peer === '' ? first : `${first}; most of it with ${peer}${caller}`;
  return {
    detector: SURGE,
    severity: severityOf(bits, steps),
    score: score.score,
    summary: named,
    subject: 'surge',
    techniques: technique === undefined ? [] : [technique],
    facts: { channel, numbers: parts.join('; '), ...(peer === '' ? {} : { peer }), windows: String(learnt) },
    explanation: `surge: ${workload}: ${[named, ...parts.slice(1)].join('; ')}. ${score.reason}${goesOn ? ' It goes on.' : ''}`,
    next: 'See which process does it and for whom: a backup or a release of which nothing was learnt, or a miner, a theft, an encryption.',
    flags: false,
    withholds: false,
    bits: bits * WEIGHT,
    kind: VOLUME,
    lasts,
    again,
    ...(peer === '' || found.by === null ? {} : { event: found.by }),
  };
}
