/**
 * `picket evaluate audit`: requests to an API server, scored by what they would give and, where there is something to
 * learn from, by whether anybody made their like before. With --stream, what would be told of a log read from nothing; with --labels, which
 * attacks in it.
 */
import { decodeAudit } from '../../central/audit/decode.ts';
import type { AuditEvent } from '../../central/audit/event.ts';
import { tupleOf } from '../../central/audit/names.ts';
import { riskOf } from '../../central/audit/risk.ts';
import { Watch } from '../../central/audit/watch.ts';
import { EXIT } from '../args.ts';
import type { Call } from '../command.ts';
import { table } from '../text.ts';
import { type AuditLabels, falseByDay, judgeDays, readLabels } from './audit-days.ts';
import { needed, round, writeLines } from './lines.ts';
import { type Row, readRows } from './ndjson.ts';

export interface Entry {
  readonly id: string;
  /** Null: no request to an API server, which is never strange. */
  readonly event: AuditEvent | null;
  readonly malicious: boolean;
  /** Rule that the entry was written for. */
  readonly rule: string;
}

/** A row is an event of a log, or has one in `log`. */
export function entryOf(row: Row, index: number): Entry {
  const inside = row['log'];
  const wrapped = typeof inside === 'object' && inside !== null;
  return {
    id: String(row['id'] ?? row['auditID'] ?? index + 1),
    event: decodeAudit(wrapped ? inside : row),
    malicious: row['malicious'] === true || row['label'] === 'attack',
    rule: String(row['rule'] ?? ''),
  };
}

export async function readEntries(path: string): Promise<Entry[]> {
  let index = 0;
  return readRows(path, (row) => entryOf(row, index++));
}

/** Of what is left of the risk: a request without its like is a little stranger, which orders those of equal risk. */
const NEW = 0.1;

/** Learns normal entries. @returns the score of an entry, 0 to 1. */
export function auditScorer(learnt: readonly Entry[]): (entry: Entry) => number {
  const known = new Set(learnt.flatMap(({ event }) => (event === null ? [] : [tupleOf(event)])));
  return ({ event }) => {
    if (event === null) return 0;
    const { score } = riskOf(event);
    return known.size === 0 || known.has(tupleOf(event)) ? score : score + NEW * (1 - score);
  };
}

export const timed = (events: readonly AuditEvent[]): { event: AuditEvent; ms: number }[] =>
  events.map((event) => ({ event, ms: Date.parse(event.time) || 0 }));

export interface Streamed {
  readonly events: number;
  readonly alerts: number;
  readonly fresh: number;
  readonly minutes: number;
}

/** What is told of a log that is read once more each pass, each time with ids of its own. */
export function stream(events: readonly { event: AuditEvent; ms: number }[], passes: number): Streamed[] {
  const watch = new Watch('evaluated');
  const first = events[0]?.ms ?? 0;
  const length = (events.at(-1)?.ms ?? first) - first;
  return Array.from({ length: passes }, (_, pass) => {
    const before = watch.habits.size;
    const alerts = new Set<string>();
    for (const { event, ms } of events) {
      const at = ms + pass * (length + 60_000);
      const again = { ...event, id: event.id === '' ? '' : `${event.id} ${pass}` };
      watch.event({ ...again, time: at === 0 ? event.time : new Date(at).toISOString() }, at, []);
      for (const { alert } of watch.groups.take()) alerts.add(alert.id);
    }
    return {
      events: events.length,
      alerts: alerts.size,
      fresh: watch.habits.size - before,
      minutes: length / 60_000,
    };
  });
}

const PASSES = 3;

/** Recorded days with attacks that are labelled. */
function evaluateDays({ io }: Call, events: ReturnType<typeof timed>, labels: AuditLabels): number {
  const judged = judgeDays(events, labels);
  const rows = [...judged.found].map(([name, { told, opens }]) => [
    name,
    opens ? 'opens an incident' : told ? 'told' : 'missed',
  ]);
  io.out(`${table(['TECHNIQUE', 'FOUND'], rows)}\n`);
  const wrong = judged.alerts.filter(({ techniques }) => techniques.length === 0);
  const told = wrong.map(({ at, severity, title }) => [new Date(at).toISOString(), severity, title]);
  if (told.length > 0) io.out(`${table(['FALSE ALERT', 'SEVERITY', 'TITLE'], told)}\n`);
  const found = [...judged.found.values()];
  const days = falseByDay(judged, { days: labels.days, firstMs: events[0]?.ms ?? 0 });
  const perDay = days.map(({ all, grave }) => `${all} (${grave} open an incident)`).join(', ');
  io.out(
    `${judged.events} events: ${found.filter((one) => one.told).length} of ${found.length} techniques told, ` +
      `${found.filter((one) => one.opens).length} open an incident; false alerts by day: ${perDay}\n`,
  );
  return EXIT.ok;
}

async function evaluateStream(call: Call, path: string): Promise<number> {
  const events = timed((await readEntries(path)).flatMap(({ event }) => (event === null ? [] : [event])));
  const { labels } = call.flags;
  if (typeof labels === 'string') return evaluateDays(call, events, readLabels(labels));
  for (const [pass, { events: count, alerts, fresh, minutes }] of stream(events, PASSES).entries())
    call.io.out(
      `pass ${pass + 1}: ${count} events in ${minutes.toFixed(1)} min, ${fresh} new facts, ${alerts} grouped alert(s)\n`,
    );
  return EXIT.ok;
}

export async function evaluateAudit(call: Call): Promise<number> {
  const { train, stream: streamed } = call.flags;
  if (typeof streamed === 'string') return evaluateStream(call, streamed);
  const test = needed(call, 'test');
  const learnt =
    typeof train === 'string' ? (await readEntries(train)).filter(({ malicious }) => !malicious) : [];
  const score = auditScorer(learnt);
  const entries = await readEntries(test);
  await writeLines(
    call,
    entries.map((entry) => `${JSON.stringify({ id: entry.id, score: round(score(entry)) })}\n`),
  );
  const foreign = entries.filter(({ event }) => event === null).length;
  call.io.error(
    `${learnt.length} entries learnt, ${entries.length} judged, ${foreign} of them no Kubernetes request\n`,
  );
  return EXIT.ok;
}
