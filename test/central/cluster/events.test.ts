import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EventBook } from '../../../central/cluster/event-book.ts';
import { EventShelf } from '../../../central/cluster/event-shelf.ts';
import { nodeEventOf } from '../../../central/cluster/node-events.ts';
import { podEventOf } from '../../../central/cluster/pod-events.ts';
import type { KubeObject } from '../../../kit/kube/resource.ts';
import { attack, container } from '../../builders/summaries.ts';
import { FakeKubeApi } from '../../fakes/kube-api.ts';
import type { Json } from '../../fakes/kube-store.ts';
import { startCentral, type TestCentral, temporaryFolder } from '../harness.ts';

const EVENTS = '/api/v1/events';
const SOON = { timeout: 40_000, interval: 100 };
const web = container('web-1');

const event = (name: string, change: Json = {}): Json => ({
  kind: 'Event',
  metadata: { name, namespace: 'demo', creationTimestamp: new Date().toISOString() },
  involvedObject: {
    kind: 'Pod',
    name: 'web-1',
    namespace: 'demo',
    uid: web.podUid,
    fieldPath: 'spec.containers{web}',
  },
  type: 'Warning',
  reason: 'Unhealthy',
  message: 'Liveness probe failed: password=made-up',
  count: 3,
  firstTimestamp: new Date(Date.now() - 60_000).toISOString(),
  lastTimestamp: new Date().toISOString(),
  ...change,
});

test('both kinds of Events are read, and nothing of their messages', () => {
  const read = (change: Json) => podEventOf(event('a', change) as unknown as KubeObject);
  const at = '2026-11-22T07:00:00Z';
  const ms = Date.parse(at);
  expect(read({ firstTimestamp: at, lastTimestamp: at })).toEqual({
    ...{
      key: '',
      namespace: 'demo',
      pod: 'web-1',
      podUid: web.podUid,
      container: 'web',
      reason: 'Unhealthy',
      count: 3,
      firstMs: ms,
      lastMs: ms,
    },
  });
  const series = { count: 7, lastObservedTime: '2026-11-22T07:05:00.000000Z' };
  const anew = { eventTime: at, series, count: 0, firstTimestamp: null, lastTimestamp: null };
  expect(read(anew)).toMatchObject({ count: 7, firstMs: ms, lastMs: ms + 300_000 });
  expect(read({ involvedObject: { kind: 'Node', uid: 'x' } })).toBeNull();
  const about = { kind: 'Pod', name: 'web-1', uid: web.podUid };
  expect(read({ involvedObject: { ...about, namespace: 'of-others' } })).toBeNull();
  expect(read({ involvedObject: about })).toBeNull();
  expect(read({ reason: 'a sentence\nof its own' })).toBeNull();
});

test('of a node what is not as it should be is read, by whom may write of nodes', () => {
  const read = (change: Json, namespace = 'default') => {
    const about = { kind: 'Node', name: 'node-1', uid: 'node-1' };
    const whole = event('a', { involvedObject: about, ...change });
    return nodeEventOf({ ...whole, metadata: { name: 'a', namespace } } as unknown as KubeObject);
  };
  expect(read({ reason: 'SystemOOM' })).toMatchObject({ node: 'node-1', reason: 'SystemOOM', count: 3 });
  expect(read({ reason: 'NodeHasDiskPressure', type: 'Normal' })).toMatchObject({
    reason: 'NodeHasDiskPressure',
  });
  expect(read({ reason: 'Starting', type: 'Normal' })).toBeNull();
  expect(read({ reason: 'SystemOOM' }, 'shop')).toBeNull();
  expect(read({ involvedObject: { kind: 'Pod', name: 'node-1' } })).toBeNull();
});

test('what is told of a pod is of that pod, of that container or of none, and of that time', () => {
  const book = new EventBook();
  const pod = { namespace: 'demo', pod: 'web-1' };
  const one = {
    ...{ ...pod, key: 'k' },
    podUid: 'u1',
    container: 'web',
    reason: 'BackOff',
    count: 1,
    firstMs: 1000,
    lastMs: 2000,
  };
  const all = [one, { ...one, container: 'sidecar' }, { ...one, container: '' }, { ...one, podUid: 'u2' }];
  const nodes = [
    { ...one, node: 'node-1' },
    { ...one, node: 'node-2' },
  ];
  book.use('local', { pods: { all: () => all, leftOut: 2 }, nodes: { all: () => nodes, leftOut: 1 } });
  expect(book.leftOut).toBe(3);
  const ofNode = (node: string, fromMs: number) =>
    book.ofNode({ cluster: 'local', node }, { fromMs, toMs: 3000 });
  expect([ofNode('node-1', 1500), ofNode('node-1', 2001), ofNode('node-3', 0)]).toEqual([[nodes[0]], [], []]);
  const during = (fromMs: number, toMs: number, change: object = {}) =>
    book.ofPod({ cluster: 'local', ...pod, podUid: 'u1', container: 'web', ...change }, { fromMs, toMs });
  expect(during(1500, 3000)).toEqual([all[0], all[2]]);
  expect([during(2001, 3000), during(0, 999)]).toEqual([[], []]);
  expect(during(1500, 3000, { cluster: 'other' })).toEqual([]);
  expect(during(1500, 3000, { podUid: '' })).toEqual([]);
  expect(during(1500, 3000, { namespace: 'of-others' })).toEqual([]);
  expect(during(1500, 3000, { pod: 'web-2' })).toEqual([]);
});

test('who writes many events pushes out their own, the oldest first, and nobody else is pushed out', () => {
  const shelf = new EventShelf({ all: 12, ofNamespace: 8 });
  const put = (namespace: string, at: number) => ({ namespace, key: `${namespace}-${at}`, lastMs: at });
  const kept = () => shelf.all().map(({ key }) => key);
  shelf.takeAll([put('calm', 2), put('calm', 1)]);
  for (let at = 1; at <= 100; at += 1) shelf.put(put('loud', at));
  expect(kept()).toEqual([
    'calm-1',
    'calm-2',
    ...[93, 94, 95, 96, 97, 98, 99, 100].map((at) => `loud-${at}`),
  ]);
  expect(shelf.gone).toBe(92);
  for (let at = 3; at <= 6; at += 1) shelf.put(put('calm', at));
  expect([kept().length, kept()[0], kept().includes('loud-94')]).toEqual([12, 'calm-1', false]);
  shelf.put(put('calm', 1));
  shelf.remove(put('calm', 2));
  expect(kept().filter((key) => key.startsWith('calm'))).toEqual([
    'calm-3',
    'calm-4',
    'calm-5',
    'calm-6',
    'calm-1',
  ]);
  shelf.takeAll([]);
  expect([shelf.all(), shelf.gone]).toEqual([[], 0]);
});

let api: FakeKubeApi;
let folder: ReturnType<typeof temporaryFolder>;
let central: TestCentral;
beforeEach(async () => {
  api = await new FakeKubeApi().up();
  folder = temporaryFolder();
  const flags = { kubernetes: api.url, 'kubernetes-ca-file': api.caFile };
  api.put(EVENTS, event('of-the-pod'));
  api.put(EVENTS, event('no-warning', { type: 'Normal', reason: 'Pulled' }));
  const ofNode = { kind: 'Node', name: 'node-1', uid: 'node-1' };
  const there = { metadata: { name: 'x', namespace: 'default' }, involvedObject: ofNode };
  api.put(EVENTS, event('', { ...there, reason: 'NodeNotReady', type: 'Normal', count: 2 }));
  api.put(
    EVENTS,
    event('another', { involvedObject: { kind: 'Pod', uid: 'uid-of-another' }, reason: 'Evicted' }),
  );
  central = await startCentral({ folder: folder.path, flags });
});
afterEach(async () => {
  await central.stop();
  expect(api.violations).toEqual([]);
  await api.stop();
  folder.remove();
});

test('warnings of a pod stand in the story of what was found in it, and change nothing of its weight', async () => {
  await vi.waitFor(
    async () => expect(await central.metric('picket_central_objects_in_step{cluster="local"}')).toBe(1),
    SOON,
  );
  const node = central.node(await central.enrol());
  const other = container('db-1');
  await node.send(attack([web, other]));
  const { value } = await central.call('GET', '/api/v1/incidents');
  const incidents = (value['incidents'] as { id: string; confidence: number }[]).map(({ id }) => id);
  const stories = await Promise.all(
    incidents.map(async (id) => (await central.call('GET', `/api/v1/incidents/${id}`)).value),
  );
  const told = stories.flatMap(
    (story) => story['timeline'] as { kind: string; text: string; container: string }[],
  );
  expect(told.filter(({ kind }) => kind === 'pod-event')).toMatchObject([
    { container: web.id, text: 'Kubernetes says of container web: Unhealthy, 3 times.' },
  ]);
  expect([...new Set(told.filter(({ kind }) => kind === 'node-event').map(({ text }) => text))]).toEqual([
    'Kubernetes says of node node-1: NodeNotReady, 2 times.',
  ]);
  expect(JSON.stringify(stories)).not.toContain('password');
});
