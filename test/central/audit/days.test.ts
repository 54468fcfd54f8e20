import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readEntries, timed } from '../../../cli/evaluate/audit.ts';
import { falseByDay, judgeDays, readLabels } from '../../../cli/evaluate/audit-days.ts';

/** Two recorded days of a real API server; test/cluster/audit-day says how they are made and what is in them. */
async function judged(seed: number) {
  const file = (end: string): string => join(import.meta.dirname, 'days', `seed-${seed}.${end}`);
  const labels = readLabels(file('labels.json'));
  const entries = await readEntries(file('ndjson.gz'));
  const events = timed(entries.flatMap(({ event }) => (event === null ? [] : [event])));
  const days = judgeDays(events, labels);
  const missed = [...days.found].filter(([, { told }]) => !told).map(([name]) => name);
  const opened = [...days.found.values()].filter(({ opens }) => opens).length;
  const wrong = falseByDay(days, { days: labels.days, firstMs: events[0]?.ms ?? 0 });
  return { techniques: days.found.size, missed, opened, wrong };
}

test('tells what attackers did in a recorded day, and next to nothing else', async () => {
  const { techniques, missed, opened, wrong } = await judged(1);
  expect(techniques).toBe(22);
  expect(missed).toEqual([
    'node-proxy',
    'token-used-elsewhere',
    'certificate-approved',
    'ephemeral-container',
  ]);
  expect(opened).toBeGreaterThanOrEqual(15);
  // The first day is the first that central ever sees.
  expect(wrong[0]?.all).toBeLessThanOrEqual(7);
  expect(wrong[1]).toEqual({ all: 0, grave: 0 });
}, 60_000);
