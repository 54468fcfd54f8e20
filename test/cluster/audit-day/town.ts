/** The cluster as it was before the recorded days: teams with namespaces, roles and workloads, programs that watch over it. */
import { join } from 'node:path';
import { BUSYBOX_IMAGE } from '../archive.ts';
import type { Cluster } from '../cluster.ts';
import { CONTAINERD_SOCKET } from '../node.ts';
import type { Hand, People } from './people.ts';

/** Where each calls from. */
export const OFFICE = {
  anna: '10.30.0.11',
  gustav: '10.30.0.12',
  boris: '10.30.0.21',
  elif: '10.30.0.22',
  chiara: '10.30.0.23',
  dmitri: '10.30.0.31',
} as const;
/** Of those who work from home now and then. */
export const HOME = { dmitri: '10.77.4.9', anna: '10.77.9.3' } as const;
export const PODS = {
  'ci/deployer': '10.244.0.240',
  'ci/runners': '10.244.0.241',
  'monitoring/prometheus': '10.244.0.242',
  'backup/backup': '10.244.0.243',
  'certs/issuer': '10.244.0.244',
  'blog/web': '10.244.0.245',
} as const;
export const BALANCER = '10.30.0.2';
export type Person = keyof typeof OFFICE;
export type Account = keyof typeof PODS;

const GROUPS: Readonly<Record<Person, readonly string[]>> = {
  anna: ['platform'],
  gustav: ['platform'],
  boris: ['team-shop'],
  elif: ['team-shop'],
  chiara: ['team-blog'],
  dmitri: ['on-call'],
};
export const TEAMS = ['shop', 'blog', 'staging'] as const;
const NAMESPACES = [...TEAMS, 'data', 'ci', 'monitoring', 'backup', 'certs'] as const;
const RBAC = 'rbac.authorization.k8s.io';
export const IMAGES = {
  agent: 'registry.example/platform/helper:1',
  database: 'registry.example/data/postgres:16',
  report: 'registry.example/shop/report:3',
} as const;

const clusterRole = (
  name: string,
  ...rules: readonly (readonly [string[], string[], string[]])[]
): object => ({
  apiVersion: `${RBAC}/v1`,
  kind: 'ClusterRole',
  metadata: { name },
  rules: rules.map(([apiGroups, resources, verbs]) => ({ apiGroups, resources, verbs })),
});
const binding = (name: string, role: string, subject: object, namespace?: string): object => ({
  apiVersion: `${RBAC}/v1`,
  kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
  subjects: [subject],
});
const group = (name: string): object => ({ apiGroup: RBAC, kind: 'Group', name });
const account = (place: string): object => {
  const [namespace, name] = place.split('/');
  return { kind: 'ServiceAccount', namespace, name };
};

const RIGHTS: readonly object[] = [
  binding('platform', 'cluster-admin', group('platform')),
  binding('team-shop', 'admin', group('team-shop'), 'shop'),
  binding('team-shop', 'admin', group('team-shop'), 'staging'),
  binding('team-blog', 'admin', group('team-blog'), 'blog'),
  binding('on-call-view', 'view', group('on-call')),
  clusterRole(
    'on-call',
    [[''], ['pods/exec', 'pods/portforward'], ['create', 'get']],
    [[''], ['pods'], ['delete']],
    [['apps'], ['deployments', 'deployments/scale'], ['patch', 'update']],
    [[''], ['nodes'], ['get', 'list', 'patch']],
  ),
  binding('on-call', 'on-call', group('on-call')),
  binding('deployer', 'cluster-admin', account('ci/deployer')),
  clusterRole('runners', [[''], ['serviceaccounts/token'], ['create']], [[''], ['pods', 'pods/log'], ['*']]),
  binding('runners', 'runners', account('ci/runners'), 'ci'),
  clusterRole(
    'prometheus',
    [[''], ['nodes', 'services', 'endpoints', 'pods'], ['get', 'list', 'watch']],
    [[''], ['nodes/metrics', 'nodes/proxy'], ['get']],
  ),
  binding('prometheus', 'prometheus', account('monitoring/prometheus')),
  clusterRole('backup', [['*'], ['*'], ['get', 'list']]),
  binding('backup', 'backup', account('backup/backup')),
  clusterRole('issuer', [[''], ['secrets'], ['get', 'list', 'watch', 'create', 'update', 'patch']]),
  binding('issuer', 'issuer', account('certs/issuer')),
];

function workload(kind: string, namespace: string, name: string, image: string): object {
  const labels = { app: name };
  const script = name === 'postgres' ? 'exec nc -lk -p 5432 -e true' : 'exec sleep 36000';
  const pod = {
    metadata: { labels },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name, image, imagePullPolicy: 'Never', command: ['/bin/sh', '-c', script] }],
    },
  };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace },
    spec: { selector: { matchLabels: labels }, template: pod },
  };
}

const NIGHTLY = {
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'report', namespace: 'shop' },
  spec: {
    schedule: '0 3 1 1 *',
    jobTemplate: {
      spec: {
        template: {
          spec: {
            restartPolicy: 'Never',
            containers: [
              { name: 'report', image: IMAGES.report, imagePullPolicy: 'Never', command: ['/bin/true'] },
            ],
          },
        },
      },
    },
  },
};
const NAMES_OF_CLUSTER = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'coredns', namespace: 'kube-system' },
  data: { Corefile: 'cluster.local:53 {\n  errors\n  kubernetes cluster.local\n}\n' },
};

/** The same image under the names of several registries. */
async function tagImages(cluster: Cluster, debian: string): Promise<void> {
  const ctr = [
    join(debian, 'usr/bin/ctr'),
    '-a',
    CONTAINERD_SOCKET,
    '-n',
    'k8s.io',
    'images',
    'tag',
    '--force',
  ];
  for (const name of [...Object.values(IMAGES), ...FOREIGN_IMAGES])
    await cluster.run([...ctr, BUSYBOX_IMAGE, name]);
}
/** What nobody of the town runs. */
export const FOREIGN_IMAGES = ['docker.io/library/alpine:3', 'quay.example/tools/netshoot:latest'] as const;

export async function build(cluster: Cluster, people: People, debian: string): Promise<void> {
  await tagImages(cluster, debian);
  await cluster.apply(
    ...NAMESPACES.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
  );
  const accounts = (Object.keys(PODS) as Account[]).filter((place) => place !== 'blog/web');
  await cluster.apply(
    ...accounts.map((place) => {
      const [namespace, name] = place.split('/');
      return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
    }),
    ...RIGHTS,
    NAMES_OF_CLUSTER,
    NIGHTLY,
    workload('Deployment', 'kube-system', 'helper', IMAGES.agent),
    workload('Deployment', 'data', 'postgres', IMAGES.database),
    workload('Deployment', 'staging', 'api', IMAGES.report),
    workload('Deployment', 'staging', 'worker', IMAGES.report),
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'superuser', namespace: 'data' },
      stringData: { password: 'none' },
    },
  );
  for (const name of Object.keys(OFFICE) as Person[]) await people.person(name, GROUPS[name]);
  for (const place of accounts) await people.account(place);
}

/** What CI brought out on the days before. */
export async function release(ci: Hand, folder: string): Promise<void> {
  const web = join(folder, 'charts/web');
  for (const namespace of ['shop', 'blog'])
    await ci.helm(
      'upgrade',
      '--install',
      'web',
      web,
      '-n',
      namespace,
      '--set',
      'release=0',
      '--wait',
      '--timeout=120s',
    );
}
