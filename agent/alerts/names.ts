/** What the detector of labels says of the names of one window, as a verdict. */
import type { DnsLabels, Loudest } from '../models/dns-labels.ts';
import type { Verdict } from './judge.ts';
import { shift } from './severity.ts';

export interface LoudNames {
  readonly loudest: Loudest;
  readonly labels: DnsLabels;
  readonly workload: string;
  /** Steps of severity: a young baseline and the host weigh less. */
  readonly steps: number;
}

/** One KiB in a window of names alone is no lookup of anything. */
const MUCH_BITS = 8192;

/** Null when a window with so much in names is ordinary here. */
export function judgeNames(
  { loudest, labels, workload, steps }: LoudNames,
  minScore: number,
): Verdict | null {
  const scored = labels.score(loudest);
  if (loudest === null || scored.state === 'unknown' || scored.score < minScore) return null;
  const bits = Math.round(loudest.bits);
  return {
    detector: labels.name,
    severity: shift(bits >= MUCH_BITS ? 'medium' : 'low', steps),
    score: Math.round(scored.score * 10_000) / 10_000,
    summary: `names below ${loudest.domain} that can have carried ${Math.round(bits / 8)} bytes in one window`,
    subject: `names ${loudest.domain}`,
    techniques: ['T1048', 'T1071.004'],
    facts: { domain: loudest.domain, bits: String(bits) },
    explanation: `${labels.name}: ${scored.reason} Seen of ${workload}.`,
    next: 'Look at the names asked for and at who asks; cut the container off if nobody knows the domain.',
    flags: false,
    withholds: false,
    bits: -Math.log2(labels.chance(bits)),
    kind: labels.name,
  };
}
