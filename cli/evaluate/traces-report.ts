/** The protocols of the trace sets: which units are learnt, which are judged, and the figures to beat. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TraceDetector, type TraceVerdict } from '../../agent/models/traces/trace-detector.ts';
import { reportHids } from './hids-report.ts';
import { readRows } from './ndjson.ts';
import type { ReportInput, Section } from './report.ts';
import { type TraceRow, testOf, traceOf, trainingOf } from './traces.ts';
import { type Bars, figuresOf, HEAD, type Judged } from './traces-table.ts';

interface Protocol extends Bars {
  readonly name: string;
  readonly file: string;
  /** What is learnt and what is judged, of the rows of the file. */
  select(rows: readonly TraceRow[]): { train: readonly TraceRow[]; test: readonly TraceRow[] };
}

const split = (rows: readonly TraceRow[]) => ({ train: trainingOf(rows), test: testOf(rows) });
const distinct = (rows: readonly TraceRow[]): TraceRow[] => rows.filter((row) => row.distinct);

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

function judge(train: readonly TraceRow[], test: readonly TraceRow[], seed: number): Judged {
  const detector = new TraceDetector(seed);
  for (const trace of train) detector.learn(trace);
  const of = (label: string): TraceVerdict[] =>
    test.filter((trace) => trace.label === label).map((trace) => detector.judge(trace));
  return { normals: of('normal'), attacks: of('attack') };
}

/** In `dir/traces`, or in `dir` itself. */
const place = (dir: string, file: string): string | undefined =>
  [join(dir, 'traces', file), join(dir, file)].find((path) => existsSync(path));

export async function reportTraces({ dir, seed }: ReportInput): Promise<Section | null> {
  const rows: string[][] = [];
  for (const protocol of PROTOCOLS) {
    const path = place(dir, protocol.file);
    if (path === undefined) continue;
    const { train, test } = protocol.select(await readRows(path, traceOf));
    rows.push(figuresOf(protocol.name, train.length, judge(train, test, seed), protocol));
  }
  rows.push(...reportHids(dir, seed));
  return rows.length === 0
    ? null
    : { title: 'System-call traces (baseline and aim: AUC DR@1 DR@5)', head: HEAD, rows };
}
