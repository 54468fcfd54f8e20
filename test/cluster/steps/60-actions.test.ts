/** What the release does in the cluster when a person asks, with the rights that the chart gave it: done, seen, taken back. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLUSTER_ACTION_NAMES, CLUSTER_ACTIONS } from '../../../central/respond/cluster/index.ts';
import { BUSYBOX_IMAGE } from '../archive.ts';
import { attach } from '../cluster.ts';
import { until } from '../command.ts';
import { forgetDenyRules, knowDenyRules } from '../deny-rules.ts';
import { picket } from '../release.ts';

const cluster = attach();
const ACTS = 'acts';
const KINDS = ['Deployment', 'StatefulSet', 'ReplicaSet'] as const;
type Kind = (typeof KINDS)[number];
const nameOf = (kind: Kind): string => kind.toLowerCase();

/** A workload of one pod that sleeps. */
function workload(kind: Kind): object {
  const name = nameOf(kind);
  const container = {
    name: 'main',
    image: BUSYBOX_IMAGE,
    imagePullPolicy: 'Never',
    command: ['/bin/sh', '-c', "trap 'exit 0' TERM; while true; do sleep 1 & wait $!; done"],
  };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: ACTS },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { serviceAccountName: 'main', terminationGracePeriodSeconds: 2, containers: [container] },
      },
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
    },
  };
}

beforeAll(async () => {
  await knowDenyRules(cluster);
  await cluster.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ACTS } },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'old-token', namespace: ACTS } },
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'main', namespace: ACTS },
      secrets: [{ name: 'old-token' }],
    },
    ...KINDS.map(workload),
  );
});
afterAll(async () => {
  await cluster.kubectl(['delete', 'namespace', ACTS, '--ignore-not-found', '--wait=false']);
  await forgetDenyRules(cluster);
});

interface Item {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels?: object;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly object[];
  };
  readonly spec: { readonly replicas?: number; readonly unschedulable?: boolean };
  readonly status?: { readonly phase?: string };
}
const list = async (what: string): Promise<Item[]> =>
  (await cluster.get<{ items: Item[] }>([what, '-n', ACTS])).items;
/** The workload's pod that runs. */
async function podOf(kind: Kind): Promise<Item> {
  return until(`a pod of the ${kind}`, async () =>
    (await list('pods')).find(
      ({ metadata, status }) =>
        metadata.name.startsWith(nameOf(kind)) &&
        metadata.deletionTimestamp === undefined &&
        // One that was let go a moment ago has no owner yet that could be scaled.
        metadata.ownerReferences !== undefined &&
        status?.phase === 'Running',
    ),
  );
}

const BARRIERS = ['networkpolicies', 'ciliumnetworkpolicies', 'adminnetworkpolicies'];

/** What the actions change of the workload, its pod, its node and its namespace; few processes, as it is asked often. */
async function look(kind: Kind, uid: string): Promise<object> {
  const items = await list([nameOf(kind), 'pods', 'resourcequotas', 'secrets', ...BARRIERS].join(','));
  const owner = items.find((item) => item.kind === kind && item.metadata.name === nameOf(kind));
  const pod = items.find(({ metadata }) => metadata.uid === uid);
  const node = await cluster.get<Item>(['node', cluster.node]);
  const count = (wanted: (item: Item) => boolean): number => items.filter(wanted).length;
  return {
    replicas: owner?.spec.replicas,
    labels: pod?.metadata.deletionTimestamp === undefined ? pod?.metadata.labels : undefined,
    unschedulable: node.spec.unschedulable,
    quotas: count((item) => item.kind === 'ResourceQuota' && item.metadata.name.startsWith('picket-')),
    barriers: count((item) => /Policy$/.test(item.kind) && item.metadata.name.startsWith('picket-')),
    secrets: count((item) => item.kind === 'Secret'),
  };
}

/** By hand and in the cluster alone; the order of the first. */
async function ask(actions: readonly string[], pod: Item, lease = '30m'): Promise<string> {
  const flags = ['--no-network', '--no-exec', '--cluster', actions.join(','), '--lease', lease, '--json'];
  const text = await until('the container at central', () =>
    picket(cluster, 'central', ['contain', pod.metadata.name, ...flags]),
  );
  const { clusterOrders } = JSON.parse(text) as { clusterOrders: { id: string; action: string }[] };
  expect(clusterOrders.map((order) => order.action)).toEqual(actions);
  return clusterOrders[0]?.id ?? '';
}

const REVERSIBLE = CLUSTER_ACTIONS.filter(({ undo }) => undo !== null).map(({ name }) => name);
const CHANGED: Readonly<Record<string, object>> = {
  quarantine: { barriers: 3 },
  'scale-down': { replicas: 0 },
  cordon: { unschedulable: true },
  quota: { quotas: 1 },
};
/** What is there again where not all is: without replicas, and without the labels that its owner knows it by, the pod was replaced. */
const restored = (action: string): object | undefined =>
  new Map<string, object>([
    ['scale-down', { replicas: 1 }],
    ['quarantine', { barriers: 0 }],
  ]).get(action);

test.each(REVERSIBLE)('%s is done, and taken back', async (action) => {
  const pod = await podOf('Deployment');
  const before = await look('Deployment', pod.metadata.uid);
  const order = await ask([action], pod);
  const now = (): Promise<object> => look('Deployment', pod.metadata.uid);
  await expect.poll(now, { timeout: 180_000, interval: 500 }).toMatchObject(CHANGED[action] ?? { never: 1 });
  expect(await now()).not.toEqual(before);
  await picket(cluster, 'central', ['undo', order]);
  await expect.poll(now, { timeout: 180_000, interval: 500 }).toMatchObject(restored(action) ?? before);
});

test.each([
  'StatefulSet',
  'ReplicaSet',
] as const)('scale-down of a %s is done, and taken back', async (kind) => {
  const pod = await podOf(kind);
  const order = await ask(['scale-down'], pod);
  const now = (): Promise<object> => look(kind, pod.metadata.uid);
  await expect.poll(now, { timeout: 180_000, interval: 500 }).toMatchObject({ replicas: 0 });
  await picket(cluster, 'central', ['undo', order]);
  await expect.poll(now, { timeout: 180_000, interval: 500 }).toMatchObject({ replicas: 1 });
});

test.each(
  CLUSTER_ACTION_NAMES.filter((name) => !REVERSIBLE.includes(name)),
)('%s is done: its pod goes, and its owner makes another', async (action) => {
  const pod = await podOf('Deployment');
  await ask([action], pod);
  const uids = async (): Promise<string[]> => (await list('pods')).map(({ metadata }) => metadata.uid);
  await expect.poll(uids, { timeout: 180_000, interval: 500 }).not.toContain(pod.metadata.uid);
  expect((await podOf('Deployment')).metadata.uid).not.toBe(pod.metadata.uid);
  if (action === 'revoke-token') expect(await list('secrets')).toEqual([]);
});

test('each ends by itself, with its lease, beside the others of the same pod', async () => {
  const pod = await podOf('Deployment');
  const before = await look('Deployment', pod.metadata.uid);
  const now = (): Promise<object> => look('Deployment', pod.metadata.uid);
  // With its workload's replicas the pod goes. One look is several calls: with less time the end may come between two of them.
  const ordered = REVERSIBLE.toSorted((a, b) => Number(a === 'scale-down') - Number(b === 'scale-down'));
  await ask(ordered, pod, '120s');
  const changed = Object.assign({}, ...ordered.map((action) => CHANGED[action] ?? { never: 1 }));
  await expect.poll(now, { timeout: 180_000, interval: 500 }).toMatchObject(changed);
  const { labels: _, ...ended } = before as { labels: object };
  await expect.poll(now, { timeout: 180_000, interval: 500 }).toMatchObject(ended);
});
