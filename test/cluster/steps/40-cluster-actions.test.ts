/** What central does in a cluster, on a real API server, with exactly the verbs that each action declares. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NETWORK_POLICY } from '../../../central/respond/cluster/barriers.ts';
import { KubeClient } from '../../../kit/kube/client.ts';
import type { Permission } from '../../../kit/kube/permission.ts';
import type { KubeObject } from '../../../kit/kube/resource.ts';
import { type ClusterWorld, clusterActionSuite } from '../../contract/cluster-actions.ts';
import { attach, type Cluster } from '../cluster.ts';

const inside =
  process.env['PICKET_CLUSTER'] !== undefined && process.env['PICKET_CLUSTER_INSIDE'] !== undefined;
const ROLES = 'picket-roles';
const DELAY_MS = 50;

/** A custom resource of which only the place counts. */
function kindOf(group: string, version: string, kind: string, scope: 'Namespaced' | 'Cluster') {
  const singular = kind.toLowerCase();
  const plural = singular.replace(/y$/, 'ies');
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  // A protected group; nobody asks who these two are.
  const annotations = { 'api-approved.kubernetes.io': 'unapproved, for a test' };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, annotations },
    spec: {
      group,
      scope,
      names: { kind, plural, singular },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
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
    await this.cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: ROLES } });
  }

  async knowDenyRules(): Promise<void> {
    await this.cluster.apply(
      kindOf('cilium.io', 'v2', 'CiliumNetworkPolicy', 'Namespaced'),
      kindOf('policy.networking.k8s.io', 'v1alpha1', 'AdminNetworkPolicy', 'Cluster'),
    );
    await this.cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
  }

  async scene(owner: 'Deployment' | 'StatefulSet' | 'ReplicaSet') {
    this.count += 1;
    const [namespace, node] = [`act-${this.count}`, `act-node-${this.count}`];
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
    await this.cluster.apply(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      { apiVersion: 'v1', kind: 'Node', metadata: { name: node } },
      of('v1', 'Secret', { stringData: { token: 'made up' } }, 'web-token'),
      of('v1', 'ServiceAccount', { secrets: [{ name: 'web-token' }] }),
    );
    await this.cluster.apply(
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
    const found = await this.cluster.get<KubeObject>(['pod', 'web-1', '-n', namespace]);
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
    const list = async (kind: string, where: readonly string[]): Promise<readonly KubeObject[]> =>
      (await this.cluster.get<{ items: KubeObject[] }>([kind, ...where]).catch(() => ({ items: [] }))).items;
    const own = ['-n', namespace];
    const pods = await list('pods', own);
    const pod = pods.find(
      ({ metadata }) => metadata.name === 'web-1' && metadata.deletionTimestamp === undefined,
    );
    const { spec } = await this.cluster.get<{ spec: { replicas: number } }>([
      owner.toLowerCase(),
      'web',
      ...own,
    ]);
    const of = await this.cluster.get<{ spec?: { unschedulable?: boolean } }>(['node', node]);
    const names = async (kind: string, where: readonly string[]): Promise<readonly string[]> =>
      (await list(kind, where))
        .map(({ metadata }) => metadata.name ?? '')
        .filter((each) => each.startsWith('picket-') || each === 'web-token');
    return {
      labels: pod?.metadata.labels,
      replicas: spec.replicas,
      unschedulable: of.spec?.unschedulable,
      quotas: await names('resourcequotas', own),
      secrets: await names('secrets', own),
      policies: [
        ...(await names('networkpolicies', own)),
        ...(await names('ciliumnetworkpolicies', own)),
        ...(await names('adminnetworkpolicies', [])),
      ].length,
    };
  }

  async client(permissions: readonly Permission[]): Promise<KubeClient> {
    this.count += 1;
    const name = `role-${this.count}`;
    const rbac = 'rbac.authorization.k8s.io';
    const rules = permissions.map(({ apiGroups, resources, verbs }) => ({ apiGroups, resources, verbs }));
    await this.cluster.apply(
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
    writeFileSync(tokenFile, await this.cluster.kubectl(['create', 'token', name, '-n', ROLES]), {
      mode: 0o600,
    });
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

  async policyOf(namespace: string, order: string): Promise<KubeObject | null> {
    return this.admin.find({ resource: NETWORK_POLICY.resource, namespace, name: `picket-${order}` });
  }

  async close(): Promise<void> {
    for (const client of this.clients) await client.close();
    rmSync(this.folder, { recursive: true, force: true });
    const numbers = Array.from({ length: this.count }, (_, index) => index + 1);
    const remove = (kind: string, names: readonly string[]): Promise<unknown> =>
      this.cluster.kubectl(['delete', kind, ...names, '--ignore-not-found', '--wait=false']);
    await remove(
      'node',
      numbers.map((number) => `act-node-${number}`),
    );
    await remove('namespace', [ROLES, ...numbers.map((number) => `act-${number}`)]);
    const bound = numbers.map((number) => `${ROLES}-role-${number}`);
    await remove('clusterrole', bound);
    await remove('clusterrolebinding', bound);
    await remove('crd', ['ciliumnetworkpolicies.cilium.io', 'adminnetworkpolicies.policy.networking.k8s.io']);
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
      beforeAll(() => world.knowDenyRules());
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
