/** The pipeline on a store that fails where a test says so. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { createPipeline, type PipelineParts } from '../../central/pipeline.ts';
import { parsePolicies } from '../../central/respond/policy.ts';
import { fileDialect, openStore, type Store } from '../../central/store/database.ts';
import { systemClock } from '../../kit/clock.ts';
import { createLog } from '../../kit/log.ts';
import { createMetrics } from '../../kit/metrics.ts';

const folder = mkdtempSync(join(tmpdir(), 'picket-pipeline-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const NONE = { policies: [], exceptions: [], documents: [] };
const watching = parsePolicies([
  {
    path: 'watching.yaml',
    text: 'apiVersion: picket.dev/v1alpha1\nkind: PicketPolicy\nmetadata: { name: watching }\nspec: { mode: observe }',
  },
]);

test('policies that could not be written down are not in force, and are tried again, behind what people refused by then', async () => {
  const dialect = fileDialect(join(folder, 'central.db'));
  const store = await openStore({ dialect, auditKey: new Uint8Array(32) });
  let failures = 1;
  const takeNos = vi.fn(async () => {});
  const failing: Store = {
    ...store,
    transaction: (work) =>
      store.transaction(async (parts) => {
        const done = await work(parts);
        if (failures > 0) {
          failures -= 1;
          throw new Error('the disk is full');
        }
        return done;
      }),
  };
  const pipeline = createPipeline({
    ...{
      store: failing,
      clock: systemClock(),
      policies: NONE,
      windowMs: 1000,
      metrics: createMetrics('central'),
    },
    log: createLog({ name: 'test', level: 'silent' }),
    cluster: { enabled: [], kubeOf: () => null },
    exceptions: () => [],
    noes: { take: takeNos, doubt: () => {}, areHeard: true, isUnheard: () => false },
    hashKeys: () => [],
    notify: () => {},
  } as unknown as PipelineParts);
  await expect(pipeline.use(watching)).rejects.toThrow('the disk is full');
  expect(pipeline.policies()).toBe(NONE);
  await pipeline.tick();
  expect(pipeline.policies()).toBe(watching);
  expect(takeNos).toHaveBeenCalledTimes(2);
  await pipeline.stop();
  await store.close();
});
