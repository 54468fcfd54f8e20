/** What the kubelet says of containers: one finding for a crash loop, and the reason beside whatever else is told. */
import { expect, test } from 'vitest';
import { POD_FEATURES } from '../../agent/features/catalogue.ts';
import { PodStates } from '../../agent/identity/pod-states.ts';
import type { Pod } from '../../agent/identity/pods.ts';
import { windowMessage } from '../../agent/uplink/shapes.ts';
import { ordinary, shop } from '../builders/shop.ts';
import { ID, podList, run, UID, type World } from '../builders/world.ts';

interface Fares {
  readonly restarts?: number;
  readonly waiting?: string;
  readonly ended?: { readonly reason: string; readonly exitCode: number; readonly seconds: number };
}
/** The api's first replica, and one that never got a container. */
function say(world: World, fares: Fares, other: Fares = {}): void {
  const { items } = JSON.parse(podList([pod('a', 'api'), pod('e', 'late')])) as {
    items: { status: { containerStatuses: Record<string, unknown>[] } }[];
  };
  for (const [item, { restarts = 0, waiting, ended }] of [
    [items[0], fares],
    [items[1], other],
  ] as const) {
    const [status = {}] = item?.status.containerStatuses ?? [];
    status['restartCount'] = restarts;
    if (waiting !== undefined) status['state'] = { waiting: { reason: waiting } };
    const { reason, exitCode, seconds = 0 } = ended ?? {};
    const finishedAt = new Date(1_700_000_000_000 + seconds * 1000).toISOString();
    const startedAt = new Date(1_700_000_000_000).toISOString();
    if (ended !== undefined)
      status['lastState'] = { terminated: { reason, exitCode, startedAt, finishedAt } };
    if (item === items[1]) delete status['containerID'];
  }
  world.frames.push({ kind: 'pods', list: JSON.stringify({ kind: 'PodList', items }) });
}
const pod = (digit: string, name: string) => ({
  name: `${name}-5d9c7b8f6d-aaaaa`,
  uid: UID(digit),
  owner: { kind: 'ReplicaSet', name: `${name}-5d9c7b8f6d` },
  hash: '5d9c7b8f6d',
  ip: '10.0.1.2',
  containers: [{ name, id: ID(digit) }],
});
const ended = { reason: 'Error', exitCode: 1, seconds: 12 };

test('a crash loop is one finding, told again when half an hour was quiet', () => {
  const world = shop();
  for (let restarts = 1; restarts < 8; restarts++) {
    say(world, { restarts, ended });
    world.tick();
    say(world, { restarts, ended, waiting: 'CrashLoopBackOff' });
    world.tick();
  }
  for (let n = 0; n < 365; n++) world.tick();
  say(world, { restarts: 9, ended, waiting: 'CrashLoopBackOff' });
  world.tick();
  const { told } = run(world);
  const found = told.detections.filter(({ detector }) => detector === 'pod-state');
  expect(found.map(({ severity, container, summary }) => [severity, container.id, summary])).toEqual([
    [
      'low',
      ID('a'),
      'shop/Deployment/api/api ends again and again and is started anew each time: CrashLoopBackOff; Error, exit 1, after 12 s',
    ],
    ['low', ID('a'), expect.stringContaining('CrashLoopBackOff')],
  ]);
  expect(found[0]?.facts).toMatchObject({
    trouble: 'crash-loop',
    pod: 'shop/api-5d9c7b8f6d-aaaaa',
    pod_restarts: '1',
    pod_waiting: 'CrashLoopBackOff',
    pod_last_end: 'Error, exit 1, after 12 s',
  });
  expect(told.alerts).toEqual([]);
});

test('an image that cannot be had is told of the host, as there is no container', () => {
  const world = shop();
  say(world, {}, { waiting: 'ContainerCreating' });
  say(world, {}, { waiting: 'ErrImagePull' });
  say(world, {}, { waiting: 'ImagePullBackOff' });
  world.tick();
  const found = run(world).told.detections.filter(({ detector }) => detector === 'pod-state');
  expect(found.map(({ container, facts }) => [container.id, facts['trouble'], facts['pod_waiting']])).toEqual(
    [['host', 'no-image', 'ErrImagePull']],
  );
});

test('want of memory is told when it ends a run that was watched, and stands beside what else is told', () => {
  const world = shop();
  say(world, { restarts: 1, ended: { ...ended, reason: 'OOMKilled', exitCode: 137 } });
  world.tick();
  say(world, { restarts: 2, ended: { ...ended, reason: 'OOMKilled', exitCode: 137 } });
  ordinary(world);
  world.exec({ slot: 2, pid: 77, start: world.now, path: '/bin/sh', args: ['sh', '-i'], parentExe: 'nginx' });
  world.tick();
  const { told } = run(world);
  const troubles = told.detections.filter(({ detector }) => detector === 'pod-state');
  expect(troubles.map(({ facts }) => facts['trouble'])).toEqual(['out-of-memory']);
  const other = told.detections.find(({ detector }) => detector !== 'pod-state');
  expect(other?.facts).toMatchObject({ pod_restarts: '2', pod_last_end: 'OOMKilled, exit 137, after 12 s' });
});

test('each window of the container has what the kubelet says, by the names of the catalogue', () => {
  const world = shop();
  say(world, { restarts: 3, ended });
  world.tick();
  const own = run(world).told.windows.find(({ container }) => container.id === ID('a'));
  if (own === undefined) throw new Error('no window');
  const message: object = windowMessage(own);
  const told = Object.fromEntries(Object.entries(message).filter(([name]) => name.startsWith('pod')));
  expect(told).toEqual({ podRestarts: 3, podWaiting: '', podLastEnd: 'Error', podLifetimeMs: 12_000 });
  expect(POD_FEATURES.map(({ name }) => name)).toEqual(Object.keys(told));
});

test('the first end of a pod that was in the list before is told, that of a pod first seen is not', () => {
  const state = { container: 'api', restarts: 1, waiting: '', ended: { reason: 'OOMKilled' } };
  const of = (uid: string, states: readonly unknown[]): Pod =>
    ({ uid, name: uid, namespace: 'shop', workload: { kind: 'Pod', name: uid }, states }) as unknown as Pod;
  const pods = new PodStates();
  expect(pods.take([of('a', []), of('b', [state])], 1n)).toEqual([]);
  const troubles = pods.take([of('a', [state]), of('b', [state]), of('c', [state])], 2n);
  expect(troubles.map(({ kind, pod }) => [kind, pod.uid])).toEqual([['out-of-memory', 'a']]);
});
