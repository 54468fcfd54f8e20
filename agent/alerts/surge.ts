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
  /** It was told before and has become stranger. */
  readonly again: boolean;
  /** Whom the container gave or got most in the window, or empty; and what called it last. */
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

/** By what there is too much of, and whether it has a peer. */
const TECHNIQUES: readonly (readonly [string, string, boolean])[] = [
  ['CPU time', 'T1496', false],
  ['bytes sent', 'T1048', true],
  ['bytes received', 'T1105', true],
  ['bytes written', 'T1499', false],
  ['processes made', 'T1499', false],
  ['connections made', 'T1046', true],
  ['calls that change files', 'T1486', false],
];

const severityOf = (bits: number, steps: number): Severity =>
  shift(bits >= GRAVE_BITS ? 'medium' : 'low', steps);

export function judgeSurge(found: FoundSurge): Verdict {
  const { score, bits, again, workload, learnt, steps } = found;
  const parts = score.parts.map(({ what }) => what);
  const [first = ''] = parts;
  const [, technique, hasPeer] = TECHNIQUES.find(([name]) => first.startsWith(name)) ?? [];
  const peer = hasPeer ? found.peer : '';
  const caller = found.by === null || found.by.exe === '' ? '' : ` by ${found.by.exe}`;
  const named = peer === '' ? first : `${first}; most of it with ${peer}${caller}`;
  const goesOn = again ? ' It goes on.' : '';
  return {
    detector: SURGE,
    severity: severityOf(bits, steps),
    score: score.score,
    summary: named,
    subject: 'surge',
    techniques: technique === undefined ? [] : [technique],
    facts: { numbers: parts.join('; '), ...(peer === '' ? {} : { peer }), windows: String(learnt) },
    explanation: `surge: ${workload}: ${[named, ...parts.slice(1)].join('; ')}. ${score.reason}${goesOn}`,
    next: 'See which process does it and for whom: a backup or a release of which nothing was learnt, or a miner, a theft, an encryption.',
    flags: false,
    withholds: false,
    bits: bits * WEIGHT,
    kind: VOLUME,
    again,
    ...(peer === '' || found.by === null ? {} : { event: found.by }),
  };
}
