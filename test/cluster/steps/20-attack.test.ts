/** A workload is learnt; what is done in its pod is detected, with its names. */
import { beforeAll, expect, test } from 'vitest';
import { attach } from '../cluster.ts';
import { until } from '../command.ts';
import { alerted, picket } from '../release.ts';
import { deployShop, SHOP, WEB } from '../shop.ts';

const cluster = attach();
let pod = '';

interface Line {
  readonly kind: string;
  readonly detector?: string;
  readonly severity: string;
  readonly container: Record<string, unknown>;
}

beforeAll(async () => {
  pod = await deployShop(cluster);
});

test('a workload of the cluster is learnt under the name of its owner', async () => {
  const learnt = await until(
    'the baseline of the shop',
    async () => {
      const { workloads } = JSON.parse(await picket(cluster, 'agent', ['workloads', '--json'])) as {
        workloads: { workload: string; state: string }[];
      };
      return workloads.find(({ workload, state }) => workload === WEB && state !== 'learning');
    },
    240_000,
  );
  expect(learnt).toMatchObject({ workload: WEB, state: 'young' });
});

test('its container was seen being made: what begins in it is its own, and nobody who entered', async () => {
  const { containers } = JSON.parse(await picket(cluster, 'agent', ['containers', '--json'])) as {
    containers: { pod: string; name: string; aliveMs: number | null }[];
  };
  const found = containers.find((one) => one.pod === pod && one.name === 'web');
  expect(found?.aliveMs).toBeGreaterThan(0);
});

test('an attack in its pod is detected, with pod, workload and image', async () => {
  await cluster.kubectl(['exec', '-n', SHOP, pod, '--', 'cat', '/etc/shadow']);
  const found = (await alerted(cluster, 'a detection in the shop', (line) => {
    const { kind, container } = line as unknown as Line;
    return kind === 'detection' && JSON.stringify(line).includes('/etc/shadow') && container.pod === pod;
  })) as unknown as Line;
  expect(found.container).toMatchObject({
    pod,
    namespace: SHOP,
    name: 'web',
    workload: WEB,
    image: 'docker.io/library/busybox:local',
  });
});

test('central has it as an incident of that workload', async () => {
  const incidents = await until(
    'an incident',
    async () => {
      const text = await picket(cluster, 'central', ['incidents', '--json']);
      return text.includes(WEB) ? text : null;
    },
    120_000,
  );
  expect(incidents).toContain(WEB);
});
