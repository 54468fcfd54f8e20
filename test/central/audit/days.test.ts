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

/** What is missed is named: whoever finds it changes this line. Seed 4 was judged for the first time after the mending. */
const DAYS: readonly (readonly [number, { missed: string[]; opened: number }])[] = [
  [1, { missed: ['token-used-elsewhere'], opened: 18 }],
  [4, { missed: ['ephemeral-container', 'objects-destroyed'], opened: 19 }],
];

test.each(DAYS)(
  'tells what attackers did in recorded days %i, and next to nothing else',
  async (seed, found) => {
    const { techniques, missed, opened, wrong } = await judged(seed);
    expect({ techniques, missed: missed.toSorted(), opened }).toEqual({ techniques: 22, ...found });
    // The first day is the first that central ever sees: a new collector of logs, and the first way to a port.
    expect(wrong).toEqual([
      { all: 2, grave: 1 },
      { all: 0, grave: 0 },
    ]);
  },
  60_000,
);
