/** The step before `helm uninstall` against an API server: agents replaced, and no Containment that cannot be deleted. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeKubeApi } from '../fakes/kube-api.ts';

const SCRIPT = join(import.meta.dirname, '../../manifests/chart/files/release-nodes.mjs');
const CONTAINMENTS = '/apis/picket.dev/v1alpha1/containments';
const SETS = '/apis/apps/v1/daemonsets';
const FINALIZER = 'picket.dev/release';

let api: FakeKubeApi;
beforeEach(async () => {
  api = await new FakeKubeApi().up();
  api.tokens = new Map([['secret', 'uninstall']]);
});
afterEach(async () => {
  expect(api.violations).toEqual([]);
  await api.stop();
});

function release(env: Readonly<Record<string, string>> = {}): Promise<{ code: number | null; said: string }> {
  const token = join(api.folder, 'token');
  writeFileSync(token, 'secret\n');
  const child = spawn(process.execPath, [SCRIPT], {
    env: {
      ...{ API_URL: api.url, TOKEN_FILE: token, NODE_EXTRA_CA_CERTS: api.caFile },
      ...{ NAMESPACE: 'picket', DAEMON_SET: 'picket-agent', LIMIT_S: '60', ...env },
    },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += String(text)));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, said })));
}
const put = (name: string, finalizers: readonly string[]): unknown =>
  api.put(CONTAINMENTS, { metadata: { name, namespace: 'shop', finalizers }, spec: { pod: 'web-1' } });

function putAgents(): void {
  const agent = { name: 'agent', image: 'picket', args: ['agent', '--config', 'x'], livenessProbe: {} };
  api.put(SETS, {
    metadata: { name: 'picket-agent', namespace: 'picket' },
    spec: { template: { spec: { containers: [agent] } } },
    status: {
      ...{ desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberReady: 2, observedGeneration: 9 },
    },
  });
}

test('agents are replaced by what takes off what is pinned, and containments can be deleted', async () => {
  putAgents();
  for (let n = 0; n < 120; n += 1) put(`ord-${n}`, [FINALIZER]);
  put('other', ['example.com/mine', FINALIZER]);
  put('free', []);
  api.remove(CONTAINMENTS, 'shop', 'ord-119');
  let changed = false;
  api.fault = ({ verb, path }) => {
    if (changed || verb !== 'patch' || !path.endsWith('/ord-3')) return null;
    changed = true;
    return { status: 409, reason: 'Conflict' };
  };
  const { code, said } = await release();
  expect([code, said]).toEqual([
    0,
    'nothing of picket is pinned on 2 nodes\n120 containments can be deleted\n1 containments can be deleted\n',
  ]);
  expect(api.object(SETS, 'picket', 'picket-agent')?.['spec']).toMatchObject({
    template: { spec: { initContainers: [{ name: 'unpin', args: ['unpin', '--config', 'x'] }] } },
  });
  expect(api.object(CONTAINMENTS, 'shop', 'ord-119')).toBeNull();
  expect(api.object(CONTAINMENTS, 'shop', 'other')?.metadata['finalizers']).toEqual(['example.com/mine']);
  const held = api
    .all(CONTAINMENTS)
    .filter(({ metadata }) => String(metadata['finalizers']).includes(FINALIZER));
  expect(held).toEqual([]);
}, 60_000);

test('agents that somebody else writes meanwhile are replaced all the same', async () => {
  putAgents();
  let refused = 0;
  api.fault = ({ verb, path }) => {
    if (refused === 2 || verb !== 'patch' || !path.endsWith('/picket-agent')) return null;
    refused += 1;
    return { status: 409, reason: 'Conflict' };
  };
  const { code } = await release();
  expect([code, refused]).toEqual([0, 2]);
  expect(api.object(SETS, 'picket', 'picket-agent')?.['spec']).toMatchObject({
    template: { spec: { initContainers: [{ name: 'unpin' }] } },
  });
}, 60_000);

test('fails where a containment cannot be let go, and lets go in a time of its own', async () => {
  putAgents();
  put('ord-1', [FINALIZER]);
  let refused = 0;
  api.fault = ({ verb, path }) => {
    if (verb !== 'patch' || !path.endsWith('/ord-1')) return null;
    refused += 1;
    return { status: 409, reason: 'Conflict' };
  };
  // No time is left for the nodes.
  const { code, said } = await release({ LIMIT_S: '0', FREE_LIMIT_S: '3' });
  expect([code, said]).toEqual([1, expect.stringContaining('3 s were not enough')]);
  expect(refused).toBeGreaterThan(1);
}, 60_000);

test('says so where the role is missing, and fails', async () => {
  api.fault = ({ verb }) => (verb === 'list' ? { status: 403, reason: 'Forbidden' } : null);
  const { code, said } = await release();
  expect([code, said]).toEqual([1, expect.stringMatching(/containments\?limit=100: status 403/)]);
}, 60_000);
