/** Every label of every metric takes a number of values that does not grow with what goes on; here is by what each is bounded. */
import { expect, test } from 'vitest';
import { codeFiles, read } from './sources.ts';

/** Words that stand in our code; `code` and `status` also those of protocols, in the agent at most 64 and `OTHER`. */
const WORDS = 'words of our code';
/** Label → by what its values are bounded. A label of what a workload, a person or a node calls itself has no place here. */
const BOUNDS: Readonly<Record<string, string>> = {
  action: WORDS,
  change: WORDS,
  cluster: 'the settings cluster and further-clusters',
  code: 'codes of errors; in the agent at most 64',
  deed: WORDS,
  detector: 'detectors by name, all rules as one',
  direction: WORDS,
  group: 'groups of maps in the native part',
  kind: WORDS,
  model: 'detectors that have a model',
  notifier: 'entries of the notify-file',
  outcome: WORDS,
  protocol: WORDS,
  quantile: WORDS,
  reason: 'reasons for loss: of our code, and Kubernetes reasons for failures of a watch',
  result: WORDS,
  role: WORDS,
  route: 'routes by their pattern, others as one',
  rule: 'rules in force on the node, at most 1000',
  severity: WORDS,
  state: WORDS,
  status: 'statuses of HTTP',
  table: 'tables of the database',
  verb: 'verbs that our permissions name',
  verdict: WORDS,
  what: WORDS,
  work: WORDS,
};

interface Found {
  readonly file: string;
  readonly metric: string;
  readonly labels: readonly string[];
}

const SENTENCE = /(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")/.source;
const BUCKETS = /(?:[A-Z_]+,\s*|\[[\d_.,\s]+\],\s*)?/.source;
/** `metrics.counter('name', 'sentence', ['label'])` and the like. */
const CALL = new RegExp(
  `\\.(?:counter|gauge|histogram)\\(\\s*'(\\w+)',\\s*${SENTENCE},?\\s*${BUCKETS}(?:\\[([^\\]]*)\\])?`,
  'g',
);
/** Any of them, however it is written. */
const ANY = /\.(?:counter|gauge|histogram)\(\s*'(\w+)'/g;
/** A row of the agent's: name, sentence, label or '', values. */
const ROW = new RegExp(`\\[\\s*'([a-z_]+)',\\s*${SENTENCE},\\s*'(\\w*)',`, 'g');

const IN_ROWS = /^agent\/metrics\/.*-rows\.ts$/;

const labelsOf = (list: string): string[] => [...list.matchAll(/'(\w+)'/g)].map(([, label = '']) => label);

function metricsOf(file: string): Found[] {
  const text = read(file);
  const found = [...text.matchAll(CALL)].map(([, metric = '', labels = '']) => ({
    ...{ file, metric },
    labels: labelsOf(labels),
  }));
  if (!IN_ROWS.test(file)) return found;
  const rows = [...text.matchAll(ROW)].map(([, metric = '', label = '']) => ({
    ...{ file, metric },
    labels: label === '' ? [] : [label],
  }));
  return [...found, ...rows];
}

const files = codeFiles().filter((file) => /^(agent|central|kit)\/.*\.ts$/.test(file));
const all = files.flatMap(metricsOf);

test('metrics are found where they are', () => {
  const of = (metric: string): readonly string[] | undefined =>
    all.find((one) => one.metric === metric)?.labels;
  expect(of('lost_total')).toEqual(['reason']);
  expect(of('objects_left_out')).toEqual(['cluster', 'kind']);
  const every = files.flatMap((file) => [...read(file).matchAll(ANY)].map(([, metric]) => metric));
  expect(every.filter((metric) => of(metric ?? '') === undefined)).toEqual([]);
  expect(all.filter(({ file }) => IN_ROWS.test(file)).length).toBeGreaterThan(70);
  expect(all.filter(({ file }) => file.startsWith('central/')).length).toBeGreaterThan(40);
});

test('each label has a bound, and none is listed that no metric has', () => {
  const used = new Set(all.flatMap(({ labels }) => labels));
  expect(all.filter(({ labels }) => labels.some((label) => !(label in BOUNDS)))).toEqual([]);
  expect(Object.keys(BOUNDS).filter((label) => !used.has(label))).toEqual([]);
});

test('no metric has more than three labels, and each name is made once a process', () => {
  expect(all.filter(({ labels }) => labels.length > 3)).toEqual([]);
  const keys = all.map(({ file, metric }) => `${file.split('/')[0]} ${metric}`);
  expect(keys.filter((key, at) => keys.indexOf(key) !== at)).toEqual([]);
});
