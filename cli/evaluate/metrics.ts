/**
 * `picket evaluate metrics`: learns the rows of one file of metrics and scores those of another, row after row as they
 * would come; or with --stream one series that is scored and learnt at once, from nothing.
 */
import { Refractory } from '../../agent/models/volume/refractory.ts';
import { RunningThreshold } from '../../agent/models/volume/running-threshold.ts';
import { Series } from '../../agent/models/volume/series.ts';
import { EXIT, UsageError } from '../args.ts';
import type { Call } from '../command.ts';
import { columnOf, readCsv } from './csv.ts';
import { needed, round, writeLines } from './lines.ts';

export interface MetricRow {
  readonly split: string | null;
  readonly label: string | null;
  readonly values: Float64Array;
}

export interface MetricVerdict {
  readonly bits: number;
  readonly alarm: boolean;
}

export interface JudgedMetrics {
  /** Of the training rows, each from before it was learnt. */
  readonly learnt: readonly number[];
  readonly verdicts: readonly MetricVerdict[];
}

const NOT_METRICS: ReadonlySet<string> = new Set(['split', 'label', 'timestamp', 'time', 'id']);
/** Bits of earlier rows rest on too little to set a threshold. */
const SETTLED = 1 / 2;

/** An empty or odd value is not known, NaN. */
const numberOf = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

export function readMetrics(path: string): MetricRow[] {
  const { names, rows } = readCsv(path);
  const metrics = names.flatMap((name, i) => (NOT_METRICS.has(name) ? [] : [i]));
  if (metrics.length === 0) throw new Error(`${path}: no metrics`);
  const [split, label] = [names.indexOf('split'), names.indexOf('label')];
  return rows.map((row) => ({
    split: row[split] ?? null,
    label: row[label] ?? null,
    values: Float64Array.from(metrics, (i) => numberOf(row[i] ?? '')),
  }));
}

/** Rows that may be learnt: the split `train`, where the file has splits. */
export const trainingRows = (rows: readonly MetricRow[]): MetricRow[] =>
  rows.filter(({ split }) => (split ?? 'train') === 'train');

export const testRows = (rows: readonly MetricRow[]): MetricRow[] =>
  rows.filter(({ split }) => (split ?? 'test') === 'test');

/** @throws Error when the files have different numbers of metrics. */
export function judgeMetrics(train: readonly MetricRow[], test: readonly MetricRow[]): JudgedMetrics {
  const size = train[0]?.values.length ?? 0;
  const series = new Series(size);
  const learnt: number[] = [];
  for (const { values } of train) {
    learnt.push(series.score(values).bits);
    series.learn(values);
  }
  const threshold = new RunningThreshold(learnt.slice(Math.floor(learnt.length * SETTLED)));
  const verdicts = test.map(({ values }) => {
    if (values.length !== size) throw new Error(`${values.length} metrics to judge, ${size} learnt`);
    const { bits } = series.score(values);
    series.follow(values);
    return { bits, alarm: threshold.pass(bits) };
  });
  return { learnt, verdicts };
}

/** Scores of one series, each from before its row was learnt; a run of strange rows is told once. */
export function judgeStream(values: readonly number[]): number[] {
  const series = new Series(1);
  const refractory = new Refractory();
  return values.map((value) => {
    const row = Float64Array.of(value);
    // One metric: its strangest view, for the mean of views dilutes it.
    const strange = series.score(row).metrics[0] ?? 0;
    series.learn(row);
    return refractory.pass(strange);
  });
}

export async function evaluateMetrics(call: Call): Promise<number> {
  const stream = call.flags['stream'];
  if (typeof stream === 'string') return evaluateStream(call, stream);
  const [trainPath, testPath] = [needed(call, 'train'), needed(call, 'test')];
  const train = trainingRows(readMetrics(trainPath));
  if (train.length === 0) throw new Error(`${trainPath}: no row to learn`);
  const test = testRows(readMetrics(testPath));
  const began = performance.now();
  const { verdicts } = judgeMetrics(train, test);
  const micros = ((performance.now() - began) * 1000) / Math.max(1, train.length + test.length);
  await writeLines(
    call,
    verdicts.map(({ bits, alarm }, id) => `${JSON.stringify({ id, score: round(bits), alarm })}\n`),
  );
  call.io.error(`${train.length} rows learnt, ${test.length} judged, ${micros.toFixed(1)} µs per row\n`);
  return EXIT.ok;
}

async function evaluateStream(call: Call, path: string): Promise<number> {
  for (const flag of ['train', 'test'])
    if (call.flags[flag] !== undefined)
      throw new UsageError(`evaluate metrics: --stream learns as it goes; it takes no --${flag}`);
  const scores = judgeStream(readStream(path).values);
  await writeLines(
    call,
    scores.map((score, id) => `${JSON.stringify({ id, score: round(score) })}\n`),
  );
  return EXIT.ok;
}

/** A file of `timestamp,value`. */
export function readStream(path: string): {
  readonly times: readonly string[];
  readonly values: readonly number[];
} {
  const csv = readCsv(path);
  const [time, value] = [columnOf(path, csv, 'timestamp'), columnOf(path, csv, 'value')];
  return {
    times: csv.rows.map((row) => row[time] ?? ''),
    values: csv.rows.map((row) => numberOf(row[value] ?? '')),
  };
}
