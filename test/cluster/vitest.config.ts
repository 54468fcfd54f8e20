/** The steps on the cluster: one after the other, in the order of their names, inside its network. */
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

class InOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.sort((a, b) => (a.moduleId < b.moduleId ? -1 : 1));
  }
}

export default defineConfig({
  root: `${import.meta.dirname}/../..`,
  test: {
    include: ['test/cluster/steps/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    sequence: { sequencer: InOrder },
    // Pods start, baselines are learnt: on a busy machine each takes its time.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
