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
  stream: {
    value: 'FILE',
    sentence: 'Judged from an empty state, row by row: one series of `timestamp,value`, or a log.',
  },
  labels: { value: 'FILE', sentence: 'Of --stream: which requests are attacks, by their ids.' },
  data: { value: 'DIR', sentence: 'Folder of the evaluation sets.' },
  seed: { value: 'N', sentence: 'Seed of everything that draws lots [1].' },
  range: { value: 'DIR', sentence: 'Folder of the range, with the program `range` in it.' },
  seeds: { value: 'LIST', sentence: 'Seeds of runs, each with all attacks, such as 1,2,3 [1].' },
  beside: { value: 'N', sentence: 'Runs at the same time, each a range with its own agent [1].' },
  learn: {
    value: 'DURATION',
    sentence: 'Load before the first attack [10m]; of a replay, what of it is seen [all].',
  },
  quiet: { value: 'DURATION', sentence: 'Load after the last attack [5m].' },
  replay: {
    value: 'DIRS',
    sentence: 'Folders of recorded runs, with commas between them; nothing is started.',
  },
  'as-told': { sentence: 'Of recorded runs: what their agent told at the time, in place of a replay.' },
  kind: { value: 'KIND', sentence: 'Lines that are scored: alert or detection [alert].' },
  drop: { value: 'SHARE', sentence: 'Of a replay: share of records that are lost, such as 20% [0%].' },
  'restart-at': {
    value: 'DURATION',
    sentence:
      'Of a replay: every container is restarted so long after learning, under another id, cgroup and processes.',
  },
  'image-change-at': {
    value: 'DURATION',
    sentence:
      'Of a replay: every image has another digest so long after learning and from then on; with --restart-at, a rollout.',
  },
  'attack-in-learning': {
    sentence:
      'Of a replay: what came before the first attack is not seen, so that all is learnt under attack; scored after ten minutes of that.',
  },
  without: {
    value: 'NAMES',
    sentence: 'Of a replay: detectors on which no alert stands, with commas between them.',
  },
  only: { value: 'NAMES', sentence: 'Of a replay: no alert stands on any other detector.' },
  ablations: {
    sentence:
      'Of a replay: one table of each detector alone and all but it, short learning, loss, attacks while it learns, restarts, other images.',
  },
  order: {
    sentence:
      'Of detections: the chance that a real one is shown before a false one, by evidence, with the prior over facts, and by verdicts on the other recordings.',
  },
  attacks: { sentence: 'Every attack, not those alone that were missed.' },
};

export const SUBJECTS: Readonly<Record<string, Subject>> = {
  traces: {
    sentence: 'system-call traces: learns --train, scores --test',
    flags: ['train', 'test', 'out', 'seed'],
    load: async () => (await import('./traces.ts')).evaluateTraces,
  },
  range: {
    sentence: 'a range of workloads, operators and attacks, driven by --range or recorded before in --replay',
    flags: [
      'range',
      'seeds',
      'beside',
      'learn',
      'quiet',
      'out',
      'replay',
      'as-told',
      'kind',
      'drop',
      'restart-at',
      'image-change-at',
      'attack-in-learning',
      'seed',
      'without',
      'only',
      'ablations',
      'order',
      'attacks',
    ],
    load: async () => (await import('./range.ts')).evaluateRange,
  },
  metrics: {
    sentence: 'metrics over time: learns --train, scores --test; or one series, --stream',
    flags: ['train', 'test', 'stream', 'out'],
    load: async () => (await import('./metrics.ts')).evaluateMetrics,
  },
  flows: {
    sentence: 'network flows: learns --train, scores --test',
    flags: ['train', 'test', 'out'],
    load: async () => (await import('./flows.ts')).evaluateFlows,
  },
  audit: {
    sentence:
      'requests to a Kubernetes API server: learns --train if given, scores --test; or tells what --stream would alert, and which of --labels',
    flags: ['train', 'test', 'out', 'stream', 'labels'],
    load: async () => (await import('./audit.ts')).evaluateAudit,
  },
  report: {
    sentence: 'every set found in --data, by its protocol, beside the figures to beat',
    flags: ['data', 'seed'],
    load: async () => (await import('./report.ts')).evaluateReport,
  },
};
