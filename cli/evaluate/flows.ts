/**
 * `picket evaluate flows`: learns the flows of one file and scores those of another in order of time. Who talks to whom,
 * when and how much; ports are not looked at.
 */
import { type FlowRecord, Imbalance } from '../../agent/models/volume/imbalance.ts';
import { EXIT } from '../args.ts';
import type { Call } from '../command.ts';
import { columnOf, readCsv } from './csv.ts';
import { needed, round, writeLines } from './lines.ts';

export interface FlowRow extends FlowRecord {
  /** Row of the file, from 0. */
  readonly id: number;
  readonly label: string | null;
}

const COLUMNS = {
  from: 'source_source_ip',
  to: 'source_destination_ip',
  bytes: 'source_network_bytes',
  at: 'source_timestamp',
} as const;

/** In order of time. */
export function readFlows(path: string): FlowRow[] {
  const csv = readCsv(path);
  const [from, to] = [columnOf(path, csv, COLUMNS.from), columnOf(path, csv, COLUMNS.to)];
  const [bytes, at] = [columnOf(path, csv, COLUMNS.bytes), columnOf(path, csv, COLUMNS.at)];
  const label = csv.names.indexOf('label');
  const rows = csv.rows.map((row, id) => ({
    id,
    label: row[label] ?? null,
    from: row[from] ?? '',
    to: row[to] ?? '',
    bytes: Number(row[bytes]),
    at: Number(row[at]) / 1000,
  }));
  return rows.sort((a, b) => a.at - b.at || a.id - b.id);
}

/** Bits of each flow that is judged, in the order given. */
export function judgeFlows(train: readonly FlowRecord[], test: readonly FlowRecord[]): number[] {
  const model = new Imbalance();
  for (const flow of train) model.learn(flow);
  return test.map((flow) => {
    const { bits } = model.score(flow);
    model.follow(flow);
    return bits;
  });
}

export async function evaluateFlows(call: Call): Promise<number> {
  const [trainPath, testPath] = [needed(call, 'train'), needed(call, 'test')];
  const train = readFlows(trainPath).filter(({ label }) => (label ?? 'benign') === 'benign');
  if (train.length === 0) throw new Error(`${trainPath}: no benign flow to learn`);
  const test = readFlows(testPath);
  const scores = judgeFlows(train, test);
  await writeLines(
    call,
    test.map(({ id }, i) => `${JSON.stringify({ id, score: round(scores[i] ?? 0) })}\n`),
  );
  call.io.error(`${train.length} flows learnt, ${test.length} judged\n`);
  return EXIT.ok;
}
