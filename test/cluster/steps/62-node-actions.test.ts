/** What the node does with a container when a person asks, beside cutting its network: each done, tried, taken back. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { attach } from '../cluster.ts';
import { until } from '../command.ts';
import { type Desk, deployDesk } from '../desk.ts';
import { picket } from '../release.ts';

const cluster = attach();
const PLACE = 'node-actions';
let desk: Desk;
let pod = '';

beforeAll(async () => {
  desk = await deployDesk(cluster, PLACE, 1);
  [pod = ''] = desk.pods;
});

const of = (field: string): Promise<string> =>
  cluster.kubectl(['get', 'pod', pod, '-n', PLACE, '-o', `jsonpath={.status.containerStatuses[0].${field}}`]);

/** What `picket contain` says, and the order that it made. */
async function contain(...flags: string[]): Promise<{ said: string; order: string }> {
  const said = await until('the container at central', () =>
    picket(cluster, 'central', ['contain', pod, ...flags, '--lease', '30m']),
  );
  return { said, order: /ord-[0-9a-f-]+/.exec(said)?.[0] ?? '' };
}
const undo = (order: string): Promise<string> => picket(cluster, 'central', ['undo', order]);
const poll = <T>(ask: () => Promise<T> | T) => expect.poll(ask, { timeout: 180_000, interval: 1000 });

test('new programs are killed as they begin, and live again once it is taken back', async () => {
  const runs = (): Promise<string> =>
    desk.does(pod, 'echo ran').then(
      (text) => text.trim(),
      () => 'killed',
    );
  expect(await runs()).toBe('ran');
  const { said, order } = await contain('--no-network');
  expect(said).toContain('read back, not tried from inside');
  await poll(runs).toBe('killed');
  await undo(order);
  await poll(runs).toBe('ran');
});

/** The container's folder among the node's cgroups. */
async function cgroup(): Promise<string> {
  const id = (await of('containerID')).replace('containerd://', '');
  const found = readdirSync(cluster.unifiedCgroup, { recursive: true, encoding: 'utf8' }).find((path) =>
    path.endsWith(`/${id}`),
  );
  return join(cluster.unifiedCgroup, found ?? id);
}

test('all that runs in it is frozen, and runs on once it is taken back', async () => {
  const folder = await cgroup();
  const frozen = (): string | undefined =>
    /^frozen (\d)$/m.exec(readFileSync(join(folder, 'cgroup.events'), 'utf8'))?.[1];
  expect(frozen()).toBe('0');
  const { said, order } = await contain('--no-network', '--no-exec', '--freeze');
  expect(said).toContain('verified from inside');
  expect(frozen()).toBe('1');
  await undo(order);
  await poll(frozen).toBe('0');
});

test('every process in it is killed, once: the kubelet starts another container, which lives', async () => {
  const before = await of('containerID');
  const { said } = await contain('--no-network', '--no-exec', '--kill');
  expect(said).toContain('done');
  await poll(() => of('containerID')).not.toBe(before);
  await poll(() => of('ready')).toBe('true');
  const restarts = await of('restartCount');
  expect([restarts, (await desk.does(pod, 'echo ran')).trim()]).toEqual(['1', 'ran']);
});
