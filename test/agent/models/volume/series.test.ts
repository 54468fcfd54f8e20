import { expect, test } from 'vitest';
import { Series } from '../../../../agent/models/volume/series.ts';
import { meanOfStrangest, strangestOf } from '../../../../agent/models/volume/strangest.ts';
import { lots, normal } from './lots.ts';

const SIZE = 6;

function rowAt(lot: () => number): Float64Array {
  const load = normal(lot);
  return Float64Array.from({ length: SIZE }, (_, j) => 100 + 10 * load * (j % 2) + normal(lot));
}

function taught(rows: number, seed = 1): { series: Series; lot: () => number } {
  const series = new Series(SIZE);
  const lot = lots(seed);
  for (let i = 0; i < rows; i++) series.learn(rowAt(lot));
  return { series, lot };
}

test('the mean of the strangest is that of the largest few', () => {
  expect(meanOfStrangest(Float64Array.of(1, 9, 2, 7), 2)).toBe(8);
  expect(meanOfStrangest(Float64Array.of(1, 3), 5)).toBe(2);
  expect(meanOfStrangest(new Float64Array(0))).toBe(0);
  expect(strangestOf(Float64Array.of(1, 9, 0, 9), 3)).toEqual([1, 3, 0]);
});

test('normal rows pass so many bits about as often as bits say', () => {
  const { series, lot } = taught(4000);
  let [above3, above6] = [0, 0];
  for (let i = 0; i < 4000; i++) {
    const row = rowAt(lot);
    const { bits } = series.score(row);
    if (bits > 3) above3 += 1;
    if (bits > 6) above6 += 1;
    series.learn(row);
  }
  expect(above3 / 4000).toBeGreaterThan(1 / 16);
  expect(above3 / 4000).toBeLessThan(1 / 4);
  expect(above6 / 4000).toBeLessThan(1 / 32);
});

test.each([
  ['a spike', 3, 400],
  ['a drop', 0, 0],
])('%s stands out and is named', (_, metric, value) => {
  const { series, lot } = taught(3000);
  const row = rowAt(lot);
  row[metric] = value;
  const { bits, peak, metrics } = series.score(row);
  expect(bits).toBeGreaterThan(5);
  expect(peak).toBeGreaterThan(8);
  expect(strangestOf(metrics, 1)).toEqual([metric]);
});

test('scoring changes nothing', () => {
  const { series, lot } = taught(500);
  const row = rowAt(lot);
  const before = JSON.stringify(series.save());
  const first = series.score(row);
  series.score(rowAt(lot));
  expect(series.score(row)).toEqual(first);
  expect(JSON.stringify(series.save())).toBe(before);
});

test('a row that was scored and then changed in place is looked at anew', () => {
  const { series, lot } = taught(500);
  const row = rowAt(lot);
  const calm = series.score(row).bits;
  row[2] = 1e6;
  expect(series.score(row).bits).toBeGreaterThan(calm + 5);
});

test('a row that is followed and not learnt leaves the tails as they were', () => {
  const { series } = taught(500);
  const tails = (): unknown =>
    series.save().metrics.map((metric) => (metric as [unknown, unknown][]).map(([, tail]) => tail));
  const before = JSON.stringify(tails());
  for (let i = 0; i < 20; i++) series.follow(new Float64Array(SIZE).fill(500));
  expect(JSON.stringify(tails())).toBe(before);
});

test('values that are not known say nothing and break nothing', () => {
  const { series, lot } = taught(500);
  for (let i = 0; i < 300; i++) {
    const row = rowAt(lot);
    row[1] = Number.NaN;
    row[4] = Number.POSITIVE_INFINITY;
    series.learn(row);
  }
  const { bits, metrics } = series.score(new Float64Array(SIZE).fill(Number.NaN));
  expect(Number.isFinite(bits)).toBe(true);
  expect([...metrics]).toEqual(new Array(SIZE).fill(0));
});

test('a loaded series goes on like the saved one', () => {
  const { series, lot } = taught(700);
  const copy = new Series(SIZE);
  copy.load(JSON.parse(JSON.stringify(series.save())));
  for (let i = 0; i < 100; i++) {
    const row = rowAt(lot);
    expect(copy.score(row)).toEqual(series.score(row));
    for (const each of [series, copy]) each.learn(row);
  }
  expect(JSON.stringify(copy.save())).toBe(JSON.stringify(series.save()));
  expect(() => new Series(3).load(series.save())).toThrow(TypeError);
});

test('38 metrics take at most 100 KB', () => {
  const series = new Series(38);
  const lot = lots(9);
  for (let i = 0; i < 1000; i++)
    series.learn(Float64Array.from({ length: 38 }, () => 2 ** (60 * lot() - 20) * (lot() < 0.5 ? -1 : 1)));
  expect(series.bytes).toBeLessThan(100 * 1024);
});

test('says where a metric usually is', () => {
  const { series } = taught(3000);
  const [low, high] = series.usual(0) ?? [0, 0];
  expect(low).toBeGreaterThan(94);
  expect(low).toBeLessThan(99);
  expect(high).toBeGreaterThan(101);
  expect(high).toBeLessThan(106);
});
