/** Amounts that surges came to, over many windows: what is twice as much as ever, and how it is told. */
import { expect, test } from 'vitest';
import { bitsOfSurge, type Records, Surge, sumOfRecords } from '../../../../agent/models/volume/surge.ts';
import { lots } from './lots.ts';

const CHANNELS = [
  { name: 'CPU time used', material: 1, show: (amount: number) => `${Math.round(amount)} s` },
  { name: 'bytes sent', material: 1000, show: (amount: number) => `${Math.round(amount)} B` },
];
const NODE: Records = { windows: 5000, records: 0, octaves: 0 };
const bitsOf = (surge: Surge, open: readonly number[], node = NODE): number => {
  const score = surge.score({ open, node });
  return score.state === 'scored' ? bitsOfSurge(score.score) : Number.NaN;
};

/** A workload that uses a fiftieth of a CPU and has had surges of up to `most` CPU seconds. */
function lived(windows: number, most: number): Surge {
  const surge = new Surge(CHANNELS);
  const lot = lots(3);
  for (let n = 0; n < windows; n++)
    surge.learn({ rates: [0.02, 500 * lot()], ended: [n % 10 === 0 ? most * lot() : 0, 0] });
  return surge;
}

test('what is not twice as much as ever is nothing, from there on it is the stranger the more it is', () => {
  const surge = lived(300, 20);
  expect([0, 10, 20, 30].map((amount) => bitsOf(surge, [amount, 0]))).toEqual([0, 0, 0, 0]);
  const rising = [60, 120, 600, 6000].map((amount) => bitsOf(surge, [amount, 0]));
  expect(rising).toEqual(rising.toSorted((a, b) => a - b));
  expect([(rising[0] ?? 0) > 8, (rising[3] ?? 0) > 20]).toEqual([true, true]);
});

test('little is nothing, whatever there was before; nor is what a workload does in a minute anyway', () => {
  const surge = lived(300, 0);
  expect(bitsOf(surge, [0.9, 900])).toBe(0);
  expect(bitsOf(surge, [0, 60 * 250])).toBe(0);
  expect(bitsOf(surge, [0, 60 * 250 * 4])).toBeGreaterThan(8);
});

test('says the number, what it is and what was the most', () => {
  const score = lived(300, 20).score({ open: [640, 0], node: NODE });
  expect(score.state === 'scored' ? score.parts.map(({ what }) => what) : []).toEqual([
    expect.stringMatching(/^CPU time used 640 s more than usual, never more than (19|20) s before$/),
  ]);
});

test('where surges are usual, on the node or here, one says less', () => {
  const [calm, restless] = [lived(300, 20), new Surge(CHANNELS)];
  const ofNode = bitsOf(calm, [200, 0], { windows: 5000, records: 40, octaves: 60 });
  expect(ofNode).toBeLessThan(bitsOf(calm, [200, 0]) - 4);
  for (let n = 0; n < 300; n++)
    restless.learn({ rates: [0.02, 0], ended: [n % 30 === 0 ? 4 ** (n / 30) : 0, 0] });
  expect(restless.records.records).toBeGreaterThan(4);
  expect(bitsOf(restless, [6 * restless.highest(0), 0])).toBeLessThan(
    bitsOf(calm, [6 * calm.highest(0), 0]) - 3,
  );
  expect(sumOfRecords([calm.records, restless.records]).records).toBe(restless.records.records);
});

test('a strange surge is learnt when it came three times, and then as large as the least of them', () => {
  const surge = lived(300, 4);
  for (const amount of [900, 400]) surge.learn({ rates: [0.02, 0], ended: [amount, 0] });
  expect(surge.highest(0)).toBeLessThan(4);
  surge.learn({ rates: [0.02, 0], ended: [700, 0] });
  expect(surge.highest(0)).toBe(400);
  expect(bitsOf(surge, [700, 0])).toBe(0);
});
