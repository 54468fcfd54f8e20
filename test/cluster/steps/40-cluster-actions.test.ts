/** What central does in a cluster, on a real API server, with exactly the verbs that each action declares. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DENY_RULES, NETWORK_POLICY } from '../../../central/respond/cluster/barriers.ts';
import { KubeClient } from '../../../kit/kube/client.ts';
import { isKubeError } from '../../../kit/kube/error.ts';
import type { Permission } from '../../../kit/kube/permission.ts';
import { type Collection, type KubeObject, NODES, PODS, type Resource } from '../../../kit/kube/resource.ts';
import { type ClusterWorld, clusterActionSuite } from '../../contract/cluster-actions.ts';
import { attach, type Cluster } from '../cluster.ts';
import { forgetDenyRules, knowDenyRules } from '../deny-rules.ts';

const inside =
  process.env['PICKET_CLUSTER'] !== undefined && process.env['PICKET_CLUSTER_INSIDE'] !== undefined;
/** Of this run: an earlier one that was ended in the middle has left its own. */
const RUN = `run${process.pid}`;
const ROLES = `picket-roles-${RUN}`;
const DELAY_MS = 50;

const GROUPS: Readonly<Record<string, { readonly plural: string; readonly namespaced: boolean }>> = {
  Namespace: { plural: 'namespaces', namespaced: false },
  Node: { plural: 'nodes', namespaced: false },
  Secret: { plural: 'secrets', namespaced: true },
  ServiceAccount: { plural: 'serviceaccounts', namespaced: true },
  Pod: { plural: 'pods', namespaced: true },
  ResourceQuota: { plural: 'resourcequotas', namespaced: true },
  Deployment: { plural: 'deployments', namespaced: true },
  StatefulSet: { plural: 'statefulsets', namespaced: true },
  ReplicaSet: { plural: 'replicasets', namespaced: true },
  ClusterRole: { plural: 'clusterroles', namespaced: false },
  ClusterRoleBinding: { plural: 'clusterrolebindings', namespaced: false },
};
function resourceOf(apiVersion: string, kind: string): Resource {
  const { plural = '', namespaced = false } = GROUPS[kind] ?? {};
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  return { group, version, plural, kind, namespaced };
}
function collectionOf({ apiVersion = '', kind = '', metadata }: KubeObject): Collection {
  const { namespace } = metadata;
  return { resource: resourceOf(apiVersion, kind), ...(namespace === undefined ? {} : { namespace }) };
}

class RealWorld implements ClusterWorld {
  private readonly cluster: Cluster;
  private readonly folder = mkdtempSync(join(tmpdir(), 'picket-roles-'));
  private readonly url: string;
  private readonly caFile: string;
  private readonly clients: KubeClient[] = [];
  private readonly admin: KubeClient;
  private count = 0;

  constructor(cluster: Cluster, url: string) {
    this.cluster = cluster;
    this.url = url;
    const file = (name: string): string => join(cluster.folder, 'pki', name);
    this.caFile = file('ca.crt');
    const files = { certificateFile: file('admin.crt'), keyFile: file('admin.key') };
    this.admin = new KubeClient({ url, caFile: this.caFile, ...files }, { userAgent: 'test' });
    this.clients.push(this.admin);
  }

  async open(): Promise<void> {
    await this.make({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: ROLES } });
  }

  /** By our client: a kubectl for each object would take most of the time. */
  private async make(...objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) {
      const where = collectionOf(object);
      await this.admin.patch({ ...where, name: object.metadata.name ?? '' }, object, {
        type: 'apply',
        fieldManager: 'test',
        force: true,
      });
    }
  }

  async scene(owner: 'Deployment' | 'StatefulSet' | 'ReplicaSet') {
    this.count += 1;
    const [namespace, node] = [`act-${RUN}-${this.count}`, `act-node-${RUN}-${this.count}`];
    const name = 'web';
    const of = (apiVersion: string, kind: string, more: object, as = name) => ({
      apiVersion,
      kind,
      metadata: { name: as, namespace, ...(more as { metadata?: object }).metadata },
      ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== 'metadata')),
    });
    // Scheduled by nobody: the objects are what this is about.
    const pod = {
      schedulerName: 'nobody',
      serviceAccountName: name,
      containers: [{ name, image: 'docker.io/library/busybox:local', imagePullPolicy: 'Never' }],
    };
    const app = { app: 'owned' };
    await this.make(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      { apiVersion: 'v1', kind: 'Node', metadata: { name: node } },
      of('v1', 'Secret', { stringData: { token: 'made up' } }, 'web-token'),
      of('v1', 'ServiceAccount', { secrets: [{ name: 'web-token' }] }),
    );
    await this.make(
      of('v1', 'Pod', { metadata: { labels: { app: 'web', tier: 'front' } }, spec: pod }, 'web-1'),
      of('apps/v1', owner, {
        spec: {
          replicas: 2,
          selector: { matchLabels: app },
          template: { metadata: { labels: app }, spec: pod },
          ...(owner === 'StatefulSet' ? { serviceName: 'web' } : {}),
        },
      }),
    );
    const found = await this.admin.get({ resource: PODS, namespace, name: 'web-1' });
    return {
      target: {
        ...{ node, namespace, pod: 'web-1', container: name, containerId: '' },
        podUid: found.metadata.uid ?? '',
        workload: `c/${namespace}/${owner}/web/web`,
      },
      look: () => this.look(namespace, node, owner),
    };
  }

  private async look(namespace: string, node: string, owner: string): Promise<unknown> {
    const list = async (resource: Resource): Promise<readonly KubeObject[]> =>
      // Rules that deny are not known to every cluster.
      await this.admin
        .list({ resource, ...(resource.namespaced ? { namespace } : {}) })
        .catch((error: unknown) => {
          if (isKubeError(error, 'NotFound')) return [];
          throw error;
        });
    const names = async (resource: Resource): Promise<readonly string[]> =>
      (await list(resource))
        .map(({ metadata }) => metadata.name ?? '')
        .filter((each) => each.startsWith('picket-') || each === 'web-token');
    const pod = (await list(PODS)).find(
      ({ metadata }) => metadata.name === 'web-1' && metadata.deletionTimestamp === undefined,
    );
    const owned = await this.admin.get({ resource: resourceOf('apps/v1', owner), namespace, name: 'web' });
    const marked = await this.admin.get({ resource: NODES, name: node });
    const policies = await Promise.all(
      [NETWORK_POLICY, ...DENY_RULES].map(({ resource }) => names(resource)),
    );
    return {
      labels: pod?.metadata.labels,
      replicas: (owned['spec'] as { replicas?: number }).replicas,
      unschedulable: (marked['spec'] as { unschedulable?: boolean } | undefined)?.unschedulable,
      quotas: await names(resourceOf('v1', 'ResourceQuota')),
      secrets: await names(resourceOf('v1', 'Secret')),
      policies: policies.flat().length,
    };
  }

  async client(permissions: readonly Permission[]): Promise<KubeClient> {
    this.count += 1;
    const name = `role-${this.count}`;
    const rbac = 'rbac.authorization.k8s.io';
    const rules = permissions.map(({ apiGroups, resources, verbs }) => ({ apiGroups, resources, verbs }));
    await this.make(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: ROLES } },
      { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name: `${ROLES}-${name}` }, rules },
      {
        apiVersion: `${rbac}/v1`,
        kind: 'ClusterRoleBinding',
        metadata: { name: `${ROLES}-${name}` },
        roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: `${ROLES}-${name}` },
        subjects: [{ kind: 'ServiceAccount', name, namespace: ROLES }],
      },
    );
    const tokenFile = join(this.folder, name);
    const made = await this.admin.createSub(
      { resource: resourceOf('v1', 'ServiceAccount'), namespace: ROLES, name },
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec: {} },
      { subresource: 'token' },
    );
    writeFileSync(tokenFile, (made['status'] as { token: string }).token, { mode: 0o600 });
    await this.inForce(`system:serviceaccount:${ROLES}:${name}`, permissions);
    const client = new KubeClient({ url: this.url, caFile: this.caFile, tokenFile }, { userAgent: 'test' });
    this.clients.push(client);
    return client;
  }

  /** The authorizer learns of a role a moment after it is made. */
  private async inForce(user: string, permissions: readonly Permission[]): Promise<void> {
    const last = permissions.at(-1);
    const [resource = '', subresource] = (last?.resources.at(-1) ?? '').split('/');
    const resourceAttributes = {
      group: last?.apiGroups.at(-1),
      resource,
      verb: last?.verbs.at(-1),
      ...(subresource === undefined ? {} : { subresource }),
    };
    const reviews = {
      group: 'authorization.k8s.io',
      version: 'v1',
      plural: 'subjectaccessreviews',
      kind: 'SubjectAccessReview',
      namespaced: false,
    };
    for (;;) {
      const { status } = await this.admin.create(
        { resource: reviews },
        {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          metadata: {},
          spec: { user, resourceAttributes },
        },
      );
      if ((status as { allowed?: boolean }).allowed === true) return;
      await sleep(DELAY_MS);
    }
  }

  async close(): Promise<void> {
    for (const client of this.clients) await client.close();
    rmSync(this.folder, { recursive: true, force: true });
    const numbers = Array.from({ length: this.count }, (_, index) => index + 1);
    const remove = (kind: string, names: readonly string[]): Promise<unknown> =>
      this.cluster.kubectl(['delete', kind, ...names, '--ignore-not-found', '--wait=false']);
    await remove(
      'node',
      numbers.map((number) => `act-node-${RUN}-${number}`),
    );
    await remove('namespace', [ROLES, ...numbers.map((number) => `act-${RUN}-${number}`)]);
    const bound = numbers.map((number) => `${ROLES}-role-${number}`);
    await remove('clusterrole', bound);
    await remove('clusterrolebinding', bound);
    await forgetDenyRules(this.cluster);
  }
}

// One line where there is no cluster, not one for each promise.
if (!inside) test.skip('cluster actions on a real API server: run by npm run test:cluster');
else
  describe('on a real API server', () => {
    let world: RealWorld;
    beforeAll(async () => {
      const cluster = attach();
      const { clusters } = JSON.parse(await cluster.kubectl(['config', 'view', '--raw', '-o', 'json'])) as {
        clusters: { cluster: { server: string } }[];
      };
      world = new RealWorld(cluster, clusters[0]?.cluster.server ?? '');
      await world.open();
    });
    afterAll(() => world.close());

    clusterActionSuite('real', () => world);

    describe('that knows rules that deny', () => {
      beforeAll(() => knowDenyRules(attach()));
      test('a quarantine makes those too, and takes them away again', async () => {
        const { quarantine } = await import('../../../central/respond/cluster/quarantine.ts');
        const scene = await world.scene('Deployment');
        const before = await scene.look();
        const on = {
          kube: await world.client(quarantine.permissions),
          target: scene.target,
          order: 'clu-deny',
        };
        const kept = await quarantine.prepare(on);
        await quarantine.execute(on, kept);
        expect(await quarantine.verify(on, kept)).toMatchObject({
          verified: true,
          proof: expect.arrayContaining(['a rule that denies selects it']),
        });
        expect(await scene.look()).toMatchObject({ policies: 3 });
        await quarantine.undo?.(on, kept);
        expect(await scene.look()).toEqual(before);
      });
    });
  });
