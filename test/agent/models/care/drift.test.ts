import { expect, test } from 'vitest';
import { BLOCK, Drift, SHIFTED, stability } from '../../../../agent/models/care/drift.ts';

/** Bits as windows of a calibrated model have them: so many of them with so many bits or more. */
const bitsOf = (n: number): number => Math.min(11, Math.clz32(((n * 2_654_435_761) >>> 0) | 1));
const feed = (drift: Drift, windows: number, more = 0, from = 0): void => {
  for (let n = from; n < from + windows; n++) drift.note(bitsOf(n) + more);
};

test('what stays as it was has no drift, however long it is looked at', () => {
  const drift = new Drift();
  for (let block = 0; block < 6; block++) feed(drift, BLOCK, 0, block * BLOCK);
  expect(drift.index).toBeLessThan(0.05);
  expect(drift.drifted).toBe(false);
});

test('a shift is drift once it lasts for two blocks, and no more once it is over', () => {
  const drift = new Drift();
  feed(drift, BLOCK);
  feed(drift, BLOCK, 3, BLOCK);
  expect([(drift.index ?? 0) > SHIFTED, drift.drifted]).toEqual([true, false]);
  feed(drift, BLOCK, 3, 2 * BLOCK);
  expect(drift.drifted).toBe(true);
  feed(drift, BLOCK, 0, 3 * BLOCK);
  expect(drift.drifted).toBe(false);
});

test('after a change of the model what is usual is looked at anew', () => {
  const drift = new Drift();
  feed(drift, BLOCK);
  feed(drift, 2 * BLOCK, 3);
  drift.renew();
  expect([drift.index, drift.drifted]).toEqual([null, false]);
  feed(drift, 3 * BLOCK, 3);
  expect(drift.drifted).toBe(false);
});

test('the index is that of the formula, over twelve bins with half a window in each', () => {
  const [a, b] = [Array(12).fill(0), Array(12).fill(0)];
  a[0] = 94;
  b[0] = 44;
  b[1] = 50;
  const slow = (reference: number[], recent: number[]): number => {
    const share = (bins: number[], i: number): number => ((bins[i] ?? 0) + 0.5) / 100;
    return reference.reduce((sum, _, i) => {
      const [q, r] = [share(reference, i), share(recent, i)];
      return sum + (r - q) * (Math.log(r) - Math.log(q));
    }, 0);
  };
  expect(stability(a, b)).toBeCloseTo(slow(a, b), 12);
  expect(stability(a, a)).toBe(0);
});

test('it goes on after a restart', () => {
  const [drift, other] = [new Drift(), new Drift()];
  feed(drift, BLOCK + 100, 1);
  other.load(JSON.parse(JSON.stringify(drift.save())));
  feed(drift, 2 * BLOCK, 4);
  feed(other, 2 * BLOCK, 4);
  expect(other.save()).toEqual(drift.save());
  for (const broken of [null, [], [[1], [2], null, 0], [Array(12).fill(-1), Array(12).fill(0), null, 0]])
    expect(() => new Drift().load(broken)).toThrow(TypeError);
});
