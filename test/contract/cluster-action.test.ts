/** The contract of cluster actions against the fake API server, with roles that allow exactly what they say. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KubeClient } from '../../kit/kube/client.ts';
import { type Permission, permissionLines } from '../../kit/kube/permission.ts';
import { type Asked, FakeKubeApi } from '../fakes/kube-api.ts';
import { type ClusterWorld, clusterActionSuite } from './cluster-actions.ts';

let api: FakeKubeApi;
const clients: KubeClient[] = [];
/** What the client of now may do. */
let allowed: ReadonlySet<string> = new Set();
let scenes = 0;

function lineOf({ verb, path }: Asked): string {
  const [, group = '', rest = ''] = /^\/(?:api\/v1|apis\/([^/]+)\/[^/]+)\/(.+)$/.exec(path) ?? [];
  const parts = rest.replace(/^namespaces\/[^/]+\//, '').split('/');
  const [plural = '', , subresource] = parts;
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  return permissionLines([{ apiGroups: [group], resources: [resource], verbs: [verb] }])[0] ?? '';
}

beforeAll(async () => {
  api = await new FakeKubeApi().up();
  api.fault = (asked) => (allowed.has(lineOf(asked)) ? null : { status: 403, reason: 'Forbidden' });
});
afterAll(async () => {
  for (const client of clients) await client.close();
  await api.stop();
});

const PODS = '/api/v1/pods';

/** Each request is judged by the role of the client that makes it. */
class RoleClient extends KubeClient {
  readonly lines: ReadonlySet<string>;
  constructor(permissions: readonly Permission[]) {
    super({ url: api.url, caFile: api.caFile }, { userAgent: 'test' });
    this.lines = new Set(permissionLines(permissions));
    clients.push(this);
  }
  override send: KubeClient['send'] = (ask) => {
    allowed = this.lines;
    return super.send(ask);
  };
  override evict: KubeClient['evict'] = (ref, options) => {
    allowed = this.lines;
    return super.evict(ref, options);
  };
}

const world: ClusterWorld = {
  async scene(owner) {
    scenes += 1;
    const [namespace, node] = [`shop-${scenes}`, `node-${scenes}`];
    api.put('/api/v1/nodes', { metadata: { name: node }, spec: {} });
    const labels = { app: 'web', 'pod-template-hash': 'x1' };
    const pod = api.put(PODS, {
      metadata: { name: 'web-1', namespace, labels },
      spec: { serviceAccountName: 'web' },
    });
    const owners = `/apis/apps/v1/${owner.toLowerCase()}s`;
    api.put(owners, { metadata: { name: 'web', namespace }, spec: { replicas: 2 } });
    api.put('/api/v1/secrets', { metadata: { name: 'web-token', namespace } });
    api.put('/api/v1/serviceaccounts', {
      metadata: { name: 'web', namespace },
      secrets: [{ name: 'web-token' }],
    });
    const names = (collection: string): readonly string[] =>
      api
        .all(collection)
        .filter(({ metadata }) => metadata.namespace === undefined || metadata.namespace === namespace)
        .map(({ metadata }) => metadata.name);
    return {
      target: {
        node,
        namespace,
        pod: 'web-1',
        podUid: pod.metadata.uid,
        container: 'web',
        containerId: '',
        workload: `c/${namespace}/${owner}/web/web`,
      },
      look: async () => ({
        labels: api.object(PODS, namespace, 'web-1')?.metadata['labels'],
        replicas: (api.object(owners, namespace, 'web')?.['spec'] as { replicas?: number }).replicas,
        node: (api.object('/api/v1/nodes', null, node)?.['spec'] as { unschedulable?: boolean })
          .unschedulable,
        quotas: names('/api/v1/resourcequotas').filter((each) => each.startsWith('picket-')),
        secrets: names('/api/v1/secrets'),
        policies: [
          ...names('/apis/networking.k8s.io/v1/networkpolicies'),
          ...names('/apis/cilium.io/v2/ciliumnetworkpolicies'),
          ...names('/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies'),
        ].length,
      }),
    };
  },
  client: async (permissions) => new RoleClient(permissions),
};

clusterActionSuite('fake', () => world);

it('asks nothing that an API server does not know', () => {
  expect(api.violations).toEqual([]);
});
