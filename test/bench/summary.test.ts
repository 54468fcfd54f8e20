import { expect, test } from 'vitest';
import { medianInterval, showInterval } from '../../cli/bench/summary.ts';

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => ((index * 7) % n) + 1);

test('the interval of a median is by order statistics, as tables have it', () => {
  // Conover, table of the sign test: of 15 the 4th and 12th, of 30 the 10th and 21st, of 6 the range.
  expect(medianInterval(upTo(15))).toEqual({ median: 8, low: 4, high: 12, n: 15 });
  expect(medianInterval(upTo(30).map((value) => (value * 11) % 31))).toEqual({
    median: 15.5,
    low: 10,
    high: 21,
    n: 30,
  });
  expect(medianInterval([5, 1, 2, 3, 4, 6])).toEqual({ median: 3.5, low: 1, high: 6, n: 6 });
});

test('fewer than six values have a range and no interval, and none are refused', () => {
  expect(showInterval(medianInterval([1, 3]))).toBe('2.00 (range: 1.00–3.00, n 2)');
  expect(showInterval(medianInterval(upTo(15)), 1)).toBe('8.0 (95 %: 4.0–12.0, n 15)');
  expect(() => medianInterval([])).toThrow('no values');
});

test('the interval holds the median 95 times of 100 and more', () => {
  let [state, held] = [7, 0];
  const random = (): number => {
    state = (Math.imul(state, 48_271) >>> 0) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  for (let trial = 0; trial < 2000; trial++) {
    const { low, high } = medianInterval(Array.from({ length: 15 }, () => random() ** 3));
    if (low <= 0.125 && high >= 0.125) held += 1;
  }
  expect(held / 2000).toBeGreaterThan(0.95);
});
