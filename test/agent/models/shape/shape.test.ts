import { describe, expect, test } from 'vitest';
import { networkOf, reconstruct } from '../../../../agent/models/shape/network.ts';
import { scale, scalingOf } from '../../../../agent/models/shape/scaling.ts';
import { bitsOfShape, Shape } from '../../../../agent/models/shape/shape.ts';
import { replyOf, type TrainingReply } from '../../../../agent/models/shape/training.ts';

const FEATURES = ['calls', 'opens', 'bytes', 'tasks'];
const options = {
  features: FEATURES,
  limit: 64,
  least: 16,
  show: (_: string, value: number): string => value.toFixed(1),
};
const identity = { kernel: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], bias: [0, 0, 0, 0] };
/** Knows nothing: gives the centre whatever comes, so that the error is the distance from it. */
const zero = { kernel: Array(16).fill(0) as number[], bias: [0, 0, 0, 0] };
const reply = (layer: typeof zero): TrainingReply =>
  replyOf(
    {
      workload: 'w',
      network: [{ ...layer, activation: 'linear' }],
      lossBefore: 1,
      lossAfter: 0.1,
      backend: 'wasm',
      ms: 5,
    },
    4,
  );
/** Rows around 5 with a wobble that repeats after some time. */
const row = (i: number): Float64Array =>
  Float64Array.from(FEATURES, (_, j) => 5 + Math.sin(i * 1.7 + j * 2.3) + 0.3 * Math.cos(i * 0.77 * (j + 1)));

function trained(rows = 64): Shape {
  const shape = new Shape(options);
  for (let i = 0; i < rows; i += 1) shape.learn(row(i));
  expect(shape.due('w')).not.toBeNull();
  expect(shape.take(reply(zero))).toBe(true);
  return shape;
}

describe('the shape model', () => {
  test('says nothing before it was trained, and why', () => {
    const shape = new Shape(options);
    expect(shape.score(row(0))).toEqual({ state: 'unknown', reason: '0 of 16 windows learnt' });
    for (let i = 0; i < 16; i += 1) shape.learn(row(i));
    expect(shape.score(row(0))).toEqual({ state: 'unknown', reason: 'not trained yet' });
  });

  test('asks for a run when it has enough, then each time it has twice as much', () => {
    const shape = new Shape(options);
    const asked: number[] = [];
    for (let i = 1; i <= 200; i += 1) {
      shape.learn(row(i));
      if (shape.due('w') !== null) {
        asked.push(i);
        shape.take(reply(zero));
      }
    }
    expect(asked).toEqual([16, 32, 64, 128]);
  });

  test('hands over scaled rows without those it judges itself by, and always the same seed', () => {
    const make = () => {
      const shape = new Shape(options);
      for (let i = 0; i < 40; i += 1) shape.learn(row(i));
      return shape.due('w');
    };
    const request = make();
    expect(request?.rows).toHaveLength(30);
    expect(request?.rows.flat().every((value) => Math.abs(value) <= 8)).toBe(true);
    expect(make()).toEqual(request);
  });

  test('a window as always scores low, one far out near 1, and names what differs', () => {
    const shape = trained();
    const usual = shape.score(row(1000.5));
    const strange = shape.score(Float64Array.of(5, 5, 60, 5));
    if (usual.state !== 'scored' || strange.state !== 'scored') throw new Error('not scored');
    expect(usual.score).toBeLessThan(0.99);
    expect(strange.score).toBeGreaterThan(0.999);
    expect(strange.score).toBeLessThanOrEqual(1);
    expect(strange.reason).toMatch(
      /^The numbers of this window do not go together as they did: \d+ times the usual error/,
    );
    expect(strange.parts).toHaveLength(1);
    expect(strange.parts[0]?.what).toMatch(/^bytes 60\.0, expected [45]\.\d$/);
    expect(strange.parts[0]?.share).toBeGreaterThan(0.95);
  });

  test('further out is stranger, without end', () => {
    const shape = trained();
    const shares = [7, 8, 9, 10].map((value) => {
      const score = shape.score(Float64Array.of(value, value, value, value));
      return score.state === 'scored' ? 1 - score.score : Number.NaN;
    });
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
    expect(new Set(shares).size).toBe(4);
  });

  test('the share of held-out windows that score above s is about 1 - s', () => {
    const shape = trained(64);
    const scores = Array.from({ length: 2000 }, (_, i) => shape.score(row(5000 + i * 1.31)));
    const above = scores.filter((score) => score.state === 'scored' && score.score > 0.9).length / 2000;
    expect(above).toBeGreaterThan(0.03);
    expect(above).toBeLessThan(0.25);
  });

  test('a perfect network finds nothing in anything', () => {
    const shape = new Shape(options);
    for (let i = 0; i < 32; i += 1) shape.learn(row(i));
    shape.due('w');
    shape.take(reply(identity));
    const score = shape.score(row(50));
    expect(score).toMatchObject({ state: 'scored', parts: [] });
    expect(score.state === 'scored' && score.score).toBeLessThan(0.1);
  });

  test('a missing value says nothing', () => {
    const shape = trained();
    const score = shape.score(Float64Array.of(5, Number.NaN, 5, 5));
    expect(score).toMatchObject({ state: 'scored' });
    expect(score.state === 'scored' && score.parts.some(({ what }) => what.startsWith('opens'))).toBe(false);
  });

  test('keeps an even sample of bounded size', () => {
    const shape = new Shape({ ...options, features: ['n'] });
    for (let i = 1; i <= 6400; i += 1) shape.learn(Float64Array.of(i / 10));
    const kept = shape.save().rows.map(([value]) => Number(value));
    expect(kept).toHaveLength(64);
    const later = kept.filter((value) => value > 320).length;
    expect(later).toBeGreaterThan(16);
    expect(later).toBeLessThan(48);
  });

  test('is the same after it was saved and loaded', () => {
    const shape = trained();
    const text = JSON.stringify(shape.save());
    const other = new Shape(options);
    other.load(JSON.parse(text));
    expect(other.score(row(7))).toEqual(shape.score(row(7)));
    expect(JSON.stringify(other.save())).toBe(text);
  });

  test.each([
    ['nothing', null],
    ['other features', { learnt: 1, rows: [[1, 2]], trained: null }],
    ['text for numbers', { learnt: 1, rows: [[1, 2, 'x', 4]], trained: null }],
    [
      'a network of another size',
      { ...trained().save(), trained: { ...trained().save().trained, network: [] } },
    ],
  ])('refuses to load %s and stays as it was', (_, saved) => {
    const shape = trained();
    const before = JSON.stringify(shape.save());
    expect(() => shape.load(saved)).toThrow(TypeError);
    expect(JSON.stringify(shape.save())).toBe(before);
  });

  test('gives up what it knows when strange windows go on, but not for some among others', () => {
    const shape = trained();
    for (let i = 0; i < 300; i += 1) {
      shape.pass();
      shape.learn(row(i));
    }
    expect(shape.score(row(3)).state).toBe('scored');
    for (let i = 0; i < 120; i += 1) shape.pass();
    expect(shape.score(row(3))).toEqual({ state: 'unknown', reason: '0 of 16 windows learnt' });
    expect(shape.due('w')).toBeNull();
  });

  test('a score is worth as many bits as the share that it leaves has, up to what is believed', () => {
    expect([bitsOfShape(0), bitsOfShape(0.75), bitsOfShape(1)]).toEqual([0, 2, 12]);
  });

  test('takes no network that was not asked for', () => {
    expect(trained().take(reply(zero))).toBe(false);
  });
});

test.each([
  ['no list', 5],
  ['a layer without numbers', [{ kernel: ['a'], bias: [0], activation: 'tanh' }]],
  ['an unknown activation', [{ ...identity, activation: 'relu' }]],
  ['weights that do not fit', [{ kernel: [1], bias: [0, 0, 0, 0], activation: 'tanh' }]],
  ['numbers that are none', [{ ...identity, bias: [0, 0, 0, Number.NaN], activation: 'tanh' }]],
  ['other outputs than inputs', [{ kernel: [1, 1, 1, 1], bias: [0], activation: 'tanh' }]],
])('a network from %s is refused', (_, value) => {
  expect(() => networkOf(value, 4)).toThrow(TypeError);
});

test('the forward pass is the sum of products, then tanh', () => {
  const network = networkOf(
    [
      { kernel: [1, 2, 3, 4], bias: [0.5, -0.5], activation: 'tanh' },
      { kernel: [1, 0, 0, 2], bias: [0, 1], activation: 'linear' },
    ],
    2,
  );
  const [a, b] = [Math.tanh(0.1 * 1 + 0.2 * 3 + 0.5), Math.tanh(0.1 * 2 + 0.2 * 4 - 0.5)];
  expect([...reconstruct(network, Float64Array.of(0.1, 0.2))]).toEqual([a, 2 * b + 1]);
});

test('scaling is by median and quartiles, with a least spread and a limit', () => {
  const rows = [1, 2, 3, 4, 5, 6, 7, 8, 1000].map((value) => Float64Array.of(value, 3, Number.NaN));
  const scaling = scalingOf(rows);
  expect(scaling.centre).toEqual([5, 3, 0]);
  expect(scaling.spread[0]).toBeCloseTo(4 / 1.349);
  expect(scaling.spread[1]).toBe(0.18);
  expect([...scale(scaling, Float64Array.of(1000, 3, Number.NaN))]).toEqual([8, 0, 0]);
});
