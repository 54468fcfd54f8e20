/** The release under test: installed, asked, attacked, removed. */
import { CLUSTER_ACTION_NAMES } from '../../central/respond/cluster/index.ts';
import { CHART } from './chart.ts';
import type { Cluster } from './cluster.ts';
import { until } from './command.ts';
import { IMAGE } from './image.ts';
import { NOTIFY_DOCUMENTS, SECRETS } from './people.ts';

export const NAMESPACE = 'picket';

/** Known before the release is there, for an API server that is told at its start. */
export const CENTRAL_ADDRESS = '10.96.0.70';

/** The Secret with the keys of those who are told; not of the chart. */
export const PEOPLE = 'picket-people';

/** What differs from the chart's own: the image made here, no volumes to be had, the pods' part of the machine's cgroups. */
export function valuesOf(cluster: Cluster): Record<string, unknown> {
  return {
    cluster: 'test',
    image: { ...IMAGE, pullPolicy: 'Never' },
    settings: {
      'cgroup-root': cluster.unifiedCgroup,
      window: '1s',
      'learn-windows': 10,
      'cluster-actions': CLUSTER_ACTION_NAMES.join(','),
    },
    central: {
      persistence: { enabled: false },
      clusterIP: CENTRAL_ADDRESS,
      audit: true,
      admission: true,
      notify: { documents: NOTIFY_DOCUMENTS, secret: PEOPLE },
    },
  };
}

export async function install(cluster: Cluster, more: Record<string, unknown> = {}): Promise<void> {
  await cluster.apply(
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: PEOPLE, namespace: NAMESPACE },
      stringData: SECRETS,
    },
  );
  const values = JSON.stringify({ ...valuesOf(cluster), ...more });
  const args = [
    'upgrade',
    '--install',
    'picket',
    CHART,
    '-n',
    NAMESPACE,
    '-f',
    '-',
    '--wait',
    '--timeout',
    '5m',
  ];
  await cluster.helm(args, { input: values });
  // Helm takes a DaemonSet for ready that lacks no more pods than an update may.
  await cluster.kubectl(['rollout', 'status', 'daemonset/picket-agent', '-n', NAMESPACE, '--timeout=180s']);
}

/** A command of picket in central's pod or the agent's. */
export function picket(
  cluster: Cluster,
  part: 'central' | 'agent',
  args: readonly string[],
): Promise<string> {
  const pod = part === 'central' ? 'deployment/picket-central' : 'daemonset/picket-agent';
  return cluster.kubectl(['exec', '-n', NAMESPACE, pod, '-c', part, '--', 'picket', ...args]);
}

/** In central's pod, by its API: `picket incidents ID` is a process for each, and they become many. */
const READ_INCIDENTS = `
const { readFileSync } = require('node:fs');
const { request } = require('node:https');
const own = (name) => readFileSync('/var/lib/picket/central/' + name, 'utf8');
const headers = { authorization: 'Bearer ' + own('api-token').trim().replace(/^[^:]*:/, '') };
const get = (path) => new Promise((resolve, reject) => {
  request({ host: '127.0.0.1', port: 7444, path: '/api/v1/incidents' + path, ca: own('ca.crt'), headers }, async (reply) => {
    let text = '';
    for await (const chunk of reply) text += chunk;
    reply.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text));
  }).on('error', reject).end();
});
get('').then(async ({ incidents }) => {
  const all = [];
  for (const { id } of incidents) all.push(await get('/' + id));
  console.log(JSON.stringify(all));
});
`;

/** The incidents of central, each with its story. */
export async function incidents(cluster: Cluster): Promise<Record<string, unknown>[]> {
  const exec = ['exec', '-n', NAMESPACE, 'deployment/picket-central', '-c', 'central', '--'];
  return JSON.parse(await cluster.kubectl([...exec, 'node', '-e', READ_INCIDENTS]));
}

/** A counter of central, by its line's beginning; 0 where it was never counted. */
export async function metric(cluster: Cluster, line: string): Promise<number> {
  const service = `/api/v1/namespaces/${NAMESPACE}/services/picket-central:metrics/proxy/metrics`;
  const text = await cluster.kubectl(['get', '--raw', service]);
  return Number(
    text
      .split('\n')
      .find((one) => one.startsWith(line))
      ?.split(' ')
      .at(-1) ?? 0,
  );
}

/** Lines of the alert log, as the agent writes them to standard output for whoever collects logs. */
export async function alertLog(cluster: Cluster): Promise<Record<string, unknown>[]> {
  const text = await cluster.kubectl([
    'logs',
    '-n',
    NAMESPACE,
    'daemonset/picket-agent',
    '-c',
    'agent',
    '--tail=-1',
  ]);
  return text.split('\n').flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === 'object' && value !== null && 'kind' in value
        ? [value as Record<string, unknown>]
        : [];
    } catch {
      // Lines of the process itself are on the same stream.
      return [];
    }
  });
}

/** The first line of the alert log that is as wanted. */
export function alerted(
  cluster: Cluster,
  what: string,
  wanted: (line: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>> {
  return until(what, async () => (await alertLog(cluster)).find(wanted), 180_000);
}
