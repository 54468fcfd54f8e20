import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KubeClient } from '../../../kit/kube/client.ts';
import { inClusterConfig, type KubeConfig } from '../../../kit/kube/config.ts';
import { isKubeError, KubeError } from '../../../kit/kube/error.ts';
import { type Permission, permissionLines } from '../../../kit/kube/permission.ts';
import { NODES, objectPath, PODS, pathOf, type Resource } from '../../../kit/kube/resource.ts';
import { FakeKubeApi } from '../../fakes/kube-api.ts';

let api: FakeKubeApi;
let open: KubeClient[] = [];

beforeEach(async () => {
  api = await new FakeKubeApi().up();
});
afterEach(async () => {
  for (const client of open) await client.close();
  open = [];
  expect(api.violations).toEqual([]);
  await api.stop();
});

function clientOf(config: Partial<KubeConfig> = {}, options: { answerMs?: number } = {}): KubeClient {
  const client = new KubeClient(
    { url: api.url, caFile: api.caFile, ...config },
    { userAgent: 'test', ...options },
  );
  open.push(client);
  return client;
}

const pod = (name: string, more = {}): Record<string, unknown> => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop' },
  ...more,
});
const SHOP = { resource: PODS, namespace: 'shop' };
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error: unknown) => error,
  );

describe('KubeClient', () => {
  test('makes, reads, changes, replaces and deletes an object', async () => {
    const client = clientOf();
    const ref = { ...SHOP, name: 'web' };
    await client.create(SHOP, pod('web', { spec: { nodeName: 'n1' } }));
    expect((await client.get(ref))['spec']).toEqual({ nodeName: 'n1' });
    await client.patch(ref, { metadata: { labels: { a: 'b' } } });
    const patched = await client.patch(ref, [{ op: 'add', path: '/metadata/labels/c', value: 'd' }], {
      type: 'json',
    });
    expect(patched.metadata.labels).toEqual({ a: 'b', c: 'd' });
    const replaced = await client.replace(ref, { ...patched, spec: { nodeName: 'n2' } });
    expect(replaced['spec']).toEqual({ nodeName: 'n2' });
    expect(await failure(client.replace(ref, patched))).toMatchObject({ status: 409, reason: 'Conflict' });
    expect(await client.delete(ref, { uid: 'another' }).catch((e: KubeError) => e.reason)).toBe('Conflict');
    expect(await client.delete(ref)).toBe(true);
    expect(await client.delete(ref)).toBe(false);
    expect(await client.find(ref)).toBeNull();
  });

  test('applies: the object is made where there is none', async () => {
    const ref = { ...SHOP, name: 'made' };
    const made = await clientOf().patch(ref, pod('made'), {
      type: 'apply',
      fieldManager: 'picket',
      force: true,
    });
    expect(made.metadata.name).toBe('made');
  });

  test('writes nothing in a dry run', async () => {
    const client = clientOf();
    await client.create(SHOP, pod('web'), { dryRun: true });
    expect(await client.find({ ...SHOP, name: 'web' })).toBeNull();
    await client.create(SHOP, pod('web'));
    await client.delete({ ...SHOP, name: 'web' }, { dryRun: true });
    expect(await client.find({ ...SHOP, name: 'web' })).not.toBeNull();
  });

  test('lists page by page what a selector names', async () => {
    for (let index = 0; index < 7; index += 1)
      api.put('/api/v1/pods', pod(`p${index}`, { spec: { nodeName: index === 3 ? 'other' : 'mine' } }));
    const found = await clientOf().list(
      { resource: PODS },
      { fieldSelector: 'spec.nodeName=mine', pageSize: 2 },
    );
    expect(found.map(({ metadata }) => metadata.name)).toEqual(['p0', 'p1', 'p2', 'p4', 'p5', 'p6']);
    expect(api.asked.filter(({ verb }) => verb === 'list')).toHaveLength(3);
  });

  test('says what failed: status, reason, verb and path', async () => {
    const error = await failure(clientOf().get({ ...SHOP, name: 'none' }));
    expect(error).toBeInstanceOf(KubeError);
    expect(error).toMatchObject({
      status: 404,
      reason: 'NotFound',
      verb: 'get',
      path: '/api/v1/namespaces/shop/pods/none',
    });
    expect(isKubeError(error, 'NotFound')).toBe(true);
  });

  test('an eviction that the budget does not allow is told at once, and not asked again', async () => {
    api.put('/api/v1/pods', pod('web'));
    api.protectedPods.add('shop/web');
    const client = clientOf();
    expect(await failure(client.evict({ ...SHOP, name: 'web' }))).toMatchObject({
      reason: 'TooManyRequests',
    });
    expect(api.asked).toHaveLength(1);
    api.protectedPods.clear();
    await client.evict({ ...SHOP, name: 'web' });
    expect(api.all('/api/v1/pods')).toEqual([]);
  });

  test('asks again what the server put off, and not what it failed at', async () => {
    let refusals = 2;
    api.fault = () => (refusals-- > 0 ? { status: 429, reason: 'TooManyRequests', retryAfter: 0 } : null);
    const client = clientOf();
    await client.create(SHOP, pod('web'));
    expect(api.asked).toHaveLength(3);
    api.fault = () => ({ status: 500, reason: 'InternalError' });
    expect(await failure(client.create(SHOP, pod('b')))).toMatchObject({ status: 500 });
    api.fault = () => ({ status: 429, reason: 'TooManyRequests', retryAfter: 200 });
    expect(await failure(client.create(SHOP, pod('b')))).toMatchObject({ retryAfterMs: 200_000 });
    expect(api.asked).toHaveLength(5);
  });

  test('reads the token again when it was refused', async () => {
    const tokenFile = join(api.folder, 'token');
    writeFileSync(tokenFile, 'first\n');
    api.tokens = new Map([['first', 'agent']]);
    const client = clientOf({ tokenFile });
    await client.list(SHOP);
    api.tokens = new Map([['second', 'agent']]);
    expect(await failure(client.list(SHOP))).toMatchObject({ status: 401, reason: 'Unauthorized' });
    writeFileSync(tokenFile, 'second\n');
    await client.list(SHOP);
  });

  test('shows its certificate', async () => {
    api.tokens = new Map();
    expect(await failure(clientOf().list(SHOP))).toMatchObject({ status: 401 });
    const files = await api.client('admin');
    expect(await clientOf(files).list(SHOP)).toEqual([]);
  });

  test('trusts a new authority once its file has it, and no other before', async () => {
    const client = clientOf();
    const caFile = join(api.folder, 'kept.crt');
    await client.list(SHOP);
    await api.down();
    const stranger = new KubeClient({ url: api.url, caFile }, { userAgent: 'test' });
    open.push(stranger);
    expect(await failure(stranger.list(SHOP))).toMatchObject({ reason: 'Credentials' });
    copyFileSync(api.caFile, caFile);
    await api.up({ newAuthority: true });
    expect(await failure(stranger.list(SHOP))).toMatchObject({ reason: 'Unreachable' });
    copyFileSync(api.caFile, caFile);
    expect(await stranger.list(SHOP)).toEqual([]);
    expect(await failure(client.list(SHOP).catch(() => client.list(SHOP)))).toBeNull();
  });

  test('does not wait for ever, and ends when told to', async () => {
    // A watch's path asked as a list: the headers come, the end never.
    const query = { watch: true, resourceVersion: 1, timeoutSeconds: 9 };
    const endless = { verb: 'list', path: '/api/v1/pods', query } as const;
    expect(await failure(clientOf({}, { answerMs: 300 }).send(endless))).toMatchObject({
      reason: 'Timeout',
      status: 0,
    });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    expect(await failure(clientOf().send({ ...endless, signal: stop.signal }))).toMatchObject({
      reason: 'Aborted',
    });
  });

  test('says that nobody is there', async () => {
    const client = clientOf();
    await api.down();
    expect(await failure(client.list(SHOP))).toMatchObject({ status: 0, reason: 'Unreachable' });
    await api.up();
    expect(await client.list(SHOP)).toEqual([]);
  });
});

describe('paths', () => {
  const NETWORK_POLICIES: Resource = {
    group: 'networking.k8s.io',
    version: 'v1',
    plural: 'networkpolicies',
    kind: 'NetworkPolicy',
    namespaced: true,
  };
  test('are those of the API', () => {
    expect(pathOf({ resource: PODS })).toBe('/api/v1/pods');
    expect(objectPath({ resource: NODES, name: 'n1' })).toBe('/api/v1/nodes/n1');
    expect(objectPath({ resource: NETWORK_POLICIES, namespace: 'shop', name: 'a' }, 'status')).toBe(
      '/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/a/status',
    );
  });

  test.each(['', '.', '..'])('no name is %j', (name) => {
    expect(() => objectPath({ resource: NODES, name })).toThrow(/no name/);
  });

  test('a name leads nowhere else', () => {
    expect(objectPath({ resource: NODES, name: '../pods?watch=true' })).toBe(
      '/api/v1/nodes/..%2Fpods%3Fwatch%3Dtrue',
    );
  });
});

test('a pod finds its cluster, and a machine without one none', () => {
  const folder = api.folder;
  const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
  expect(inClusterConfig(environment, folder)).toBeNull();
  writeFileSync(join(folder, 'token'), 'x');
  expect(inClusterConfig({}, folder)).toBeNull();
  expect(inClusterConfig(environment, folder)).toEqual({
    url: 'https://[fd00::1]:6443',
    tokenFile: join(folder, 'token'),
    caFile: join(folder, 'ca.crt'),
  });
});

test('permissions are the same however they are grouped', () => {
  const together: Permission[] = [
    { apiGroups: [''], resources: ['pods', 'pods/eviction'], verbs: ['get', 'create'] },
  ];
  const apart: Permission[] = [
    { apiGroups: [''], resources: ['pods'], verbs: ['create', 'get'] },
    { apiGroups: [''], resources: ['pods/eviction'], verbs: ['get'] },
    { apiGroups: [''], resources: ['pods/eviction'], verbs: ['create', 'get'] },
  ];
  expect(permissionLines(together)).toEqual(permissionLines(apart));
  expect(
    permissionLines([
      { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['patch'], resourceNames: ['web'] },
    ]),
  ).toEqual(['patch deployments/scale.apps web']);
});
