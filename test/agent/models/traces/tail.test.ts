import { describe, expect, test } from 'vitest';
import { Tail } from '../../../../agent/models/traces/tail.ts';

const hundred = Array.from({ length: 99 }, (_, i) => i + 1);

describe('the tail', () => {
  test('gives the share of normal scores at least as high, the asked-about one counted', () => {
    const tail = new Tail(hundred);
    expect(tail.chance(99)).toEqual({ p: 0.02, measured: true });
    expect(tail.chance(90.5)).toEqual({ p: 0.1, measured: true });
    expect(tail.chance(-1)).toEqual({ p: 1, measured: true });
  });

  test('falls beyond the highest score, says that it was not measured, and has a floor', () => {
    const tail = new Tail(hundred);
    const [near, far, away] = [100, 110, 1e9].map((score) => tail.chance(score));
    expect(near?.measured).toBe(false);
    expect(near?.p).toBeLessThan(0.01);
    expect(far?.p).toBeLessThan(near?.p ?? 0);
    expect(away?.p).toBe(2 ** -40);
  });

  test('knows nothing without scores', () => {
    expect(new Tail([]).chance(1e9)).toEqual({ p: 1, measured: false });
  });

  test('asked for a rate, keeps it on new scores of the same kind', () => {
    // A fixed low-discrepancy sequence: uniform scores without chance.
    const uniform = (from: number, n: number): number[] =>
      Array.from({ length: n }, (_, i) => ((from + i) * 0.618033988749895) % 1);
    const tail = new Tail(uniform(0, 500));
    const alarms = uniform(1000, 5000).filter((score) => tail.chance(score).p <= 0.05).length;
    expect(alarms / 5000).toBeCloseTo(0.05, 2);
  });
});
