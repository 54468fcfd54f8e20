/** What is asked of a training run and what it gives: plain JSON between the agent and the process that trains. */
import { createHash } from 'node:crypto';
import { type Network, networkOf } from './network.ts';

export interface TrainingRequest {
  readonly workload: string;
  /** Scaled rows of equal length. */
  readonly rows: readonly (readonly number[])[];
  readonly seed: number;
  /** Of the optimizer, each over all rows at once: the cost is that of the calls and hardly of the rows. */
  readonly steps: number;
}

export interface TrainingReply {
  readonly workload: string;
  readonly network: Network;
  /** Mean squared error over the rows, before and after. */
  readonly lossBefore: number;
  readonly lossAfter: number;
  /** `wasm`, or `tensorflow` where the native library is installed. */
  readonly backend: string;
  readonly ms: number;
}

/** Of Adam: as large as some hundred rows bear, so that few steps do. */
export const LEARNING_RATE = 0.015;

/** Widths of the layers between `features` inputs and as many outputs. */
export const widthsOf = (features: number): readonly number[] => [
  Math.max(4, Math.round(features / 2)),
  Math.max(2, Math.round(features / 4)),
  Math.max(4, Math.round(features / 2)),
  features,
];

/** The same workload with as many rows learnt trains the same network. */
export const seedOf = (workload: string, learnt: number): number =>
  createHash('sha256').update(`${workload}\0${learnt}`).digest().readUInt32BE(0) % 0x7fff_ffff;

/** @throws TypeError saying what is wrong with it. */
export function replyOf(value: unknown, features: number): TrainingReply {
  const { workload, network, lossBefore, lossAfter, backend, ms } = (value ?? {}) as Record<string, unknown>;
  if (typeof workload !== 'string' || typeof backend !== 'string')
    throw new TypeError('no reply of a training run');
  const numbers = [lossBefore, lossAfter, ms].map(Number);
  if (!numbers.every(Number.isFinite)) throw new TypeError(`a training run of ${workload} without a loss`);
  const [before = 0, after = 0, took = 0] = numbers;
  return {
    workload,
    network: networkOf(network, features),
    lossBefore: before,
    lossAfter: after,
    backend,
    ms: took,
  };
}
