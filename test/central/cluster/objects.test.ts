import { expect, test, vi } from 'vitest';
import { CLUSTER_PERMISSIONS } from '../../../central/cluster/kinds.ts';
import { permissionLines } from '../../../kit/kube/permission.ts';
import { attack, container } from '../../builders/summaries.ts';
import type { Json } from '../../fakes/kube-store.ts';
import {
  answer,
  api,
  approve,
  becomes,
  enforce,
  objects,
  orderTo,
  policies,
  ROOT,
  SOON,
  send,
  start,
  WATCHES,
} from './objects.ts';

test('each node that reports is an object with its health', async () => {
  await start();
  await send({ health: { version: '1.2.3', lost: { 'ring-full': 7 }, hooksMissing: ['lsm'], rssBytes: 9 } });
  const nodeObject = (): Json => api.object(`${ROOT}/picketnodes`, null, 'node-1') as Json;
  await vi.waitFor(() => expect(nodeObject()?.['status']).toBeDefined(), SOON);
  expect(nodeObject()).toMatchObject({
    spec: { cluster: 'local' },
    status: {
      version: '1.2.3',
      lost: 7,
      hooksMissing: ['lsm'],
      memoryBytes: 9,
      conditions: [
        { type: 'Reporting', status: 'True' },
        { type: 'AllHooks', status: 'False', message: 'lsm' },
      ],
    },
  });
});

test('what its canaries prove stands on it, and it goes when the node is forgotten', async () => {
  const status = (name: string): Json | undefined =>
    api.object(`${ROOT}/picketnodes`, null, name)?.['status'] as Json | undefined;
  const canary = (result: string): Json => ({
    id: `can-${'a'.repeat(20)}`,
    ...{ result, wallMs: Date.now(), detail: '', detectMs: result === 'seen' ? 2.6 : 0 },
  });
  // Whether others are known of is no reason: of these, one was heard lately, two never.
  const [old, now] = ['2020-01-01T00:00:00.000Z', new Date().toISOString()];
  for (const [name, creationTimestamp, lastSeen] of [
    ['forgotten', now, old],
    ['young', old, now],
    ['new', now, undefined],
    ['never', old, undefined],
  ])
    api.put(`${ROOT}/picketnodes`, { metadata: { name, creationTimestamp }, spec: {}, status: { lastSeen } });
  await start();
  await send({ canaryIntervalMs: 600_000 });
  const seeing = (expected: Json): Promise<void> =>
    vi.waitFor(() => expect((status('node-1')?.['conditions'] as Json[])?.[2]).toMatchObject(expected), SOON);
  await seeing({ type: 'Seeing', status: 'Unknown', reason: 'WaitedFor' });
  await send({ canaryIntervalMs: 600_000, canaries: [canary('seen')] });
  await seeing({ status: 'True', reason: 'Proved' });
  expect(status('node-1')?.['canary']).toMatchObject({
    ...{ intervalSeconds: 600, failures: 0, result: 'seen', detectMilliseconds: 3 },
    provedAt: expect.stringMatching(/^20/),
  });
  for (const detail of ['', 'no such program'])
    await send({ canaryIntervalMs: 600_000, canaries: [{ ...canary('failed'), detail }] });
  await seeing({ status: 'False', reason: 'Deaf', message: 'the last one was failed (no such program)' });
  await send({ canaryIntervalMs: 0 });
  await vi.waitFor(() => expect(status('node-1')?.['conditions']).toHaveLength(2), SOON);
  expect(status('node-1')?.['canary'] ?? null).toBeNull();
  for (const name of ['forgotten', 'never'])
    await vi.waitFor(() => expect(api.object(`${ROOT}/picketnodes`, null, name)).toBeNull(), SOON);
  expect([status('young') !== undefined, status('new') !== undefined]).toEqual([true, true]);
});

test('asks for no more than it says, and for all of it', async () => {
  api.put(`${ROOT}/picketpolicies`, enforce('{ maxContainers: 5, maxPercentOfWorkload: 100 }', 'ask'));
  api.put(`${ROOT}/picketexceptions`, { metadata: { name: 'wrong' }, spec: {} });
  api.put(`${ROOT}/picketrules`, { metadata: { name: 'wrong' }, spec: {} });
  const gone = { metadata: { name: 'gone' }, status: { lastSeen: '2020-01-01T00:00:00.000Z' } };
  api.put(`${ROOT}/picketnodes`, gone);
  api.put(`${ROOT}/picketprofiles`, {
    metadata: { name: 'web', namespace: 'shop' },
    spec: { workload: 'Deployment/web/web' },
  });
  await start();
  await vi.waitFor(async () => expect(await policies()).toHaveLength(1), SOON);
  await send({ ...(attack([container('web-1')]) as Json), health: { version: '1' } });
  await becomes({ pln: 'Proposed' });
  approve('pln');
  const order = await orderTo('contain');
  await becomes({ ord: 'Pending' });
  await answer(order, 'failed');
  await becomes({ ord: 'Failed' });
  await vi.waitFor(() => expect(objects()[0]?.metadata['finalizers']).toEqual([]), SOON);
  await vi.waitFor(() => expect(api.watching).toBe(WATCHES), SOON);
  const named = (path: string): string => {
    const [, group = '', rest = ''] =
      /^\/(?:api\/v1|apis\/([a-z0-9.]+)\/v1(?:alpha1)?)\/(?:namespaces\/[^/]+\/)?(.+)$/.exec(path) ?? [];
    const [plural = '', , subresource] = rest.split('/');
    const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
    return group === '' ? resource : `${resource}.${group}`;
  };
  const asked = new Set(api.asked.map(({ verb, path }) => `${verb} ${named(path)}`));
  expect([...asked].sort()).toEqual(permissionLines(CLUSTER_PERMISSIONS));
});
