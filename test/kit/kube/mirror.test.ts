import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { KubeClient } from '../../../kit/kube/client.ts';
import { Mirror } from '../../../kit/kube/mirror.ts';
import { PODS } from '../../../kit/kube/resource.ts';
import { FakeKubeApi } from '../../fakes/kube-api.ts';

const SOON = { timeout: 30_000, interval: 10 };

let api: FakeKubeApi;
let client: KubeClient;
let stop: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  api = await new FakeKubeApi().up();
  client = new KubeClient({ url: api.url, caFile: api.caFile }, { userAgent: 'test' });
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await running;
  await client.close();
  await api.stop();
});

const put = (name: string, phase = 'Pending'): unknown =>
  api.put('/api/v1/pods', {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' } },
    ...{ spec: { nodeName: 'n1' }, status: { phase } },
  });

function mirror(maxLeftOut?: number, roomMs = 50): Mirror<string> {
  const made = new Mirror<string>({
    client,
    query: { what: { resource: PODS }, reduce: ({ metadata }) => metadata.name ?? null },
    keyOf: (name) => name,
    maxObjects: 2,
    ...(maxLeftOut === undefined ? {} : { maxLeftOut }),
    problem: () => undefined,
    timing: { baseMs: 5, limitMs: 40, roomMs },
  });
  running = made.run(stop.signal);
  return made;
}
const becomes = (made: Mirror<string>, all: string[], leftOut: string[], refused: number): Promise<void> =>
  vi.waitFor(
    () => expect([made.all().sort(), made.leftOut(), made.refused]).toEqual([all, leftOut, refused]),
    SOON,
  );

test('what does not fit is counted once, and comes in when there is room', async () => {
  for (const name of ['a', 'b', 'c', 'd', 'e']) put(name);
  const made = mirror(2);
  await becomes(made, ['a', 'b'], ['c', 'd'], 3);
  put('f');
  await becomes(made, ['a', 'b'], ['c', 'd'], 4);
  put('f', 'Running');
  put('d', 'Running');
  put('b', 'Running');
  api.remove('/api/v1/pods', 'shop', 'a');
  await becomes(made, ['b', 'c'], ['d'], 3);
  api.remove('/api/v1/pods', 'shop', 'e');
  await becomes(made, ['b', 'c'], ['d'], 2);
  api.remove('/api/v1/pods', 'shop', 'd');
  await becomes(made, ['b', 'c'], [], 1);
});

test('without room for their names they are counted all the same', async () => {
  for (const name of ['a', 'b', 'c', 'd']) put(name);
  const made = mirror();
  await becomes(made, ['a', 'b'], [], 2);
  api.remove('/api/v1/pods', 'shop', 'd');
  await becomes(made, ['a', 'b'], [], 1);
});

test('who is not known by name comes in by a new list when there is room, and lists are made no oftener', async () => {
  for (const name of ['a', 'b', 'c', 'd']) put(name);
  const made = mirror();
  await becomes(made, ['a', 'b'], [], 2);
  api.remove('/api/v1/pods', 'shop', 'a');
  await becomes(made, ['b', 'c'], [], 1);
  const lists = api.asked.filter(({ verb }) => verb === 'list').length;
  expect(lists).toBe(2);
  // No room: what changes is told by the watch.
  put('b', 'Running');
  put('d', 'Running');
  put('e');
  await becomes(made, ['b', 'c'], [], 2);
  expect(api.asked.filter(({ verb }) => verb === 'list')).toHaveLength(lists);
});

test('who comes in by a change is counted as left out no more, nor is what we took away ourselves', async () => {
  for (const name of ['a', 'b', 'c', 'd']) put(name);
  const made = mirror(undefined, 60_000);
  await becomes(made, ['a', 'b'], [], 2);
  made.drop('a');
  api.remove('/api/v1/pods', 'shop', 'a');
  put('c', 'Running');
  await becomes(made, ['b', 'c'], [], 1);
  made.drop('b');
  api.remove('/api/v1/pods', 'shop', 'b');
  put('b');
  await becomes(made, ['b', 'c'], [], 1);
});
