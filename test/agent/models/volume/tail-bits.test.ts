import { describe, expect, test } from 'vitest';
import { DEFAULT_BINS, SCORE_BINS, Tail, TailBits } from '../../../../agent/models/volume/tail-bits.ts';
import { lots } from './lots.ts';

describe('Tail', () => {
  test('gives the bits of the share that is as large, as counting does', () => {
    const lot = lots(7);
    const values = Array.from({ length: 5000 }, () => -Math.log(lot()) * 1000);
    const tail = new Tail({ ...DEFAULT_BINS, perOctave: 16 });
    for (const value of values) tail.add(value);
    for (const asked of [10, 300, 1000, 3000, 6000]) {
      const counted = values.filter((value) => value >= asked).length;
      expect(tail.bits(asked)).toBeCloseTo(-Math.log2(counted / values.length), 0);
      expect(Math.abs(tail.above(asked) - counted)).toBeLessThan(0.02 * values.length);
    }
  });

  test('adds one bit per octave beyond the largest value', () => {
    const tail = new Tail();
    for (let i = 0; i < 1000; i++) tail.add(1 + i / 1000);
    expect(tail.bits(64) - tail.bits(32)).toBeCloseTo(1, 6);
    expect(tail.bits(2 ** 30)).toBeGreaterThan(30);
  });

  test('knows nothing at first, and 0 is never strange', () => {
    const tail = new Tail();
    expect(tail.bits(5)).toBe(0);
    for (let i = 0; i < 100; i++) tail.add(5);
    expect(tail.bits(0)).toBe(0);
    expect(tail.bits(Number.NaN)).toBe(0);
  });

  test('finds the value that a share of history exceeds', () => {
    const tail = new Tail(SCORE_BINS);
    for (let i = 1; i <= 1000; i++) tail.add(i / 100);
    expect(tail.quantileAbove(0.01)).toBeGreaterThan(9.7);
    expect(tail.quantileAbove(0.01)).toBeLessThan(10.1);
    expect(tail.quantileAbove(0.5)).toBeCloseTo(5, 0);
  });

  test('holds 2 bytes per bin, however much and whatever is added', () => {
    const tail = new Tail();
    for (let i = 0; i < 200_000; i++) tail.add([0, 1e-300, 1e300, 3, Number.NaN, Infinity][i % 6] ?? 0);
    expect(tail.bytes).toBe(256);
    expect(tail.total).toBeLessThan(200_000);
    expect(Number.isFinite(tail.bits(1e308))).toBe(true);
  });

  test('halving keeps the shares', () => {
    const tail = new Tail();
    for (let i = 0; i < 4096; i++) tail.add(i % 4 === 0 ? 8 : 1);
    const before = tail.bits(8);
    tail.halve();
    expect(tail.total).toBe(2048);
    expect(tail.bits(8)).toBeCloseTo(before, 2);
  });

  test('a loaded tail goes on like the saved one; what is no tail is refused', () => {
    const [one, two] = [new Tail(), new Tail()];
    for (let i = 0; i < 500; i++) one.add(i % 17);
    two.load(JSON.parse(JSON.stringify(one.save())));
    for (const tail of [one, two]) for (let i = 0; i < 50; i++) tail.add(i);
    expect(two.save()).toEqual(one.save());
    expect(two.bits(30)).toBe(one.bits(30));
    for (const wrong of [null, 3, [], [1, 2], [1, 5000, 2], [1, -1, 2], [0, 4, 1, 3, 1]])
      expect(() => two.load(wrong)).toThrow(TypeError);
  });
});

describe('TailBits', () => {
  test('what only went up is strange when it drops as far', () => {
    const tails = new TailBits();
    for (let i = 0; i < 1000; i++) tails.add(1 + (i % 8));
    expect(tails.bits(4)).toBeLessThan(2);
    expect(tails.bits(-4)).toBeGreaterThan(3);
    expect(tails.bits(-64)).toBeGreaterThan(tails.bits(-4));
  });

  test('says between which deviations all but a share lies', () => {
    const tails = new TailBits({ ...DEFAULT_BINS, perOctave: 16 });
    for (let i = 0; i < 1000; i++) tails.add(i % 10 === 0 ? -20 : 10);
    const [low, high] = tails.range(0.01);
    expect(low).toBeCloseTo(-20, -1);
    expect(high).toBeCloseTo(10, -0.5);
  });
});
