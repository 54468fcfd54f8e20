import { expect, test } from 'vitest';
import type { Fact } from '../../../agent/features/fact.ts';
import { Keys, MAX_LOADED } from '../../../agent/profile/keys.ts';

const folder = (n: number): Fact => ({ kind: 'folder', value: `w /f${n}` });

test('gives the keys of what is accepted of one workload, the latest when there are many', () => {
  const keys = new Keys();
  for (let n = 0; n < 1000; n++) keys.note('w', BigInt(n), folder(n));
  keys.note('w', 3n, folder(3)); // told again
  keys.note('other', 5000n, folder(1));
  const even = keys.accepted('w', ({ value }) => Number(value.slice(4)) % 2 === 0);
  expect([even.length, even[0], even.at(-1)]).toEqual([500, 0n, 998n]);
  const all = keys.accepted('w', () => true);
  expect([all.length, all[0], all.at(-1)]).toEqual([MAX_LOADED, 489n, 3n]);
  expect(keys.accepted('none', () => true)).toEqual(new BigUint64Array(0));
});

test('is bounded, for one workload and for all', () => {
  const keys = new Keys();
  for (let n = 0; n < 5000; n++) keys.note('w', BigInt(n), folder(n));
  expect(keys.size).toBe(2048);
  for (let n = 0; n < 100_000; n++) keys.note(`w${n % 40}`, BigInt(n), folder(n));
  expect(keys.size).toBe(16_384);
  expect(keys.accepted('w', () => true)).toHaveLength(0); // silent for longest
});
