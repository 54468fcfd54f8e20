/** A job that does something new in every window is no reason for alarm; the same on a quiet server is. */
import { expect, test } from 'vitest';
import { SECOND } from '../../builders/records.ts';
import { BATCH, novelty, ordinary, shop } from '../../builders/shop.ts';
import { run } from '../../builders/world.ts';

test('a job that always does new things stays calm', () => {
  const world = shop();
  for (let round = 0; round < 60; round++) {
    ordinary(world);
    novelty(world, round);
    world.tick();
  }
  const { told, pipeline } = run(world);
  expect(told.detections).toEqual([]);
  const job = pipeline.overview.workloads().find(({ workload }) => workload === BATCH);
  expect(job?.newness.exec).toBe(1);
});

test('the same new program on a quiet server is told', () => {
  const world = shop();
  for (let round = 0; round < 30; round++) {
    ordinary(world);
    world.tick();
  }
  const start = world.now;
  world.exec({
    slot: 3,
    pid: 9,
    start,
    parentPid: 8,
    parentStart: SECOND,
    path: '/opt/steps/amber',
    parentExe: 'runner',
  });
  world.tick();
  const { told } = run(world);
  expect(told.detections.map(({ detector, score }) => [detector, score])).toEqual([['rarity', 0.9568]]);
});
