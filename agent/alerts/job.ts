/** Runs of jobs: what is said of one that takes too long, begins off its schedule or does not finish. */
import type { Scored } from '../models/detector.ts';
import type { Verdict } from './judge.ts';
import { shift } from './severity.ts';

export const JOB_RUN = 'job-run';

export interface StrangeRun {
  readonly workload: string;
  readonly score: Scored;
  readonly steps: number;
}

/** Alone it is a job that had a bad day; it is a reason beside others. */
export function judgeRun({ workload, score, steps }: StrangeRun): Verdict {
  const reasons = score.parts.map(({ what }) => what).join('; ');
  return {
    detector: JOB_RUN,
    severity: shift('low', Math.min(0, steps)),
    score: Math.round(score.score * 10_000) / 10_000,
    summary: `a run unlike the others: ${reasons}`,
    subject: `run ${reasons}`,
    techniques: [],
    facts: { reasons },
    explanation: `${JOB_RUN}: this run of ${workload} is unlike the others: ${score.reason}.`,
    next: 'Compare its log with that of the run before.',
    flags: false,
    withholds: false,
    bits: -Math.log2(1 - score.score),
    kind: JOB_RUN,
  };
}
