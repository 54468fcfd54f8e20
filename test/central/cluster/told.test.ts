import { expect, test, vi } from 'vitest';
import { isLook } from '../../../wire/index.ts';
import { container, detection, summary } from '../../builders/summaries.ts';
import type { Json, Stored } from '../../fakes/kube-store.ts';
import { api, central, next, node, ROOT, SOON, send, start } from './objects.ts';

test('exceptions are sent to nodes, and what they covered there counts', async () => {
  api.put(`${ROOT}/picketexceptions`, {
    ...{ apiVersion: 'picket.dev/v1alpha1', kind: 'PicketException', metadata: { name: 'nightly' } },
    spec: { match: { workload: 'local/*', detector: 'rarity', facts: { path: '/dump' } }, reason: 'the job' },
  });
  await start();
  const standing = { rules: '', ruleProblems: [], exceptions: '' };
  const exceptions = await vi.waitFor(async () => {
    const { reply } = await node.send({ ...summary(), sequence: next(), standing });
    expect(reply?.exceptions).not.toBeNull();
    return reply?.exceptions;
  }, SOON);
  expect(exceptions?.exceptions).toEqual([
    { name: 'nightly', workload: 'local/*', detector: 'rarity', facts: { path: '/dump' }, expiresMs: 0 },
  ]);
  const web = container('web-1');
  const covered = detection(web, {
    alert: '',
    severity: 'info',
    facts: { path: '/dump', excepted: 'nightly' },
  });
  await send({ containers: [web], detections: [covered] });
  const { value } = await central.call('GET', '/api/v1/exceptions');
  expect(JSON.stringify(value)).toMatch(/"nightly".*"hits":1/);
});

test('profiles that are objects are sent, and what nodes say of them is their status', async () => {
  const profile = (name: string, spec: Json): Stored =>
    api.put(`${ROOT}/picketprofiles`, { kind: 'PicketProfile', metadata: { name, namespace: 'shop' }, spec });
  profile('web', { workload: 'Deployment/web/web', pinned: true, reset: 'monday' });
  profile('wrong', { workload: '../../etc' });
  await start();
  const workload = 'local/shop/Deployment/web/web';
  const standing = {
    rules: '',
    ruleProblems: [],
    exceptions: '',
    peers: '',
    looks: true,
    verdicts: '',
    profileStates: [],
  };
  const profiles = await vi.waitFor(async () => {
    const { reply } = await node.send({
      ...summary(),
      sequence: next(),
      standing: { ...standing, profiles: '' },
    });
    expect(reply?.profiles).not.toBeNull();
    return reply?.profiles;
  }, SOON);
  expect(profiles?.profiles).toEqual([{ workload, pinned: true, reset: 'monday' }]);
  const profileStates = [{ workload, state: 'young', periods: 12, facts: 30, pinned: true }];
  const said = { ...standing, profiles: profiles?.version ?? '', profileStates };
  expect((await node.send({ ...summary(), sequence: next(), standing: said })).reply?.profiles).toBeNull();
  await vi.waitFor(
    () =>
      expect(api.object(`${ROOT}/picketprofiles`, 'shop', 'web')?.['status']).toEqual({
        ...{ observedGeneration: 1, nodes: 1, pinnedOn: 1, state: 'young', periods: 12, facts: 30 },
      }),
    SOON,
  );
  const foreign = [{ ...profileStates[0], workload: 'other/shop/Deployment/web/web' }];
  const refused = await node.send({
    ...summary(),
    sequence: next(),
    standing: { ...said, profileStates: foreign },
  });
  expect(refused.error?.code).toBe('PICKET_IDENTITY');
});

test('whom addresses belong to is sent as changes, and who is behind is told to look', async () => {
  const pod = (name: string, ip: string, spec: Json = {}): Stored =>
    api.put('/api/v1/pods', {
      metadata: {
        ...{ name, namespace: 'shop', labels: { 'pod-template-hash': '5d4f' } },
        ownerReferences: [{ kind: 'ReplicaSet', name: 'db-5d4f', controller: true }],
      },
      spec,
      status: { phase: 'Running', podIPs: [{ ip }] },
    });
  for (let n = 0; n < 8; n += 1) pod(`db-${n}`, `10.1.0.${n}`);
  pod('on-the-node', '10.0.0.1', { hostNetwork: true });
  api.put('/api/v1/services', {
    metadata: { name: 'db', namespace: 'shop' },
    spec: { clusterIPs: ['10.96.0.7'] },
  });
  api.put('/apis/discovery.k8s.io/v1/endpointslices', {
    metadata: { name: 'bank-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'bank' } },
    endpoints: [{ addresses: ['192.0.2.9'] }, { addresses: ['10.1.0.1'], targetRef: { kind: 'Pod' } }],
  });
  await start();
  const stream = await node.orders();
  const standing = { rules: '', ruleProblems: [], exceptions: '', peers: '', looks: true };
  const sent = async (version: string) => {
    const { reply } = await node.send({
      ...summary(),
      sequence: next(),
      standing: { ...standing, peers: version },
    });
    return reply?.peers ?? null;
  };
  const whole = await vi.waitFor(async () => {
    const found = await sent('');
    if (found === null) throw new Error('nothing sent yet');
    return found;
  }, SOON);
  const sorted = whole.names.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  expect(sorted).toEqual([
    { name: 'shop/Deployment/db', addresses: Array.from({ length: 8 }, (_, n) => `10.1.0.${n}`) },
    { name: 'shop/Service/bank', addresses: ['192.0.2.9'] },
    { name: 'shop/Service/db', addresses: ['10.96.0.7'] },
  ]);
  expect(await sent(whole.version)).toBeNull();
  api.remove('/api/v1/pods', 'shop', 'db-0');
  pod('db-9', '10.1.0.9');
  expect(isLook(await stream.next())).toBe(true);
  const changes = await vi.waitFor(async () => {
    const found = await sent(whole.version);
    expect(found?.gone).toEqual(['10.1.0.0']);
    expect(found?.names).toEqual([{ name: 'shop/Deployment/db', addresses: ['10.1.0.9'] }]);
    return found;
  }, SOON);
  expect(changes?.since).toBe(whole.version);
  stream.stream.close();
});
