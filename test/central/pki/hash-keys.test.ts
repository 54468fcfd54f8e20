/** The fleet's hash keys: made once, two valid, rotated when nodes' certificates have all been renewed. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openHashKeys } from '../../../central/pki/hash-keys.ts';
import { systemClock } from '../../../kit/clock.ts';

const DAY_MS = 86_400_000;
let folder = '';
let now = 0;
const clock = { ...systemClock(), wallMs: () => now };
beforeEach(() => {
  now = 1_800_000_000_000;
  folder = mkdtempSync(join(tmpdir(), 'picket-hash-keys-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const ids = async (): Promise<string[]> => (await openHashKeys(folder, clock)).valid().map(({ id }) => id);

test('one is made, for its owner alone, and is the same afterwards', async () => {
  const [first] = await ids();
  expect(await ids()).toEqual([first]);
  expect(first).toMatch(/^hash-[0-9a-f]{16}$/);
  expect(statSync(join(folder, 'hash-keys')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(folder, 'hash-keys'), 'utf8')).toMatch(
    /^2027-01-15T08:00:00.000Z [0-9a-f]{64}\n$/,
  );
});

test('after 90 days there is a new one before it, after 180 the first is gone, also in a central that runs on', async () => {
  const keys = await openHashKeys(folder, clock);
  const [first] = keys.valid();
  now += 90 * DAY_MS - 1;
  expect(keys.valid()).toEqual([first]);
  now += 1;
  const [second, before] = keys.valid();
  expect(before).toEqual(first);
  expect(second?.id).not.toBe(first?.id);
  expect(await ids()).toEqual([second?.id, first?.id]);
  now += 90 * DAY_MS;
  const [third, ...rest] = keys.valid();
  expect(rest).toEqual([second]);
  expect(await ids()).toEqual([third?.id, second?.id]);
});

test('a file that others can read, or that is none, is refused', async () => {
  await openHashKeys(folder, clock);
  chmodSync(join(folder, 'hash-keys'), 0o644);
  await expect(openHashKeys(folder, clock)).rejects.toMatchObject({ code: 'PICKET_KEY_FILE' });
  chmodSync(join(folder, 'hash-keys'), 0o600);
  for (const text of ['', 'never ab\n']) {
    writeFileSync(join(folder, 'hash-keys'), text);
    await expect(openHashKeys(folder, clock)).rejects.toThrow('hash-keys: ');
  }
});
