/** Sketches: errors within their bounds over seeds, merging is the union, bytes that are none are refused. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Cardinality } from '../../../kit/sketch/cardinality.ts';
import { Frequency } from '../../../kit/sketch/frequency.ts';
import { hasherOf, hashKey } from '../../../kit/sketch/hash-key.ts';
import { Quantiles } from '../../../kit/sketch/quantiles.ts';
import {
  decodeSketch,
  encodeSketch,
  MAX_SKETCH_BYTES,
  mergeSketches,
  SKETCH_KINDS,
  type Sketch,
} from '../../../kit/sketch/sketch.ts';

/** splitmix32, from a seed: numbers from 0 to 2^32 - 1. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}

/** The hash of value `n` under a seed: always the same. */
function hashOf(seed: number, n: number): Uint8Array {
  const next = numbers(Math.imul(seed + 1, 0x85ebca6b) ^ Math.imul(n + 1, 0xc2b2ae35));
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(next(), 0);
  bytes.writeUInt32BE(next(), 4);
  return bytes;
}

const again = (sketch: Sketch): Sketch => decodeSketch(encodeSketch(sketch));
const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);

describe('cardinality', () => {
  test.each([
    0, 1, 10, 100, 1000, 4096, 10_000, 50_000,
  ])('counts %i different values to within its error', (n) => {
    const errors = SEEDS.map((seed) => {
      const sketch = new Cardinality();
      for (let i = 0; i < n; i += 1) sketch.add(hashOf(seed, i));
      for (let i = 0; i < Math.min(n, 1000); i += 1) sketch.add(hashOf(seed, i)); // again: no new values
      return n === 0 ? sketch.estimate() : sketch.estimate() / n - 1;
    });
    const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
    // 1.6 %; the deviation of 20 samples is itself uncertain by a third.
    expect(deviation).toBeLessThan(0.016 * 1.4);
    expect(Math.max(...errors.map(Math.abs))).toBeLessThan(0.016 * 4);
  });

  test('the union of two counts what is in either, in any order, as if there had been one', () => {
    for (const seed of SEEDS) {
      const [a, b, both] = [new Cardinality(), new Cardinality(), new Cardinality()];
      for (let i = 0; i < 3000; i += 1) {
        both.add(hashOf(seed, i));
        if (i < 2000) a.add(hashOf(seed, i));
        if (i >= 1000) b.add(hashOf(seed, i));
      }
      expect(mergeSketches(encodeSketch(a), encodeSketch(b))).toEqual(encodeSketch(both));
      expect(mergeSketches(encodeSketch(b), encodeSketch(a))).toEqual(encodeSketch(both));
      expect(mergeSketches(encodeSketch(both), encodeSketch(a))).toEqual(encodeSketch(both));
    }
  });

  test('takes 3 bytes a value while there are few, and never more than 3072', () => {
    const sketch = new Cardinality();
    expect(sketch.encode()).toHaveLength(0);
    for (let i = 0; i < 10; i += 1) sketch.add(hashOf(1, i));
    expect(sketch.encode()).toHaveLength(30);
    for (let i = 0; i < 200_000; i += 1) {
      sketch.add(hashOf(1, i));
      if (i % 10_000 === 0 || (i > 1100 && i < 1200)) expect(again(sketch).encode()).toEqual(sketch.encode());
    }
    expect(sketch.encode()).toHaveLength(3072);
  });
});

describe('quantiles', () => {
  const values = (seed: number): number[] => {
    const next = numbers(seed);
    return Array.from({ length: 5000 }, () => Math.exp((next() / 2 ** 32) * 30));
  };

  test('a quantile is off by at most 1 % of itself', () => {
    for (const seed of SEEDS) {
      const sketch = new Quantiles();
      const sorted = values(seed).toSorted((a, b) => a - b);
      for (const value of values(seed)) sketch.add(value);
      for (const q of [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
        const exact = sorted[Math.floor(q * (sorted.length - 1))] ?? 0;
        expect(Math.abs((sketch.quantile(q) ?? 0) / exact - 1)).toBeLessThanOrEqual(0.01 + 1e-9);
      }
    }
  });

  test('the union has the values of both, as if there had been one', () => {
    for (const seed of SEEDS) {
      const [a, b, both] = [new Quantiles(), new Quantiles(), new Quantiles()];
      for (const [i, value] of values(seed).entries()) {
        both.add(value);
        (i % 3 === 0 ? a : b).add(value);
      }
      expect(mergeSketches(encodeSketch(a), encodeSketch(b))).toEqual(encodeSketch(both));
    }
  });

  test('knows nothing, zeros, and the largest number there is', () => {
    const sketch = new Quantiles();
    expect(sketch.quantile(0.5)).toBeNull();
    for (const value of [0, 0, -1, Number.NaN, 0.5]) sketch.add(value);
    expect([sketch.count, sketch.quantile(1)]).toEqual([5, 0]);
    for (const value of [Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]) sketch.add(value);
    expect((sketch.quantile(1) ?? 0) / Number.MAX_SAFE_INTEGER).toBeCloseTo(1, 1);
    expect(again(sketch)).toEqual(sketch);
  });
});

describe('frequency', () => {
  /** Value i comes 2000 / (i + 1) times. */
  const counts = Array.from({ length: 1000 }, (_, i) => Math.ceil(2000 / (i + 1)));

  test('never counts too few, hardly ever too many, and knows the most frequent', () => {
    let over = 0;
    for (const seed of SEEDS) {
      const sketch = new Frequency();
      for (const [i, count] of counts.entries()) sketch.add(hashOf(seed, i), count);
      const bound = (Math.E / 256) * sketch.total;
      for (const [i, count] of counts.entries()) {
        const estimate = sketch.estimate(hashOf(seed, i));
        expect(estimate).toBeGreaterThanOrEqual(count);
        if (estimate > count + bound) over += 1;
      }
      const top = sketch.top().map(({ hash }) => hash);
      expect(top).toHaveLength(32);
      for (let i = 0; i < 8; i += 1) expect(top).toContain(Buffer.from(hashOf(seed, i)).toString('hex'));
    }
    expect(over / (SEEDS.length * counts.length)).toBeLessThan(Math.exp(-4));
  });

  test('the union counts both, and its most frequent are those of both', () => {
    const [a, b, both] = [new Frequency(), new Frequency(), new Frequency()];
    for (let i = 0; i < 30; i += 1) {
      a.add(hashOf(1, i), 10 + i);
      b.add(hashOf(1, i), 5);
      both.add(hashOf(1, i), 15 + i);
    }
    expect(mergeSketches(encodeSketch(a), encodeSketch(b))).toEqual(encodeSketch(both));
  });
});

describe('every kind', () => {
  const filled = (): Sketch[] => {
    const [cardinality, quantiles, frequency] = [new Cardinality(), new Quantiles(), new Frequency()];
    for (let i = 0; i < 2000; i += 1) {
      cardinality.add(hashOf(3, i));
      quantiles.add(i * i);
      frequency.add(hashOf(3, i), i);
    }
    return [cardinality, quantiles, frequency];
  };

  test('is the same after it was sent, and stays below the limit', () => {
    expect(filled().map((sketch) => encodeSketch(sketch).kind)).toEqual(SKETCH_KINDS.map(({ kind }) => kind));
    for (const sketch of filled()) {
      expect(again(sketch).encode()).toEqual(sketch.encode());
      expect(sketch.encode().length).toBeLessThan(MAX_SKETCH_BYTES);
    }
  });

  test('refuses another version, other parameters, another kind', () => {
    const [a, b] = filled().map(encodeSketch);
    if (a === undefined || b === undefined) throw new Error('unreachable');
    for (const change of [{ kind: 'set' }, { version: 2 }, { params: 'hll,p=14,bits=64' }])
      expect(() => decodeSketch({ ...a, ...change })).toThrow(
        expect.objectContaining({ code: 'PICKET_SKETCH' }),
      );
    expect(() => mergeSketches(a, b)).toThrow('do not merge');
  });

  test('survives bytes of a hostile node', () => {
    for (const form of SKETCH_KINDS) {
      const { kind, version, params } = form;
      let taken = 0;
      for (let i = 0; i < 2000; i += 1) {
        const bytes = randomBytes(i % 5 === 0 ? 3072 : i % 64);
        try {
          decodeSketch({ kind, version, params, bytes });
          taken += 1;
        } catch (error) {
          expect((error as { code?: string }).code, String(error)).toBe('PICKET_SKETCH');
        }
      }
      expect(taken).toBeLessThan(2000);
      expect(() =>
        decodeSketch({ kind, version, params, bytes: Buffer.alloc(MAX_SKETCH_BYTES + 1) }),
      ).toThrow('bytes');
    }
  });
});

test('a keyed hash is the same everywhere with the key, and another with another key', () => {
  const [one, other] = [hashKey('ab'.repeat(32)), hashKey('cd'.repeat(32))];
  expect(Buffer.from(hasherOf(one)('10.0.0.1')).toString('hex')).toBe('3050535f23e6e726');
  expect(hasherOf(one)('10.0.0.1')).toEqual(hasherOf(hashKey('ab'.repeat(32)))('10.0.0.1'));
  expect(hasherOf(one)('10.0.0.1')).not.toEqual(hasherOf(other)('10.0.0.1'));
  expect([one.id, hashKey('ab'.repeat(32), true).id]).toEqual([
    'hash-fc34d9d6f07259b0',
    'own-fc34d9d6f07259b0',
  ]);
  expect(() => hashKey('not a key')).toThrow('32 bytes');
});
