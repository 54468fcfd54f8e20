/** Trains one autoencoder with TensorFlow.js, on whatever backend is set. The same rows and seed give the same weights. */
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import type { Layer } from '../models/shape/network.ts';
import {
  LEARNING_RATE,
  type TrainingReply,
  type TrainingRequest,
  widthsOf,
} from '../models/shape/training.ts';

type Trained = Pick<TrainingReply, 'network' | 'lossBefore' | 'lossAfter'>;

/** The network before its first step. The caller disposes of it. */
export function untrained(features: number, seed: number): layers.Sequential {
  const widths = widthsOf(features);
  const model = layers.sequential();
  for (const [i, units] of widths.entries()) {
    model.add(
      layers.layers.dense({
        units,
        activation: i === widths.length - 1 ? 'linear' : 'tanh',
        kernelInitializer: layers.initializers.glorotUniform({ seed: seed + i }),
        ...(i === 0 ? { inputShape: [features] } : {}),
      }),
    );
  }
  return model;
}

/** Its weights as plain numbers, to the precision of the 32 bits that they have. */
export function exportNetwork(model: layers.Sequential): Layer[] {
  return model.layers.map((layer, i) => {
    const [kernel, bias] = layer.getWeights().map((weights) => Array.from(weights.dataSync(), short));
    if (kernel === undefined || bias === undefined) throw new Error(`layer ${i} has no kernel and bias`);
    return { kernel, bias, activation: i === model.layers.length - 1 ? 'linear' : 'tanh' };
  });
}

const short = (value: number): number => Number(value.toPrecision(8));

/** @throws when the loss is no number, which rows without numbers give. */
export async function train({ rows, seed, steps }: Omit<TrainingRequest, 'workload'>): Promise<Trained> {
  const features = rows[0]?.length ?? 0;
  if (features === 0) throw new RangeError('no rows to train on');
  const input = tf.tensor2d(rows as number[][]);
  const model = untrained(features, seed);
  const optimizer = tf.train.adam(LEARNING_RATE);
  try {
    model.compile({ optimizer, loss: 'meanSquaredError' });
    const { history } = await model.fit(input, input, {
      epochs: steps,
      batchSize: rows.length,
      shuffle: false,
      verbose: 0,
      yieldEvery: 'never',
    });
    const losses = (history['loss'] ?? []).map(Number);
    const [lossBefore = Number.NaN] = losses;
    const lossAfter = losses.at(-1) ?? Number.NaN;
    if (!Number.isFinite(lossAfter)) throw new Error(`training ended with a loss of ${lossAfter}`);
    return { network: exportNetwork(model), lossBefore, lossAfter };
  } finally {
    input.dispose();
    model.dispose();
    optimizer.dispose();
  }
}
