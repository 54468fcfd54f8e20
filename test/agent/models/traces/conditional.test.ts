/** Comparison with units of like length and variety. */
import { expect, test } from 'vitest';
import { Reference, usualOf } from '../../../../agent/models/traces/conditional.ts';
import { Fusion, squash } from '../../../../agent/models/traces/fuse.ts';

// Two kinds of unit: short ones with values around 1, long ones with values around 10.
const long = (at: number): boolean => at >= 100;
const values = Float64Array.from({ length: 200 }, (_, at) => (long(at) ? 10 : 1) + (at % 10) / 10);
const length = Float64Array.from({ length: 200 }, (_, at) => (long(at) ? 8 : 2) + (at % 7) / 100);
const reference = new Reference([values], [length]);

test('a spread is robust: one wild value changes it little', () => {
  const calm = usualOf(Float64Array.of(1, 2, 3, 4, 5, 6, 7));
  expect(calm).toEqual({ median: 4, spread: 1.4826 * 2 });
  expect(usualOf(Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 30)).spread).toBeLessThan(2 * calm.spread);
  expect(usualOf(Float64Array.of(5, 5, 5)).spread).toBe(1e-4);
});

test('what is usual for long units is strange for a short one, and only compared with its like', () => {
  const shorts = reference.alike(Float64Array.of(2.03));
  const longs = reference.alike(Float64Array.of(8.03));

  expect(shorts).toHaveLength(50);
  expect([...shorts].some(long)).toBe(false);
  expect([...longs].every(long)).toBe(true);
  expect(reference.zAmong(shorts, 0, 10.5)).toBeGreaterThan(4);
  expect(Math.abs(reference.zAmong(longs, 0, 10.5))).toBeLessThan(0.5);
  expect(reference.z(0, 10.5)).toBeLessThan(1.5);
});

test('the nearest are those of sorting all by distance, oneself left out', () => {
  const wanted = Float64Array.of(2.05);
  const slow = [...length]
    .map((trait, at) => ({ at, distance: Math.abs(trait - 2.05) }))
    .filter(({ at }) => at !== 5)
    .sort((a, b) => a.distance - b.distance || a.at - b.at);
  const limit = slow[49]?.distance ?? 0;
  const found = [...reference.alike(wanted, 5)];

  expect(found).toHaveLength(50);
  expect(found).not.toContain(5);
  for (const { at, distance } of slow) if (distance < limit - 1e-9) expect(found).toContain(at);
});

test('fewer units than neighbours are all alike', () => {
  const few = new Reference([Float64Array.of(1, 2, 3)], [Float64Array.of(1, 1, 1)]);
  expect([...few.alike(Float64Array.of(1))]).toEqual([0, 1, 2]);
  expect([...few.alike(Float64Array.of(1), 1)]).toEqual([0, 2]);
  expect(few.zAmong(Uint32Array.of(), 0, 2)).toBe(0);
});

test('squashing keeps order and sign, and a single wild view cannot outvote the others', () => {
  expect([squash(0), squash(Math.E - 1), squash(1 - Math.E)]).toEqual([0, 1, -1]);
  const looked = Array.from({ length: 60 }, (_, at) => ({
    views: Float64Array.from({ length: 11 }, (__, view) => ((at * (view + 3)) % 11) / 10),
    traits: Float64Array.of(1, 1, 1),
  }));
  const fusion = new Fusion(looked, false);
  const traits = Float64Array.of(1, 1, 1);
  const one = fusion.score({ views: Float64Array.of(1e4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), traits });
  const all = fusion.score({ views: Float64Array.of(3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0), traits });
  expect(all.score).toBeGreaterThan(one.score);
  expect(all.by).toHaveLength(8);
});
