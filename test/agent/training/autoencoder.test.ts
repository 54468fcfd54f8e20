/** Trained with TensorFlow.js on every backend that is installed here; scored by our forward pass. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import { reconstruct } from '../../../agent/models/shape/network.ts';
import { exportNetwork, train, untrained } from '../../../agent/training/autoencoder.ts';
import { useTensorflow, useWasm } from '../../../agent/training/backend.ts';

const FEATURES = 12;
/** Three hidden causes behind twelve features. */
const row = (i: number): number[] =>
  Array.from({ length: FEATURES }, (_, j) => Math.sin(i * 0.7 + (j % 3)) + 0.05 * Math.cos(i * j * 1.3));
const rows = Array.from({ length: 96 }, (_, i) => row(i));

const reason = await useTensorflow();
const backends: [string, () => Promise<void>][] = [
  ['wasm', useWasm],
  ['cpu', async () => void (await tf.setBackend('cpu'))],
];
if (reason === null) backends.push(['tensorflow', async () => void (await useTensorflow())]);
if (reason !== null) console.info(`tfjs-node is not compared: ${reason}`);

describe.each(backends)('on %s', (name, use) => {
  let first: Awaited<ReturnType<typeof train>>;
  beforeAll(async () => {
    await use();
    first = await train({ rows, seed: 7, steps: 60 });
  }, 60_000);

  test('the backend is in use', () => {
    expect(tf.getBackend()).toBe(name);
  });

  test('training lowers the loss, and the same rows and seed give the same weights', async () => {
    expect(first.lossAfter).toBeLessThan(first.lossBefore / 2);
    expect(await train({ rows, seed: 7, steps: 60 })).toEqual(first);
    expect((await train({ rows, seed: 8, steps: 60 })).network).not.toEqual(first.network);
  }, 60_000);

  test('our forward pass gives what TensorFlow.js gives', () => {
    const model = untrained(FEATURES, 3);
    const predicted = tf.tidy(
      () => (model.predict(tf.tensor2d(rows)) as tf.Tensor).arraySync() as number[][],
    );
    const ours = rows.map((values) => [...reconstruct(exportNetwork(model), Float64Array.from(values))]);
    const furthest = Math.max(
      ...ours.flatMap((values, i) => values.map((v, j) => Math.abs(v - (predicted[i]?.[j] ?? 9)))),
    );
    model.dispose();
    expect(furthest).toBeLessThan(1e-5);
  });

  test('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await train({ rows: rows.slice(0, 20), seed: 1, steps: 5 });
    expect(tf.memory().numTensors).toBe(before);
  });
});

test('networks of different backends repeat the same rows alike', async () => {
  const made: number[][] = [];
  for (const [, use] of backends) {
    await use();
    const { network } = await train({ rows, seed: 7, steps: 60 });
    made.push(rows.flatMap((values) => [...reconstruct(network, Float64Array.from(values))]));
  }
  const [one = [], ...others] = made;
  for (const other of others)
    expect(Math.max(...other.map((value, i) => Math.abs(value - (one[i] ?? 9))))).toBeLessThan(1e-3);
}, 120_000);

test('rows that are none are refused', async () => {
  await expect(train({ rows: [], seed: 1, steps: 5 })).rejects.toThrow('no rows to train on');
  await expect(train({ rows: [[Number.NaN, 1]], seed: 1, steps: 5 })).rejects.toThrow(/loss of NaN/);
});
