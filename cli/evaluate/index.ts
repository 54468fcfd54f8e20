/** What `picket evaluate` judges. Each subject is loaded only when it is asked for. */
import type { Flag } from '../args.ts';
import type { Call } from '../command.ts';

export interface Subject {
  readonly sentence: string;
  /** Names from FLAGS that it takes. */
  readonly flags: readonly string[];
  /** @returns the way to its exit code. */
  load(): Promise<(call: Call) => Promise<number>>;
}

/** Flags of all subjects. */
export const FLAGS: Readonly<Record<string, Flag>> = {
  train: { value: 'FILE', sentence: 'What is learnt: normal data only.' },
  test: { value: 'FILE', sentence: 'What is judged.' },
  out: { value: 'FILE', sentence: 'One JSON line per unit of the test [standard output].' },
  data: { value: 'DIR', sentence: 'Folder of the evaluation sets.' },
  seed: { value: 'N', sentence: 'Seed of everything that draws lots [1].' },
};

export const SUBJECTS: Readonly<Record<string, Subject>> = {
  traces: {
    sentence: 'system-call traces: learns --train, scores --test',
    flags: ['train', 'test', 'out', 'seed'],
    load: async () => (await import('./traces.ts')).evaluateTraces,
  },
  report: {
    sentence: 'every set found in --data, by its protocol, beside the figures to beat',
    flags: ['data', 'seed'],
    load: async () => (await import('./report.ts')).evaluateReport,
  },
};
