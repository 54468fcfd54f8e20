import { expect, test } from 'vitest';
import { budgetNs } from '../../../../agent/models/evidence/budget.ts';
import { EDetector, eValue, MOST_BITS } from '../../../../agent/models/evidence/e-detector.ts';

/** Uniform on 0..1 from a seed (Lehmer). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Periods until the bound is passed, when every p-value is what it says. */
function runLength(bound: number, most: number, next: () => number): number {
  const detector = new EDetector();
  for (let n = 1; n <= most; n++) {
    const bits = -Math.log2(next());
    if (detector.with(bits) >= bound) return n;
    detector.end(bits);
  }
  return most;
}

test('the calibrator is an e-value: its mean over uniform p-values is 1', () => {
  let sum = 0;
  const steps = 4_000_000; // of the logarithm of p
  for (let i = 0; i < steps; i++) {
    const bits = ((i + 0.5) / steps) * 60;
    sum += eValue(bits) * 2 ** -bits * Math.LN2 * (60 / steps);
  }
  expect(sum).toBeCloseTo(1, 4);
  expect(eValue(MOST_BITS + 10)).toBe(eValue(MOST_BITS));
});

test('keeps the promise: with honest p-values it waits at least as long as the bound, on average', () => {
  const next = dice(20_261_121);
  for (const bound of [50, 400]) {
    const runs = Array.from({ length: 400 }, () => runLength(bound, bound * 100, next));
    const mean = runs.reduce((sum, n) => sum + n, 0) / runs.length;
    expect(mean).toBeGreaterThan(bound);
  }
});

test('one strong period or many weak ones pass it, and alarms begin anew', () => {
  const bound = 2 ** 16;
  const strong = new EDetector();
  expect([strong.with(20) >= bound, strong.with(23) >= bound]).toEqual([false, true]);
  const weak = new EDetector();
  let periods = 0;
  while (weak.with(9) < bound) {
    weak.end(9);
    periods += 1;
  }
  expect(periods).toBeGreaterThan(1);
  expect(periods).toBeLessThan(12);
  weak.reset();
  expect(weak.with(0)).toBe(new EDetector().with(0));
});

test('a bet that is told again takes the place of itself, and of nothing else', () => {
  const [grown, once] = [new EDetector(), new EDetector()];
  const surge = { name: 'CPU', again: false, otherBits: 0 };
  for (const each of [grown, once]) each.end(9);
  grown.end(12, surge);
  once.end(0);
  for (const bits of [0, 0]) for (const each of [grown, once]) each.end(bits);
  grown.end(18, { ...surge, again: true });
  once.end(18);
  expect(grown.with(0)).toBeCloseTo(once.with(0), 5);
  const twice = new EDetector();
  for (const bits of [9, 12, 0, 0, 18]) twice.end(bits);
  expect(Math.log2(twice.with(0)) - Math.log2(grown.with(0))).toBeGreaterThan(1);
});

test('quiet periods make it forget', () => {
  const detector = new EDetector();
  detector.end(20);
  const before = detector.with(0);
  for (let n = 0; n < 200; n++) detector.end(0);
  // Down to where small stakes stand in quiet times: the sum of what they would have had from each period on.
  expect([before > 5000, detector.with(0) < 10]).toEqual([true, true]);
});

test('a budget is a time between alarms', () => {
  expect([budgetNs('1/7d'), budgetNs('2/1d'), budgetNs('3/1h')]).toEqual([
    604_800_000_000_000n,
    43_200_000_000_000n,
    1_200_000_000_000n,
  ]);
  for (const text of ['', '0/7d', '1/7', '1/7x', '-1/7d', '1/7d '])
    expect(() => budgetNs(text)).toThrow(RangeError);
});

test('what lasts takes back its own, be there other evidence with it or between, and be there others that last', () => {
  const [grown, once] = [new EDetector(), new EDetector()];
  const [cpu, sent] = ['CPU', 'sent'].map((name) => ({ name, again: false, otherBits: 0 }));
  if (cpu === undefined || sent === undefined) throw new Error('two were made');
  grown.end(14, { ...cpu, otherBits: 6 });
  once.end(6);
  for (const each of [grown, once]) {
    each.end(11);
    each.end(13, sent);
    each.end(0);
  }
  grown.end(16, { ...cpu, again: true });
  once.end(16, cpu);
  expect(grown.with(0) / once.with(0)).toBeCloseTo(1, 9);
});
