/** The training process, really started. */
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { replyOf } from '../../../agent/models/shape/training.ts';
import { Trainer } from '../../../agent/training/trainer.ts';

const rows = Array.from({ length: 24 }, (_, i) => Array.from({ length: 6 }, (_, j) => Math.sin(i + j)));
const heard = { replies: [] as [string, string][], problems: [] as string[], backends: [] as string[] };
const make = (): Trainer =>
  new Trainer({
    onReply: (workload, text) => heard.replies.push([workload, text]),
    onProblem: (problem) => heard.problems.push(problem),
    onBackend: (backend) => heard.backends.push(backend),
  });
let trainer: Trainer;
afterEach(async () => {
  await trainer.stop();
  for (const list of Object.values(heard)) list.length = 0;
});

/** Processes of ours that train. */
function running(): number {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
  return children.split(' ').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('agent/training/main');
    } catch {
      return false;
    }
  }).length;
}

test('trains what waits in one process, which then ends', async () => {
  trainer = make();
  for (const workload of ['a', 'b']) trainer.train({ workload, rows, seed: 1, steps: 10 });
  expect(trainer.waiting).toBe(2);
  await trainer.idle;
  expect(heard.replies.map(([workload]) => workload)).toEqual(['a', 'b']);
  const [first, second] = heard.replies.map(([, text]) => replyOf(JSON.parse(text), 6));
  expect(first?.network).toEqual(second?.network);
  expect(trainer.counts).toEqual({ runs: 1, trained: 2, failed: 0, refused: 0 });
  expect([heard.backends.length, running()]).toEqual([1, 0]);
}, 60_000);

test('tells a request that cannot be trained, and goes on with the next', async () => {
  trainer = make();
  trainer.train({ workload: 'empty', rows: [], seed: 1, steps: 10 });
  trainer.train({ workload: 'whole', rows, seed: 1, steps: 10 });
  await trainer.idle;
  expect(heard.problems).toEqual(['empty: no rows to train on']);
  expect(heard.replies.map(([workload]) => workload)).toEqual(['whole']);
}, 60_000);

test('a newer request of a workload takes the place of one that waits', async () => {
  trainer = make();
  for (const seed of [1, 2, 3]) trainer.train({ workload: 'a', rows, seed, steps: 10 });
  expect(trainer.waiting).toBe(1);
  await trainer.idle;
  expect(trainer.counts.trained).toBe(1);
}, 60_000);

test('is bounded in what waits', () => {
  trainer = make();
  for (let i = 0; i < 100; i += 1) trainer.train({ workload: `w${i}`, rows: [], seed: 1, steps: 10 });
  expect([trainer.waiting, trainer.counts.refused]).toEqual([64, 36]);
});

test('ends with the agent, in the middle of a run', async () => {
  trainer = make();
  trainer.train({ workload: 'a', rows, seed: 1, steps: 10 });
  await trainer.stop();
  expect([running(), trainer.waiting, heard.problems]).toEqual([0, 0, []]);
  trainer.train({ workload: 'a', rows, seed: 1, steps: 10 });
  expect(trainer.waiting).toBe(0);
});
