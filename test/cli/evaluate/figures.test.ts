/** Figures on values small enough to count by hand. */
import { describe, expect, test } from 'vitest';
import {
  achieved,
  auc,
  averagePrecision,
  drAt,
  interval,
  shareAbove,
  thresholdAt,
} from '../../../cli/evaluate/figures.ts';

const hundred = Array.from({ length: 100 }, (_, i) => i);

describe('the area under the curve', () => {
  test.each([
    [[1, 2], [3, 4], 1],
    [[3, 4], [1, 2], 0],
    [[1, 3], [2, 4], 0.75],
    [[1, 1], [1, 1], 0.5],
    [[1, 2, 2], [2], (1 + 0.5 + 0.5) / 3],
  ])('of %j against %j is %d', (normals, attacks, expected) => {
    expect(auc(normals, attacks)).toBeCloseTo(expected, 12);
  });

  test('is that of counting every pair', () => {
    const a = hundred.map((i) => (i * 37) % 23);
    const b = hundred.map((i) => ((i * 53) % 29) + 3);
    let won = 0;
    for (const x of a) for (const y of b) won += y > x ? 1 : y === x ? 0.5 : 0;
    expect(auc(a, b)).toBeCloseTo(won / 10_000, 12);
  });
});

describe('detection at a share of false alarms', () => {
  test('leaves at most that share of normals above the threshold', () => {
    expect(thresholdAt(hundred, 0.05)).toBe(94);
    expect(shareAbove(hundred, 94)).toBe(0.05);
    expect(drAt(hundred, [94, 95, 1000], 0.05)).toBeCloseTo(2 / 3, 12);
  });

  test('counts what ties with the threshold as missed', () => {
    expect(drAt([0, 0, 0], [0, 0], 0.05)).toBe(0);
    expect(drAt([0, 1, 1, 1], [1], 0.25)).toBe(0);
  });

  test('allows no false alarm where the share is less than one normal', () => {
    expect(drAt([1, 2, 9], [9, 10], 0.05)).toBe(0.5);
  });

  test('does not lose a false alarm to rounding', () => {
    // 0.07 × 100 is 7.000000000000001, 0.29 × 100 is 28.999999999999996.
    expect(thresholdAt(hundred, 0.29)).toBe(70);
  });
});

test('average precision is the mean precision at each attack', () => {
  // Down from the top: attack, normal, attack, normal.
  expect(averagePrecision([1, 3], [2, 4])).toBeCloseTo((1 + 2 / 3) / 2, 12);
  expect(averagePrecision([1, 2], [3, 4])).toBe(1);
  // All equal: found together, at the share of attacks.
  expect(averagePrecision([1, 1, 1], [1])).toBe(0.25);
});

test('the achieved rate counts what is unknown as an alarm, once', () => {
  const verdicts = [
    { p: 0.5, unknown: false },
    { p: 0.5, unknown: true },
    { p: 0.01, unknown: true },
    { p: 0.05, unknown: false },
  ];
  expect(achieved(verdicts, 0.05)).toBe(0.75);
  expect(achieved(verdicts, 0.01)).toBe(0.5);
});

test('an interval is that of Wilson', () => {
  const [low, high] = interval(10, 10);
  expect([low, high]).toEqual([expect.closeTo(0.7225, 4), expect.closeTo(1, 12)]);
  expect(interval(0, 0)).toEqual([0, 1]);
});
