import { describe, expect, test } from 'vitest';
import { judge, type Sample, slope } from './verdict.ts';

const LIMITS = { mibPerHour: 2, slotsLeft: 0, descriptors: 8 };
const QUIET: Sample = {
  seconds: 0,
  rss: 70,
  anonymous: 30,
  heapUsed: 15,
  external: 4,
  descriptors: 130,
  slots: 9,
  mapBytes: 12_000_000,
  cpuSeconds: 0,
};
/** 180 samples in half an hour; garbage makes a saw of 5 MiB. */
const samples = (change: (index: number) => Partial<Sample>): Sample[] =>
  Array.from({ length: 180 }, (_, index) => ({
    ...QUIET,
    seconds: 10 * index,
    anonymous: QUIET.anonymous + (index % 7) * 0.8,
    ...change(index),
  }));
const GONE: Sample = { ...QUIET, slots: 0 };
const problems = (change: (index: number) => Partial<Sample>, last: Sample = GONE) =>
  judge(samples(change), last, LIMITS).problems;

describe('slope', () => {
  const points = (value: (index: number) => number) =>
    Array.from({ length: 60 }, (_, index) => ({ seconds: 10 * index, value: value(index) }));

  test('of a line is its own, with an interval of no width', () => {
    const found = slope(points((index) => 3 + index / 360));
    for (const each of [found.perHour, found.low, found.high]) expect(each).toBeCloseTo(1, 9);
  });

  test('does not follow a few points that are far off', () => {
    const found = slope(points((index) => index / 360 + (index > 55 ? 1000 : 0)));
    expect(found.perHour).toBeCloseTo(1, 1);
  });

  test('of what only goes up and down holds 0 in its interval', () => {
    const { low, high } = slope(points((index) => (index * 7919) % 13));
    expect(low).toBeLessThan(0);
    expect(high).toBeGreaterThan(0);
  });

  test('needs three points', () => {
    expect(() => slope(points(() => 1).slice(0, 2))).toThrow('a slope of 2 points');
  });
});

describe('verdict', () => {
  test('of an agent that keeps nothing has no problem', () => {
    expect(problems(() => ({}))).toEqual([]);
  });

  test('finds 6 MiB an hour under the saw of the garbage', () => {
    const found = problems((index) => ({ anonymous: 30 + (index % 7) * 0.8 + index / 60 }));
    expect(found).toEqual([
      expect.stringMatching(/^anonymous memory grows by at least [4-6]\.\d MiB an hour$/),
    ]);
  });

  test('does not mind growth that ends with the first half', () => {
    expect(problems((index) => ({ anonymous: 20 + Math.min(index, 80) / 4 + (index % 7) * 0.8 }))).toEqual(
      [],
    );
  });

  test('finds a slot that stays, a descriptor that is not closed, a map that grows', () => {
    expect(problems(() => ({}), { ...GONE, slots: 1 })).toEqual(['1 slots are given out at the end, not 0']);
    expect(problems((index) => ({ descriptors: 100 + index }))).toEqual(['descriptors grew from 234 to 279']);
    expect(problems((index) => ({ mapBytes: index > 170 ? 13_000_000 : 12_000_000 }))).toEqual([
      'kernel maps grew from 12000000 to 13000000 bytes',
    ]);
  });
});
