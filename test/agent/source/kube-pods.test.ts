import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readPodList } from '../../../agent/identity/pods.ts';
import { AGENT_PERMISSIONS, KubePods } from '../../../agent/source/kube-pods.ts';
import { permissionLines } from '../../../kit/kube/permission.ts';
import { FakeKubeApi } from '../../fakes/kube-api.ts';

const SOON = { timeout: 30_000, interval: 10 };
const ID = (digit: string): string => digit.repeat(64);

let api: FakeKubeApi;
let watching: KubePods[];
let lists: string[];
let errors: unknown[];
let outages: number[];

beforeEach(async () => {
  api = await new FakeKubeApi().up();
  [watching, lists, errors, outages] = [[], [], [], []];
});
afterEach(async () => {
  for (const pods of watching) await pods.stop();
  expect(api.violations).toEqual([]);
  await api.stop();
});

function podsOf(tokenFile?: string, keptIn?: string): KubePods {
  const made = new KubePods({
    kubernetes: { url: api.url, caFile: api.caFile, ...(tokenFile === undefined ? {} : { tokenFile }) },
    node: 'n1',
    version: 'test',
    emit: (list) => lists.push(list),
    onError: (error) => errors.push(error),
    onAgain: (awayMs) => outages.push(awayMs),
    ...(keptIn === undefined ? {} : { keptIn }),
    timing: { baseMs: 5, limitMs: 50 },
  });
  watching.push(made);
  return made;
}

interface Run {
  readonly id: string;
  readonly restarts?: number;
}

function put(name: string, run: Run | null, more: { node?: string; heartbeat?: string } = {}): void {
  const owner = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: `${name}-5d4f`,
    controller: true,
    uid: 'u',
  };
  api.put('/api/v1/pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-5d4f-x1`,
      namespace: 'shop',
      labels: { app: name, 'pod-template-hash': '5d4f' },
      annotations: { secret: 'of no use here' },
      ownerReferences: [owner],
      managedFields: [{ manager: 'kubelet', fieldsV1: { 'f:status': {} } }],
    },
    spec: { nodeName: more.node ?? 'n1', containers: [{ name, env: [{ name: 'PASSWORD', value: 'x' }] }] },
    status: {
      podIPs: [{ ip: '10.1.0.7' }],
      conditions: [{ type: 'Ready', lastProbeTime: more.heartbeat ?? null }],
      containerStatuses:
        run === null
          ? []
          : [
              {
                name,
                image: 'registry.example/web:1',
                imageID: `registry.example/web@sha256:${'d'.repeat(64)}`,
                containerID: `containerd://${run.id}`,
                restartCount: run.restarts ?? 0,
              },
            ],
    },
  });
}
const known = (): Record<string, string[]> =>
  Object.fromEntries(
    readPodList(lists.at(-1) ?? '{}').pods.map(({ workload, containers }) => [
      `${workload.kind}/${workload.name}`,
      containers.map(({ id }) => id.slice(0, 1)),
    ]),
  );

test('knows the pods of its node, their owners and containers, and what becomes of them', async () => {
  put('web', { id: ID('a') });
  put('other', { id: ID('e') }, { node: 'n2' });
  const pods = podsOf();
  await pods.start();
  expect(known()).toEqual({ 'Deployment/web': ['a'] });
  put('db', null);
  await vi.waitFor(() => expect(known()).toEqual({ 'Deployment/web': ['a'], 'Deployment/db': [] }), SOON);
  put('db', { id: ID('b') });
  await vi.waitFor(() => expect(known()).toEqual({ 'Deployment/web': ['a'], 'Deployment/db': ['b'] }), SOON);
  api.remove('/api/v1/pods', 'shop', 'web-5d4f-x1');
  await vi.waitFor(() => expect(known()).toEqual({ 'Deployment/db': ['b'] }), SOON);
  expect(lists.join()).not.toMatch(/PASSWORD|secret|managedFields/);
});

test('a heartbeat that changes nothing for us is not handed on', async () => {
  put('web', { id: ID('a') });
  const pods = podsOf();
  await pods.start();
  for (let beat = 0; beat < 5; beat += 1) put('web', { id: ID('a') }, { heartbeat: String(beat) });
  await vi.waitFor(() => expect(pods.counts.unchanged).toBe(5), SOON);
  put('web', { id: ID('b'), restarts: 1 });
  await vi.waitFor(() => expect(known()).toEqual({ 'Deployment/web': ['b'] }), SOON);
  expect(lists).toHaveLength(2);
});

test('starts without the server, says so once, and catches up', async () => {
  await api.down();
  const pods = podsOf();
  const started = pods.start();
  await vi.waitFor(() => expect(pods.counts.errors).toBeGreaterThan(5), SOON);
  expect(pods.health()).toMatchObject({ connected: false, inStep: false, heardMs: null });
  expect(pods.health().problem).toMatch(/Unreachable/);
  put('web', { id: ID('a') });
  await api.up();
  await started;
  await vi.waitFor(() => expect(known()).toEqual({ 'Deployment/web': ['a'] }), SOON);
  await vi.waitFor(() => expect(pods.health()).toMatchObject({ inStep: true, problem: null, pods: 1 }), SOON);
  expect(errors).toHaveLength(1);
});

test('says once that an outage is over, though nothing changed in it', async () => {
  put('web', { id: ID('a') });
  const pods = podsOf();
  await pods.start();
  await vi.waitFor(() => expect(pods.health().connected).toBe(true), SOON);
  await api.down();
  await vi.waitFor(() => expect(pods.counts.errors).toBeGreaterThan(5), SOON);
  expect(outages).toEqual([]);
  await api.up();
  await vi.waitFor(() => expect(pods.health()).toMatchObject({ inStep: true, problem: null }), SOON);
  expect(outages).toEqual([expect.any(Number)]);
  expect(errors).toHaveLength(1);
});

test('an outage, forgotten history and a replaced token later it knows what there is', async () => {
  const tokenFile = join(api.folder, 'token');
  writeFileSync(tokenFile, 'first');
  api.tokens = new Map([['first', 'agent']]);
  put('web', { id: ID('a') });
  const pods = podsOf(tokenFile);
  await pods.start();
  await vi.waitFor(() => expect(pods.health().connected).toBe(true), SOON);
  await api.down();
  api.remove('/api/v1/pods', 'shop', 'web-5d4f-x1');
  put('db', { id: ID('b') });
  api.store.compact();
  api.tokens = new Map([['second', 'agent']]);
  await vi.waitFor(() => expect(pods.health().inStep).toBe(false), SOON);
  expect(known()).toEqual({ 'Deployment/web': ['a'] });
  await api.up();
  await vi.waitFor(() => expect(pods.health().problems.has('Unauthorized')).toBe(true), SOON);
  writeFileSync(tokenFile, 'second');
  await vi.waitFor(() => expect(known()).toEqual({ 'Deployment/db': ['b'] }), SOON);
  await vi.waitFor(() => expect(pods.health().inStep).toBe(true), SOON);
});

test('asks for no more than it says', async () => {
  put('web', { id: ID('a') });
  const pods = podsOf();
  await pods.start();
  await vi.waitFor(() => expect(api.watching).toBe(1), SOON);
  const asked = new Set(api.asked.map(({ verb, path }) => `${verb} ${path.split('/').at(-1)}`));
  expect([...asked].sort()).toEqual(permissionLines(AGENT_PERMISSIONS));
  expect(api.asked.every(({ query }) => query.get('fieldSelector') === 'spec.nodeName=n1')).toBe(true);
});

test('an agent that starts while the API server is away knows the pods of the last list', async () => {
  const keptIn = join(api.folder, 'pods.json');
  put('web', { id: ID('a') });
  const first = podsOf(undefined, keptIn);
  await first.start();
  expect(known()).toEqual({ 'Deployment/web': ['a'] });
  await first.stop();
  await api.down();
  lists.length = 0;
  const second = podsOf(undefined, keptIn);
  await second.start();
  expect(known()).toEqual({ 'Deployment/web': ['a'] });
  expect(second.health()).toMatchObject({ inStep: false, heardMs: null });
  await api.up();
  put('web', { id: ID('b') });
  await vi.waitFor(() => expect(known()).toEqual({ 'Deployment/web': ['b'] }), SOON);
});
