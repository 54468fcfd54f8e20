/**
 * A training run: requests as lines of JSON on standard input, a reply or `{workload, error}` for each on standard output;
 * ends when the input does. Started by trainer.ts, never by a person.
 */
import { createInterface } from 'node:readline';
import type { TrainingRequest } from '../models/shape/training.ts';
import { train } from './autoencoder.ts';
import { useFastest } from './backend.ts';

const { name: backend, reason } = await useFastest();
process.stdout.write(`${JSON.stringify({ backend, reason })}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const { workload, ...request } = JSON.parse(line) as TrainingRequest;
  const startedAt = performance.now();
  try {
    const trained = await train(request);
    const ms = Math.round(performance.now() - startedAt);
    process.stdout.write(`${JSON.stringify({ workload, ...trained, backend, ms })}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ workload, error: (error as Error).message })}\n`);
  }
}
