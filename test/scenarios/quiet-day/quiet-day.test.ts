/** A quiet day: two replicas do what they always do. Nothing is to be told. */
import { expect, test } from 'vitest';
import { API, quiet, shop } from '../../builders/shop.ts';
import { run } from '../../builders/world.ts';

test('a quiet day tells nothing and makes the baseline mature', () => {
  const world = shop();
  quiet(world, 60);
  const { told, pipeline } = run(world);
  expect(told.detections).toEqual([]);
  expect(told.alerts).toEqual([]);
  expect(pipeline.overview.workloads().find(({ workload }) => workload === API)).toMatchObject({
    state: 'mature',
    periods: 120,
    incomplete: 0,
    withheld: 0,
    containers: 2,
    facts: { exec: 0, file: 0, connect: 1, accept: 1, syscall: 2 },
  });
});
