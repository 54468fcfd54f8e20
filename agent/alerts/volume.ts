/** Verdicts on the numbers of a window: more or less than ever here, and calls to an unusual peer at even times. */
import type { RhythmScore } from '../models/volume/rhythm.ts';
import type { Verdict } from './judge.ts';
import { type Severity, shift } from './severity.ts';

export const VOLUME = 'volume';
export const RHYTHM = 'rhythm';

export interface StrangeNumbers {
  readonly bits: number;
  readonly score: number;
  /** One sentence. */
  readonly reason: string;
  /** What stands out, most first. */
  readonly parts: readonly string[];
  readonly workload: string;
  readonly learnt: number;
  /** Of the host weigh less, and of a young baseline. */
  readonly steps: number;
}

/** From so many bits on it is rarer than one window in 4,096. */
const GRAVE_BITS = 12;
const SHOWN = 3;

/** By what stands out: where data leaves, and where a machine is used up. */
function techniquesOf(parts: readonly string[]): string[] {
  const names = parts.map((part) => part.split(' ')[0] ?? '');
  if (names.some((name) => name === 'rareBytesOut' || name === 'peerBytesOut')) return ['T1048'];
  if (names.includes('peers') || names.includes('rarePeers') || names.includes('failures')) return ['T1046'];
  return names[0] === 'cpuUs' ? ['T1496'] : [];
}

const severityOf = (bits: number, steps: number): Severity =>
  shift(bits >= GRAVE_BITS ? 'medium' : 'low', steps);

export function judgeVolume(found: StrangeNumbers): Verdict {
  const { bits, score, reason, parts, workload, learnt, steps } = found;
  const shown = parts.slice(0, SHOWN);
  return {
    detector: VOLUME,
    severity: severityOf(bits, steps),
    score,
    summary: shown.length === 0 ? 'numbers that do not go together as ever' : shown.join('; '),
    subject: 'volume',
    techniques: techniquesOf(shown),
    facts: { numbers: parts.join('; '), windows: String(learnt) },
    explanation: `volume: ${workload}: ${parts.length === 0 ? reason : `${parts.join('; ')}. ${reason}`}`,
    next: 'See which process does it, whom it speaks to, and whether its load or its version changed.',
    flags: false,
    withholds: false,
    bits,
    kind: VOLUME,
  };
}

export interface EvenCalls extends RhythmScore {
  readonly peer: string;
  readonly workload: string;
  readonly steps: number;
}

export function judgeRhythm({ bits, every, calls, peer, workload, steps }: EvenCalls): Verdict {
  const seconds = every < 10 ? every.toFixed(1) : String(Math.round(every));
  return {
    detector: RHYTHM,
    severity: severityOf(bits, steps),
    score: Math.round((1 - 2 ** -bits) * 10_000) / 10_000,
    summary: `${peer} is called every ${seconds} s, which is no usual peer here`,
    subject: `rhythm ${peer}`,
    techniques: ['T1071'],
    facts: { peer, every: `${seconds} s`, calls: String(calls) },
    explanation: `rhythm: ${workload} called ${peer} ${calls} times, every ${seconds} s; calls by chance are as even in one of ${Math.round(2 ** bits)} cases.`,
    next: 'Find the process that calls it and what it gets as an answer.',
    flags: false,
    withholds: false,
    bits,
    kind: RHYTHM,
  };
}
