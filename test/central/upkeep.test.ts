import { expect, test } from 'vitest';
import { createUpkeep } from '../../central/upkeep.ts';
import { createMetrics } from '../../kit/metrics.ts';

test('tells steps that are not what was written, and goes on', async () => {
  const metrics = createMetrics('central');
  const told: string[] = [];
  const pruned = [500, null];
  const upkeep = createUpkeep({
    store: {
      deleteOld: async () => [],
      endContainers: async () => undefined,
      pruneSteps: async () => pruned.shift() ?? null,
      bytes: async () => 7,
    },
    settings: {
      ...{ retention: 1, 'keep-incidents': 1, 'keep-nodes': 1, 'keep-steps': 1 },
      'database-bytes': 0,
    },
    nowMs: () => 10,
    metrics,
    log: { info: () => undefined, error: (text: string) => told.push(text) } as never,
  });
  await upkeep.run(new AbortController().signal);
  expect(told).toEqual(['steps are not what was written: none are deleted, look with picket audit verify']);
  const text = await metrics.registry.metrics();
  expect(text).toContain('picket_central_prune_refused_total 1');
  expect(text).toContain('picket_central_deleted_rows_total{table="steps",reason="age"} 500');
  expect(text).toContain('picket_central_database_bytes 7');
});

test('forgets no node before nodes had time to be heard again', async () => {
  const HOUR = 3_600_000;
  let now = 1000 * HOUR;
  const before: number[] = [];
  const upkeep = createUpkeep({
    store: {
      deleteOld: async ({ nodesBeforeMs }) => {
        before.push(nodesBeforeMs);
        return [];
      },
      endContainers: async () => undefined,
      pruneSteps: async () => 0,
      bytes: async () => 7,
    },
    settings: {
      ...{ retention: 1, 'keep-incidents': 1, 'keep-nodes': HOUR, 'keep-steps': 1 },
      'database-bytes': 0,
    },
    nowMs: () => now,
    metrics: createMetrics('central'),
    log: { info: () => undefined } as never,
  });
  await upkeep.run(new AbortController().signal);
  now += HOUR;
  await upkeep.run(new AbortController().signal);
  expect(before).toEqual([0, 1000 * HOUR]);
});
