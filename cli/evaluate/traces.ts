/** `picket evaluate traces`: learns the normal traces of one file, scores those of another. */
import type { CallName } from '../../agent/models/traces/alphabet.ts';
import type { Facts } from '../../agent/models/traces/arguments.ts';
import type { Trace } from '../../agent/models/traces/sample.ts';
import { TraceDetector, type TraceVerdict } from '../../agent/models/traces/trace-detector.ts';
import { EXIT } from '../args.ts';
import type { Call } from '../command.ts';
import { needed, round, writeLines } from './lines.ts';
import { seedOf } from './lots.ts';
import { type Row, readRows } from './ndjson.ts';

export interface TraceRow extends Trace {
  readonly id: string;
  readonly label: string | null;
  readonly split: string | null;
  readonly distinct: boolean;
}

const isCall = (value: unknown): value is CallName =>
  typeof value === 'string' || Number.isSafeInteger(value);
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** What the arguments of each call were like, where the row says so. */
function factsOf(value: unknown, calls: number): Facts | null {
  if (value === undefined || value === null) return null;
  const isList = (one: unknown): boolean =>
    Array.isArray(one) && one.every((fact) => typeof fact === 'string');
  if (!Array.isArray(value) || !value.every(isList))
    throw new TypeError('facts is not a list of lists of text');
  if (value.length !== calls) throw new TypeError(`facts has ${value.length} lists for ${calls} calls`);
  return value;
}

/** @throws TypeError that says which field is wrong. */
export function traceOf(row: Row): TraceRow {
  const { id, calls, label, split, distinct } = row;
  if (typeof id !== 'string' && typeof id !== 'number')
    throw new TypeError('id is neither text nor a number');
  if (!Array.isArray(calls)) throw new TypeError('calls is not a list');
  const wrong = calls.findIndex((call) => !isCall(call));
  if (wrong !== -1) throw new TypeError(`calls[${wrong}] is neither text nor a whole number`);
  const facts = factsOf(row['facts'], calls.length);
  return {
    id: String(id),
    calls,
    ...(facts === null ? {} : { facts }),
    label: textOf(label),
    split: textOf(split),
    distinct: distinct !== false,
  };
}

/** What may be learnt: normal traces of the split `train`, where the rows say so. */
export const trainingOf = (traces: readonly TraceRow[]): TraceRow[] =>
  traces.filter(({ split, label }) => (split ?? 'train') === 'train' && (label ?? 'normal') === 'normal');

export const testOf = (traces: readonly TraceRow[]): TraceRow[] =>
  traces.filter(({ split }) => (split ?? 'test') === 'test');

function line(id: string, { score, p, bits, unknown }: TraceVerdict): string {
  const verdict = { id, score: round(score), p: round(p), bits: round(bits) };
  return `${JSON.stringify(unknown ? { ...verdict, unknown } : verdict)}\n`;
}

/** CPU time of this process: what a busy machine does not stretch. */
function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

export async function evaluateTraces(call: Call): Promise<number> {
  const [train, test] = [needed(call, 'train'), needed(call, 'test')];
  const learnt = trainingOf(await readRows(train, traceOf));
  if (learnt.length === 0) throw new Error(`${train}: no normal training trace`);
  const judged = testOf(await readRows(test, traceOf));
  const began = cpuMicros();
  const detector = new TraceDetector(seedOf(call));
  for (const trace of learnt) detector.learn(trace);
  detector.judge({ calls: [] }); // Builds the models.
  const ready = cpuMicros();
  const verdicts = judged.map((trace) => line(trace.id, detector.judge(trace)));
  const calls = judged.reduce((sum, trace) => sum + trace.calls.length, 0);
  const micros = (cpuMicros() - ready) / Math.max(1, calls);
  await writeLines(call, verdicts);
  call.io.error(
    `${learnt.length} traces learnt in ${((ready - began) / 1e6).toFixed(1)} s, ${judged.length} judged, ${micros.toFixed(2)} µs per call (CPU time)\n`,
  );
  return EXIT.ok;
}
