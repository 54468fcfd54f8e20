import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test, vi } from 'vitest';
import { Spool } from '../../../agent/uplink/spool.ts';
import { detectionEntry } from '../../../agent/uplink/summarize.ts';
import { givenClock } from '../../../kit/clock.ts';

const { answers, syncs } = vi.hoisted(() => ({
  answers: [] as (() => void)[],
  syncs: { underWay: 0, most: 0, slow: true },
}));
// A disk that answers when it is told to.
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  fdatasync: (_file: number, done: (error: Error | null) => void) => {
    if (!syncs.slow) return done(null);
    syncs.underWay += 1;
    syncs.most = Math.max(syncs.most, syncs.underWay);
    answers.push(() => {
      syncs.underWay -= 1;
      done(null);
    });
  },
}));

const folder = mkdtempSync(join(tmpdir(), 'picket-slow-disk-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a disk that does not answer holds one thread of the pool, however many segments are closed', async () => {
  const errors: unknown[] = [];
  const spool = new Spool({
    folder,
    boot: '0b9f5a1e-7a44-4c0c-9f6e-3a1f2b4c5d6e',
    clock: givenClock({ bootNs: 1n, wallMs: 1_800_000_000_000 }),
    maxBytes: 1024 ** 2,
    segmentBytes: 16 * 1024,
    onError: (error) => errors.push(error),
  });
  for (let index = 0; index < 100; index += 1)
    spool.append(detectionEntry({ id: `det-${index}`, summary: 'x'.repeat(1000) }));
  await vi.waitFor(() => expect(syncs.underWay).toBe(1), { timeout: 3000 });
  for (let accepted = 0; accepted < 3; accepted += 1) {
    const segment = await spool.next({ evenEmpty: true });
    spool.settle(segment?.sequence ?? 0);
  }
  await sleep(1100);
  expect({ most: syncs.most, errors }).toEqual({ most: 1, errors: [] });
  syncs.slow = false;
  for (const answer of answers) answer();
  await spool.close();
});
