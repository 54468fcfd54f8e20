/** The published scoring function on cases small enough to reckon by hand. */
import { expect, test } from 'vitest';
import { bestThreshold, leaveOneOut, nabScore, probationOf, weightAt } from '../../../cli/evaluate/nab.ts';

/** 100 rows, of which 15 are not scored, and one window from 50 to 59. */
function series(alarms: readonly number[], rows = 100) {
  const scores = new Float64Array(rows);
  for (const row of alarms) scores[row] = 1;
  return { scores, windows: [[50, 59]] as const };
}

test('weighs as the paper says at the left edge, halfway, at the right edge and a width behind', () => {
  expect(weightAt(-1)).toBeCloseTo(0.98661, 5);
  expect(weightAt(-0.5)).toBeCloseTo(0.84828, 5);
  expect(weightAt(0)).toBe(0);
  expect(weightAt(1)).toBeCloseTo(-0.98661, 5);
  expect(weightAt(3)).toBe(-1);
});

test('15 % are not scored, at most 750 rows', () => {
  expect([probationOf(100), probationOf(10_000)]).toEqual([15, 750]);
});

test('no alarm is 0, an alarm on the first row of each window and nothing else 100', () => {
  expect(nabScore([series([])], 0.5)).toBe(0);
  expect(nabScore([series([50])], 0.5)).toBeCloseTo(100, 10);
});

test('the earliest alarm of a window counts, once', () => {
  expect(nabScore([series([50, 53, 58])], 0.5)).toBeCloseTo(100, 10);
  const late = weightAt(-0.6) / weightAt(-1);
  expect(nabScore([series([54, 58])], 0.5)).toBeCloseTo((100 * (late + 1)) / 2, 10);
});

test('a false alarm before any window costs 0.11, one just behind a window less', () => {
  expect(nabScore([series([30, 50])], 0.5)).toBeCloseTo(100 * (1 - 0.11 / 2), 10);
  const behind = 0.11 * weightAt(3 / 9);
  expect(nabScore([series([50, 62])], 0.5)).toBeCloseTo(100 * (1 + behind / 2), 10);
  expect(nabScore([series([5, 50])], 0.5)).toBeCloseTo(100, 10);
});

test('the best threshold leaves out what costs more than it brings', () => {
  const mixed = series([]);
  for (let i = 20; i < 45; i++) mixed.scores[i] = 0.4;
  mixed.scores[50] = 0.9;
  expect(bestThreshold([mixed])).toBe(0.9);
  expect(nabScore([mixed], 0.9)).toBeCloseTo(100, 10);
  expect(bestThreshold([series([])])).toBe(Number.POSITIVE_INFINITY);
});

test('a series has no part in its own threshold', () => {
  const [low, high] = [series([]), series([])];
  low.scores[50] = 0.3;
  high.scores[50] = 0.9;
  // The threshold from the high one is 0.9 and misses the low one; that from the low one finds the high one.
  expect(leaveOneOut([low, high])).toBeCloseTo(50, 10);
});
