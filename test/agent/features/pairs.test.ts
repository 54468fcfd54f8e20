import { expect, test } from 'vitest';
import type { PairEvent } from '../../../agent/events/event.ts';
import { PairWindow } from '../../../agent/features/pair-window.ts';
import { PAIR_BYTES, Pairs, pairsIn } from '../../../agent/features/pairs.ts';

const x64 = new Pairs('x64');
const arm64 = new Pairs('arm64');
const nameOf = (pairs: Pairs, previous: number, current: number): string | undefined =>
  pairs.fact(pairs.indexOf({ previous, current }))?.value;

test('a pair has the same name on every architecture, and the name of the operation whatever the form', () => {
  expect([nameOf(x64, 257, 10), nameOf(x64, 2, 10), nameOf(arm64, 56, 226)]).toEqual([
    'open>mprotect',
    'open>mprotect',
    'open>mprotect',
  ]);
  expect(nameOf(x64, 511, 600)).toBe(undefined); // no such number
  expect(nameOf(x64, 511, 500)).toBe('compat>other');
});

test('bits are the pairs they were made from, in the order of the kernel', () => {
  const values = ['open>mprotect', 'read>write', 'execve>brk'];
  const bits = x64.bits([...values, 'no>such', 'open', '']);
  expect(bits).toHaveLength(PAIR_BYTES);
  const found = pairsIn(bits).map((index) => x64.fact(index)?.value);
  expect(found.toSorted()).toEqual(values.toSorted());
  const index = x64.indexOf({ previous: 257, current: 10 });
  expect((bits[index >> 3] ?? 0) & (1 << (index & 7))).not.toBe(0);
  expect(pairsIn(new Uint8Array(PAIR_BYTES).fill(255))).toEqual(Array.from({ length: 65_536 }, (_, i) => i));
});

test('what is no pair of operations is no fact, whatever a recording holds', () => {
  expect([0, 255, 65_535, 65_536, 2 ** 32 - 1].map((index) => x64.fact(index))).toEqual(Array(5).fill(null));
});

const made = (pid: number, n: number): PairEvent => ({
  kind: 'pair',
  time: BigInt(n),
  cpu: 0,
  slot: 2,
  cgroup: 5,
  process: { pid, start: 1n, parentPid: 1, parentStart: 1n, uid: 0 },
  tid: pid,
  previous: 0,
  current: 0,
});

test('a window says who made most of some pairs, and that it does not hold all', () => {
  const window = new PairWindow();
  const pair = (n: number) => ({ kind: 'pair', value: `a>${n}` }) as const;
  for (let n = 0; n < 5; n++) window.add(pair(n), made(n < 2 ? 7 : 8, n));
  window.add(pair(9), null);
  const doers = window.doers([pair(0), pair(2), pair(3), pair(9)]);
  expect(doers.map(({ event, pairs }) => [event.process.pid, pairs])).toEqual([
    [8, 2],
    [7, 1],
  ]);
  expect(window.overflowed).toBe(false);
  for (let n = 0; n < 5000; n++) window.add(pair(n), made(100 + n, n));
  expect([window.facts.length, window.overflowed, window.doers(window.facts).length]).toEqual([
    4096,
    true,
    16,
  ]);
});
