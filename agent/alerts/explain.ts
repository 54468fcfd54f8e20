/** Why, in words. Each sentence stands for itself and names numbers. */
import type { Surprise } from '../models/rarity.ts';
import type { Weighed } from './alert.ts';
import type { Quality } from './detection.ts';

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

const KIND_WORDS: Readonly<Record<string, string>> = {
  exec: 'start of a program',
  file: 'opening of a file',
  connect: 'connection out',
  accept: 'accepted connection',
  syscall: 'system call',
  action: 'change of privilege, namespace or memory',
  pair: 'pair of system calls',
  compat: 'system call through the 32-bit entry',
  folder: 'opening of a folder',
  library: 'loading of a library',
  capability: 'use of a capability',
  listen: 'listening port',
  name: 'name asked for',
};

/** What is new and how rare anything new is here. */
export function explainRarity(
  fact: { readonly kind: string; readonly value: string },
  scored: Surprise,
  options: { workload: string; suspected: number; start: boolean; trust: number | null },
): string {
  const word = KIND_WORDS[fact.kind] ?? fact.kind;
  const where = options.start ? 'starts' : 'periods';
  const before =
    options.suspected > 0
      ? ` It was seen in ${options.suspected} earlier period(s), called strange there too and not learnt.`
      : '';
  if (options.trust !== null)
    return (
      `Not of this version of ${options.workload}: ${word} "${fact.value}" was done by another version of its image; ` +
      `that this one does it too is believed by ${percent(options.trust)}.${before}`
    );
  return (
    `New for ${options.workload}: ${word} "${fact.value}", not seen in ${scored.periods} ${where}; ` +
    `at most ${percent(scored.newness)} of its ${where} bring any new ${word} (upper bound).${before}`
  );
}

/** A rule matched what this workload is known to do. */
export function explainKnown(workload: string, seen: number): string {
  return `Lowered: ${workload} has done exactly this in ${seen} learnt periods; make an exception for it if it is meant to be.`;
}

/** A rule matched what was told before of a workload that is still learnt: whether it is its habit is not known yet. */
export function explainTold(workload: string, times: number): string {
  return `Lowered: it was told ${times} time(s) before of ${workload}, which is still learnt; whether it does so as ever is not known yet.`;
}

/** A rule matched what this workload was never seen doing. */
export function explainRule(rule: { name: string; sentence: string }, summary: string): string {
  return `${rule.name}: ${summary}. ${rule.sentence}`;
}

/** `throttled exec 30, urgent-full 2`; of what may have been anybody's: `anybody's queue-full 4`. */
export const listLosses = (losses: Readonly<Record<string, number>>): string =>
  Object.entries(losses)
    .map(([name, count]) => `${name.replace('anybody/', "anybody's ").replace('/', ' ')} ${count}`)
    .join(', ');

/** One sentence on how well the workload was seen. */
export function explainQuality(quality: Quality): string {
  const why = listLosses(quality.losses);
  const seen = quality.complete
    ? 'Nothing was lost in this window and the one before'
    : `Observation was incomplete: at least ${quality.lost} record(s) of this container lost${why === '' ? '' : ` (${why})`}`;
  return `${seen}; the baseline is ${quality.baseline} after ${quality.periods} periods.`;
}

export function explainAgreement(detectors: readonly string[]): string {
  return `${detectors.length} detectors agree: ${detectors.join(', ')}.`;
}

const CALIBRATED: Readonly<Record<Weighed['by'], string>> = {
  own: 'the workload itself',
  pooled: 'all workloads of this node together, as its own history is short',
  none: 'nothing yet: no history says how bold the models are',
};

const bitsText = (bits: number): string => (Math.round(bits * 10) / 10).toFixed(1);

/** What stands behind an alert that no rule made. */
export function explainEvidence({ total, bound, bits, excess, by, periods, grounds }: Weighed): string {
  const shown = grounds.slice(0, 6).map((ground) => `${ground.kind} ${bitsText(ground.bits)}`);
  const more = grounds.length > 6 ? ` and ${grounds.length - 6} more` : '';
  const off = excess > 0 ? `, after ${bitsText(excess)} taken off for what history shows` : '';
  return (
    `Evidence of ${bitsText(bits)} bits in this window (${shown.join(', ')}${more})${off}; with the windows before it stands at ` +
    `2^${bitsText(total)} against the 2^${bitsText(bound)} that the budget of false alarms asks for. Calibrated by ${CALIBRATED[by]} (${periods} windows).`
  );
}
