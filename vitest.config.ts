/** Two groups: what needs only a processor runs side by side, what shares the kernel or a whole picket runs alone, after it. */
import { defineConfig } from 'vitest/config';

/** Attach programs, make cgroups and network namespaces, or measure time. */
const alone = [
  'test/bench/bench.test.ts',
  'test/**/kernel/**/*.test.ts',
  'test/cli/**/*.test.ts',
  'test/containers/**/*.test.ts',
  'test/demo/**/*.test.ts',
  'test/end-to-end/**/*.test.ts',
  'test/native/sanitizers.test.ts',
  'test/native/vm/**/*.test.ts',
  'test/scenarios/**/*.test.ts',
  'test/soak/soak.test.ts',
];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'logic',
          include: ['test/**/*.test.ts'],
          // Those have a run of their own, on a cluster (npm run test:cluster).
          exclude: [...alone, 'test/cluster/steps/**'],
          pool: 'forks',
          // Ten times what any takes alone: they wait for each other, and for whatever else the machine does.
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'machine',
          include: alone,
          pool: 'forks',
          maxWorkers: 1,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
