/** Over all the steps before: nothing that the release asked of the API server was refused it, and nothing it may is unused. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { type Permission, permissionLines } from '../../../kit/kube/permission.ts';
import { attach } from '../cluster.ts';
import { until } from '../command.ts';
import { NAMESPACE } from '../release.ts';
import { SHOP } from '../shop.ts';

const cluster = attach();

/** Documents of which central has to say something: the steps before made none of their kind. */
const DOCUMENTS = [
  {
    apiVersion: 'picket.dev/v1alpha1',
    kind: 'PicketException',
    metadata: { name: 'rights' },
    spec: {
      match: { workload: `test/${SHOP}/*`, detector: 'none-such' },
      reason: 'for a test',
      expires: '2099-01-01T00:00:00Z',
    },
  },
  {
    apiVersion: 'picket.dev/v1alpha1',
    kind: 'PicketRule',
    metadata: { name: 'rights' },
    spec: {
      sentence: 'A rule of a test.',
      on: ['exec'],
      when: 'false',
      severity: 'low',
      summary: 'never',
      next: 'Nothing.',
    },
  },
  {
    apiVersion: 'picket.dev/v1alpha1',
    kind: 'PicketProfile',
    metadata: { name: 'rights', namespace: SHOP },
    spec: { workload: 'Deployment/web/web' },
  },
];

interface Asked {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

const lineOf = ({ verb, objectRef }: Asked): string => {
  const { resource = '', subresource = '', apiGroup = '' } = objectRef ?? {};
  const path = subresource === '' ? resource : `${resource}/${subresource}`;
  return `${verb} ${path}${apiGroup === '' ? '' : `.${apiGroup}`}`;
};

/** What the service account asked the API server, as its audit log has it. */
function askedBy(account: string): Asked[] {
  return readFileSync(cluster.auditLog, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Asked)
    .filter(({ user }) => user.username === `system:serviceaccount:${NAMESPACE}:${account}`);
}

/** What the chart's roles of that account let it do; names of single objects left out. */
async function mayDo(account: string): Promise<string[]> {
  interface Binding {
    readonly roleRef: { readonly kind: string; readonly name: string };
    readonly subjects?: readonly { readonly name: string; readonly namespace?: string }[];
  }
  const lines: string[] = [];
  for (const [bindings, kind] of [
    ['clusterrolebindings', 'clusterrole'],
    ['rolebindings', 'role'],
  ] as const) {
    const { items } = await cluster.get<{ items: Binding[] }>([bindings, '-n', NAMESPACE]);
    for (const { roleRef, subjects = [] } of items) {
      if (!subjects.some(({ name, namespace }) => name === account && namespace === NAMESPACE)) continue;
      const { rules } = await cluster.get<{ rules: Permission[] }>([kind, roleRef.name, '-n', NAMESPACE]);
      lines.push(...permissionLines(rules.map(({ resourceNames: _, ...rule }) => rule)));
    }
  }
  return [...new Set(lines)].sort();
}

/** A node that was heard long ago, which is forgotten. */
async function forgetANode(): Promise<void> {
  const kind = { apiVersion: 'picket.dev/v1alpha1', kind: 'PicketNode' };
  await cluster.apply({ ...kind, metadata: { name: 'rights' }, spec: { cluster: 'test' } });
  const status = JSON.stringify({ status: { lastSeen: '2020-01-01T00:00:00Z' } });
  await cluster.kubectl([
    'patch',
    'picketnode',
    'rights',
    '--subresource=status',
    '--type=merge',
    '-p',
    status,
  ]);
  const gone = (): boolean => askedBy('picket-central').map(lineOf).includes('delete picketnodes.picket.dev');
  await until('the node is forgotten', gone, 180_000).catch(() => {});
}

beforeAll(async () => {
  await cluster.apply(...DOCUMENTS);
  await forgetANode();
  const told = (): boolean => {
    const lines = askedBy('picket-central').map(lineOf);
    const kinds = ['picketexceptions', 'picketrules', 'picketprofiles'];
    return kinds.every((kind) => lines.includes(`patch ${kind}/status.picket.dev`));
  };
  await until('a word on each document', told, 180_000).catch(() => {});
});

test.each(['picket-central', 'picket-agent'])('%s was refused nothing', (account) => {
  const refused = askedBy(account).filter(({ responseStatus }) => responseStatus?.code === 403);
  expect([...new Set(refused.map(lineOf))]).toEqual([]);
});

test.each(['picket-central', 'picket-agent'])('%s has used each of its rights', async (account) => {
  const asked = new Set(askedBy(account).map(lineOf));
  expect((await mayDo(account)).filter((line) => !asked.has(line))).toEqual([]);
});
