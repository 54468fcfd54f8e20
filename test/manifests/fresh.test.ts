/** install.yaml is what the chart makes now. Where helm was never built, that is checked by `npm run test:cluster` alone. */
import { expect, test } from 'vitest';
import { read } from '../architecture/sources.ts';
import { builtHelm, renderInstall } from '../cluster/chart.ts';

const helm = builtHelm();

test.skipIf(helm === null)('install.yaml is the chart as it is rendered now', async () => {
  expect(read('manifests/install.yaml')).toBe(await renderInstall(helm ?? ''));
});
