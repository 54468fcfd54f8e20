/** `picket evaluate traces`: learns the normal traces of one file, scores those of another. */
import type { CallName } from '../../agent/models/traces/alphabet.ts';
import { TraceDetector, type TraceVerdict } from '../../agent/models/traces/trace-detector.ts';
import { EXIT } from '../args.ts';
import type { Call } from '../command.ts';
import { needed, round, writeLines } from './lines.ts';
import { lots, seedOf } from './lots.ts';
import { type Row, readRows } from './ndjson.ts';

export interface Trace {
  readonly id: string;
  readonly calls: readonly CallName[];
  readonly label: string | null;
  readonly split: string | null;
  /** Service or class. */
  readonly group: string | null;
  readonly distinct: boolean;
}

const isCall = (value: unknown): value is CallName =>
  typeof value === 'string' || Number.isSafeInteger(value);
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** @throws TypeError that says which field is wrong. */
export function traceOf(row: Row): Trace {
  const { id, calls, label, split, distinct } = row;
  if (typeof id !== 'string' && typeof id !== 'number')
    throw new TypeError('id is neither text nor a number');
  if (!Array.isArray(calls)) throw new TypeError('calls is not a list');
  const wrong = calls.findIndex((call) => !isCall(call));
  if (wrong !== -1) throw new TypeError(`calls[${wrong}] is neither text nor a whole number`);
  return {
    id: String(id),
    calls,
    label: textOf(label),
    split: textOf(split),
    group: textOf(row['service']) ?? textOf(row['class']),
    distinct: distinct !== false,
  };
}

/** What may be learnt: normal traces of the split `train`, where the rows say so. */
export const trainingOf = (traces: readonly Trace[]): Trace[] =>
  traces.filter(({ split, label }) => (split ?? 'train') === 'train' && (label ?? 'normal') === 'normal');

export const testOf = (traces: readonly Trace[]): Trace[] =>
  traces.filter(({ split }) => (split ?? 'test') === 'test');

function line(id: string, { score, p, bits, unknown }: TraceVerdict): string {
  const verdict = { id, score: round(score), p: round(p), bits: round(bits) };
  return `${JSON.stringify(unknown ? { ...verdict, unknown } : verdict)}\n`;
}

export async function evaluateTraces(call: Call): Promise<number> {
  const [train, test] = [needed(call, 'train'), needed(call, 'test')];
  const learnt = trainingOf(await readRows(train, traceOf));
  if (learnt.length === 0) throw new Error(`${train}: no normal training trace`);
  const judged = testOf(await readRows(test, traceOf));
  const began = performance.now();
  const detector = new TraceDetector(
    learnt.map(({ calls }) => calls),
    lots(seedOf(call)),
  );
  const ready = performance.now();
  const verdicts = judged.map(({ id, calls }) => line(id, detector.judge(calls)));
  const calls = judged.reduce((sum, trace) => sum + trace.calls.length, 0);
  const micros = ((performance.now() - ready) * 1000) / Math.max(1, calls);
  await writeLines(call, verdicts);
  call.io.error(
    `${learnt.length} traces learnt in ${((ready - began) / 1000).toFixed(1)} s, ${judged.length} judged, ${micros.toFixed(2)} µs per call\n`,
  );
  return EXIT.ok;
}
