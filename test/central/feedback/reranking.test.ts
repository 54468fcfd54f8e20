import { describe, expect, it } from 'vitest';
import { type Example, LEAST, rank, train, validate } from '../../../central/feedback/reranking.ts';

/** A small generator with a seed, so that simulated verdicts are the same each time (Park and Miller, 1988). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
const example = (
  subject: string,
  verdict: Example['verdict'],
  features: Record<string, number>,
): Example => ({
  subject,
  verdict,
  features,
  confidence: 1 - Object.values(features).reduce((doubt, bits) => doubt * 2 ** -bits, 1),
});

/** Here one detector is often wrong however sure it is, and one is right when it speaks. */
function simulated(count: number, seed: number): Example[] {
  const next = numbers(seed);
  return Array.from({ length: count }, (_, at) => {
    const real = next() < 0.5;
    const features: Record<string, number> = { rarity: 1 + 4 * next(), noisy: 2 + 6 * next() };
    if (next() < (real ? 0.7 : 0.15)) features['sharp'] = 2 + 3 * next();
    return example(`alr-${at}`, real ? 'true-positive' : 'false-positive', features);
  });
}

it('is not trained before there are enough verdicts of both kinds', () => {
  const few = simulated(400, 1);
  const real = few.filter(({ verdict }) => verdict === 'true-positive');
  const wrong = few.filter(({ verdict }) => verdict === 'false-positive');
  expect(train([...real, ...wrong.slice(0, LEAST - 1)])).toBeNull();
  expect(train([...wrong, ...real.slice(0, LEAST - 1)])).toBeNull();
  expect(train([...real.slice(0, LEAST), ...wrong.slice(0, LEAST)])).not.toBeNull();
});

it('learns which detector is right here, and leaves the one that is not without weight of its own', () => {
  const model = train(simulated(300, 2));
  const weights = model?.weights ?? {};
  expect(weights['sharp']).toBeGreaterThan(2 * (weights['noisy'] ?? 1));
  expect(Math.min(...Object.values(weights))).toBeGreaterThanOrEqual(0);
});

describe('monotone', () => {
  it('more evidence never ranks lower, also of a detector that was never right', () => {
    const model = train(simulated(200, 3));
    if (model === null) throw new Error('not trained');
    for (const name of ['rarity', 'noisy', 'sharp', 'never-met'])
      for (let bits = 0; bits < 20; bits += 1) {
        const at = (amount: number) =>
          rank(model, { features: { rarity: 2, [name]: amount }, confidence: 0 });
        expect(at(bits + 1)).toBeGreaterThanOrEqual(at(bits));
      }
  });
});

it('the same verdicts in another order give the same model, with the same version', () => {
  const all = simulated(200, 4);
  expect(train(all.toReversed())).toEqual(train(all));
  expect(train(all)?.version).toMatch(/^[0-9a-f]{12}$/);
});

it('orders held-back verdicts better than confidence alone does, over seeds', () => {
  const results = [11, 12, 13, 14, 15].map((seed) => validate(simulated(200, seed)));
  const gains = results.map((result) => (result?.reranked ?? 0) - (result?.labelFree ?? 1));
  expect(Math.min(...gains)).toBeGreaterThan(0.02);
  expect(gains.reduce((sum, gain) => sum + gain, 0) / gains.length).toBeGreaterThan(0.05);
});

it('where confidence is already right, it stays so', () => {
  const next = numbers(21);
  const all = Array.from({ length: 100 }, (_, at) => {
    const real = at % 2 === 0;
    return example(`alr-${at}`, real ? 'true-positive' : 'false-positive', {
      rarity: (real ? 5 : 1) + next(),
    });
  });
  const result = validate(all);
  expect(result).toEqual({ labelFree: 1, reranked: 1, folds: 5 });
});

it('any number of detectors takes bounded room', () => {
  const all = simulated(200, 5).map((one, at) => ({
    ...one,
    features: { ...one.features, [`odd-${at}`]: 1 },
  }));
  expect(Object.keys(train(all)?.weights ?? {}).length).toBeLessThanOrEqual(65);
});
