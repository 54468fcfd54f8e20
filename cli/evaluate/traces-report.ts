/** The protocols of the trace sets: which units are learnt, which are judged, and the figures to beat. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TraceDetector, type TraceVerdict } from '../../agent/models/traces/trace-detector.ts';
import { achieved, auc, drAt } from './figures.ts';
import { readRows } from './ndjson.ts';
import type { ReportInput, Section } from './report.ts';
import { type Trace, testOf, traceOf, trainingOf } from './traces.ts';

export interface Judged {
  readonly normals: readonly TraceVerdict[];
  readonly attacks: readonly TraceVerdict[];
}

/** AUC, DR@1, DR@5 of the best simple baseline, and the aim. */
interface Bars {
  readonly baseline: string;
  readonly aim: string;
}

interface Protocol extends Bars {
  readonly name: string;
  readonly file: string;
  /** What is learnt and what is judged, of the rows of the file. */
  select(rows: readonly Trace[]): { train: readonly Trace[]; test: readonly Trace[] };
}

const split = (rows: readonly Trace[]) => ({ train: trainingOf(rows), test: testOf(rows) });
const distinct = (rows: readonly Trace[]): Trace[] => rows.filter((row) => row.distinct);

const PROTOCOLS: readonly Protocol[] = [
  {
    name: 'fhids-dev, distinct',
    file: 'fhids-dev.ndjson.gz',
    baseline: '.986 .75 .87',
    aim: '.992 .85 .95',
    select: (rows) => split(distinct(rows)),
  },
  {
    name: 'adfa-ld-dev',
    file: 'adfa-ld-dev.ndjson.gz',
    baseline: '.870 .22 .36',
    aim: '.90 .30 .50',
    select: split,
  },
  {
    name: 'adfa-ld-dev, distinct only',
    file: 'adfa-ld-dev.ndjson.gz',
    baseline: '-',
    aim: '-',
    select: (rows) => split(distinct(rows)),
  },
];

export const HEAD = [
  'SET',
  'LEARNT',
  'NORMAL',
  'ATTACK',
  'AUC',
  'DR@1',
  'DR@5',
  'ASKED 1 %',
  'ASKED 5 %',
  'UNKNOWN',
  'BASELINE',
  'AIM',
];

const share = (value: number): string => value.toFixed(3);
const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;

/** One row of the table. `learnt` is the number of training units. */
export function figuresOf(name: string, learnt: number, { normals, attacks }: Judged, bars: Bars): string[] {
  const calm = normals.map(({ score }) => score);
  const strange = attacks.map(({ score }) => score);
  const unknown = normals.filter((verdict) => verdict.unknown).length / normals.length;
  return [
    name,
    String(learnt),
    String(normals.length),
    String(attacks.length),
    share(auc(calm, strange)),
    share(drAt(calm, strange, 0.01)),
    share(drAt(calm, strange, 0.05)),
    percent(achieved(normals, 0.01)),
    percent(achieved(normals, 0.05)),
    percent(unknown),
    bars.baseline,
    bars.aim,
  ];
}

function judge(train: readonly Trace[], test: readonly Trace[], lot: () => number): Judged {
  const detector = new TraceDetector(
    train.map(({ calls }) => calls),
    lot,
  );
  const of = (label: string): TraceVerdict[] =>
    test.filter((trace) => trace.label === label).map(({ calls }) => detector.judge(calls));
  return { normals: of('normal'), attacks: of('attack') };
}

/** In `dir/traces`, or in `dir` itself. */
const place = (dir: string, file: string): string | undefined =>
  [join(dir, 'traces', file), join(dir, file)].find((path) => existsSync(path));

export async function reportTraces({ dir, lots }: ReportInput): Promise<Section | null> {
  const rows: string[][] = [];
  for (const protocol of PROTOCOLS) {
    const path = place(dir, protocol.file);
    if (path === undefined) continue;
    const { train, test } = protocol.select(await readRows(path, traceOf));
    rows.push(figuresOf(protocol.name, train.length, judge(train, test, lots()), protocol));
  }
  return rows.length === 0
    ? null
    : { title: 'System-call traces (baseline and aim: AUC DR@1 DR@5)', head: HEAD, rows };
}
