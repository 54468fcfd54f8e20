/** The protocols of the sets of metrics: smd by the minute with labels per row, nab as streams with windows. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { averagePrecision, shareAbove } from './figures.ts';
import { judgeMetrics, judgeStream, readMetrics, readStream, testRows, trainingRows } from './metrics.ts';
import { f1, type Span, segmentsFound } from './metrics-figures.ts';
import { bestThreshold, leaveOneOut, type NabSeries, nabScore } from './nab.ts';
import type { ReportInput, Section } from './report.ts';

const ROWS_A_DAY = 1440;

interface MachineFigures {
  readonly ap: number;
  readonly f1: number;
  readonly found: number;
  readonly segments: number;
  /** Of normal test rows: share above 1 % and 5 % of what was learnt. */
  readonly one: number;
  readonly five: number;
}

/** The first of these folders that is there. */
const folderOf = (dir: string, name: string): string | undefined =>
  [join(dir, 'metrics', name), join(dir, name)].find((path) => existsSync(path));

const filesOf = (folder: string): string[] =>
  readdirSync(folder)
    .filter((file) => /\.csv(\.gz)?$/.test(file))
    .toSorted()
    .map((file) => join(folder, file));

function figuresOf(path: string): MachineFigures {
  const rows = readMetrics(path);
  const test = testRows(rows);
  const { verdicts } = judgeMetrics(trainingRows(rows), test);
  const scores = verdicts.map(({ bits }) => bits);
  const labels = test.map(({ label }) => label === '1');
  const calm = scores.filter((_, i) => labels[i] === false);
  const strange = scores.filter((_, i) => labels[i] === true);
  const [found, segments] = segmentsFound(scores, labels, Math.floor(calm.length / ROWS_A_DAY));
  const alarms = verdicts.map(({ alarm }) => alarm);
  return {
    ap: averagePrecision(calm, strange),
    f1: f1(alarms, labels),
    found,
    segments,
    one: shareAbove(calm, -Math.log2(0.01)),
    five: shareAbove(calm, -Math.log2(0.05)),
  };
}

const share = (value: number): string => value.toFixed(3);
const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;

export async function reportMachines({ dir }: ReportInput): Promise<Section | null> {
  const folder = folderOf(dir, 'smd');
  if (folder === undefined) return null;
  const machines = filesOf(folder).map((path) => ({
    name: basename(path).split('.')[0] ?? '',
    ...figuresOf(path),
  }));
  const mean = (of: (figures: MachineFigures) => number): number =>
    machines.reduce((sum, each) => sum + of(each), 0) / machines.length;
  const rows = machines.map((m) => [
    m.name,
    share(m.ap),
    share(m.f1),
    `${m.found} of ${m.segments}`,
    percent(m.one),
    percent(m.five),
  ]);
  const found = mean((m) => m.found / m.segments);
  rows.push([
    'mean',
    share(mean((m) => m.ap)),
    share(mean((m) => m.f1)),
    percent(found),
    percent(mean((m) => m.one)),
    percent(mean((m) => m.five)),
  ]);
  rows.push(['baseline', '.52', '.30', '-', '-', '-'], ['aim', '.62', '.60', '80 %', '1.3 %', '6.5 %']);
  return {
    title: 'Machine metrics (segments: at one false alarm a day)',
    head: ['MACHINE', 'AP', 'F1', 'SEGMENTS', 'ASKED 1 %', 'ASKED 5 %'],
    rows,
  };
}

type Windows = Readonly<Record<string, readonly (readonly [string, string])[]>>;

function nabSeries(path: string, windows: Windows): NabSeries | null {
  const name = basename(path).replace(/\.gz$/, '').replace('__', '/');
  const spans = windows[name];
  if (spans === undefined) return null;
  const { times, values } = readStream(path);
  // Windows name instants to the microsecond, rows to the second.
  const rowOf = (instant: string): number => times.indexOf(instant.slice(0, 19));
  const found = spans.map(([from, to]): Span => [rowOf(from), rowOf(to)]);
  return { scores: judgeStream(values), windows: found };
}

export async function reportStreams({ dir }: ReportInput): Promise<Section | null> {
  const folder = folderOf(dir, 'nab');
  const labels = folder === undefined ? '' : join(folder, 'windows.json');
  if (folder === undefined || !existsSync(labels)) return null;
  const windows = JSON.parse(readFileSync(labels, 'utf8')) as Windows;
  const series = filesOf(folder).flatMap((path) => nabSeries(path, windows) ?? []);
  const count = series.reduce((sum, each) => sum + each.windows.length, 0);
  const own = nabScore(series, bestThreshold(series));
  return {
    title: 'Single series, streamed (standard profile)',
    head: ['SERIES', 'WINDOWS', 'THRESHOLD FROM OTHERS', 'ONE FOR ALL', 'BASELINE', 'AIM'],
    rows: [
      [String(series.length), String(count), leaveOneOut(series).toFixed(1), own.toFixed(1), '56', '75'],
    ],
  };
}
