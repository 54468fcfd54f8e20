/**
 * What agents cost the API server, by hand: nodes and pods that are objects only, on a control plane of its own, and for each
 * node the pod watch of an agent, all in one process.
 *
 *   node test/cluster/fleet.ts [NODES [PODS]]     100 nodes with 10 pods each, unless told otherwise
 */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubePods } from '../../agent/source/kube-pods.ts';
import { KubeClient } from '../../kit/kube/client.ts';
import type { KubeConfig } from '../../kit/kube/config.ts';
import { type KubeObject, NODES, PODS } from '../../kit/kube/resource.ts';
import { attach, type Cluster, down, up } from './cluster.ts';
import { API_SERVER } from './control-plane.ts';

const FOLDER = join(import.meta.dirname, '../../.cache/fleet');
const NAMESPACE = 'fleet';
/** Requests at one time while the fleet is made. */
const AT_ONCE = 20;
/** Rest that is looked at: longer than the API server's bookmarks (one a minute) are apart. */
const REST_MS = 120_000;
const NEW_PODS = 200;
const BETWEEN_MS = 100;

const nodeName = (index: number): string => `node-${String(index).padStart(4, '0')}`;

/** A pod of the size that a Deployment's has: some labels, a variable, a volume. */
function podOf(name: string, node: string): KubeObject {
  const labels = { app: 'web', 'pod-template-hash': '5d4f8c7b9', 'app.kubernetes.io/part-of': 'shop' };
  const container = {
    name: 'web',
    image: 'registry.example/shop/web:1.2.3',
    env: [{ name: 'MODE', value: 'production' }],
    resources: { requests: { cpu: '10m', memory: '16Mi' } },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE, labels },
    spec: { nodeName: node, automountServiceAccountToken: false, containers: [container] },
  };
}

/** As a kubelet writes it once the container runs. */
function statusOf(containerId: string): object {
  const started = new Date().toISOString();
  const container = {
    name: 'web',
    image: 'registry.example/shop/web:1.2.3',
    imageID: `registry.example/shop/web@sha256:${'0'.repeat(64)}`,
    containerID: `containerd://${containerId}`,
    ready: true,
    restartCount: 0,
    state: { running: { startedAt: started } },
  };
  return { status: { phase: 'Running', podIPs: [{ ip: '10.1.2.3' }], containerStatuses: [container] } };
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

class Fleet {
  private readonly cluster: Cluster;
  private readonly kubernetes: KubeConfig;
  private readonly client: KubeClient;
  private readonly agents: KubePods[] = [];
  /** By container id: when the agent of its node was told of it. */
  private readonly known = new Map<string, number>();

  constructor(cluster: Cluster) {
    this.cluster = cluster;
    const file = (name: string): string => join(cluster.folder, 'pki', name);
    const files = { certificateFile: file('admin.crt'), keyFile: file('admin.key') };
    this.kubernetes = { url: API_SERVER, caFile: file('ca.crt'), ...files };
    this.client = new KubeClient(this.kubernetes, { userAgent: 'fleet' });
  }

  async make(nodes: number, pods: number): Promise<void> {
    await this.cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    const names = Array.from({ length: nodes }, (_, index) => nodeName(index));
    await inTurns(names, (name) =>
      this.client.create({ resource: NODES }, { apiVersion: 'v1', kind: 'Node', metadata: { name } }),
    );
    const wanted = names.flatMap((node) => Array.from({ length: pods }, (_, pod) => ({ node, pod })));
    await inTurns(wanted, ({ node, pod }) => this.run(`${node}-web-${pod}`, node, randomUUID()));
  }

  /** A pod that runs. Resolves with the time before its container's id was written. */
  private async run(name: string, node: string, containerId: string): Promise<number> {
    await this.client.create({ resource: PODS, namespace: NAMESPACE }, podOf(name, node));
    const began = performance.now();
    const ref = { resource: PODS, namespace: NAMESPACE, name };
    await this.client.patch(ref, statusOf(containerId), { subresource: 'status', type: 'strategic' });
    return began;
  }

  async watch(nodes: number): Promise<void> {
    for (let index = 0; index < nodes; index += 1) {
      const seen = new Set<string>();
      const emit = (list: string): void => {
        for (const [, id = ''] of list.matchAll(/containerd:\/\/([0-9a-f-]+)/g)) {
          if (seen.has(id)) continue;
          seen.add(id);
          this.known.set(id, performance.now());
        }
      };
      const onError = (error: unknown): void => console.error(error);
      const node = nodeName(index);
      this.agents.push(new KubePods({ kubernetes: this.kubernetes, node, version: '0', emit, onError }));
    }
    await Promise.all(this.agents.map((agent) => agent.start()));
  }

  /** ms from the writing of a container's id to the agent's knowing of it, of one pod after the other. */
  async newPods(nodes: number): Promise<number[]> {
    const began = new Map<string, number>();
    for (let count = 0; count < NEW_PODS; count += 1) {
      const id = randomUUID();
      began.set(id, await this.run(`new-${count}`, nodeName(count % nodes), id));
      await sleep(BETWEEN_MS);
    }
    for (
      let waited = 0;
      waited < 60_000 && [...began.keys()].some((id) => !this.known.has(id));
      waited += 100
    )
      await sleep(100);
    return [...began].map(([id, at]) => (this.known.get(id) ?? Number.POSITIVE_INFINITY) - at);
  }

  /** Sums of the API server's own counters that have these labels. */
  async counters(): Promise<Counters> {
    const text = await this.cluster.kubectl(['get', '--raw', '/metrics']);
    const sum = (name: string, ...labels: string[]): number =>
      text
        .split('\n')
        .filter((line) => line.startsWith(name) && /[{ ]/.test(line[name.length] ?? ''))
        .filter((line) => labels.every((label) => line.includes(label)))
        .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    const pods = 'resource="pods"';
    return {
      lists: sum('apiserver_request_total', pods, 'verb="LIST"'),
      watches: sum('apiserver_request_total', pods, 'verb="WATCH"'),
      open: sum('apiserver_longrunning_requests', pods, 'verb="WATCH"'),
      listBytes: sum('apiserver_response_sizes_sum', pods, 'verb="LIST"'),
      eventBytes: sum('apiserver_watch_events_sizes_sum', pods),
      events: sum('apiserver_watch_events_sizes_count', pods),
      cpuS: sum('process_cpu_seconds_total'),
      rssMb: sum('process_resident_memory_bytes') / 1024 ** 2,
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.stop()));
    await this.client.close();
  }
}

const NAMES = ['lists', 'watches', 'open', 'listBytes', 'eventBytes', 'events', 'cpuS', 'rssMb'] as const;
type Counters = Record<(typeof NAMES)[number], number>;

const difference = (after: Counters, before: Counters): Counters => ({
  ...after,
  ...Object.fromEntries(
    NAMES.filter((name) => name !== 'open' && name !== 'rssMb').map((name) => [
      name,
      after[name] - before[name],
    ]),
  ),
});

function percentile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0;
}

async function measure(nodes: number, pods: number): Promise<void> {
  const fleet = new Fleet(attach(FOLDER));
  const tell = (what: string, counters: Counters): void =>
    console.log(what, Object.fromEntries(NAMES.map((name) => [name, Number(counters[name].toFixed(1))])));
  await fleet.make(nodes, pods);
  const phase = async (what: string, work: () => Promise<void>): Promise<void> => {
    const before = await fleet.counters();
    await work();
    tell(what, difference(await fleet.counters(), before));
  };
  await phase(`${REST_MS / 1000} s without agents:`, () => sleep(REST_MS));
  await phase(`${nodes} agents start:`, () => fleet.watch(nodes));
  await phase(`${REST_MS / 1000} s with agents:`, () => sleep(REST_MS));
  let took: number[] = [];
  await phase(`${NEW_PODS} new pods:`, async () => {
    took = await fleet.newPods(nodes);
  });
  const [p50, p99, max] = [0.5, 0.99, 1].map((part) => percentile(took, part).toFixed(0));
  console.log(`a new container was known after ms: p50 ${p50}, p99 ${p99}, max ${max} (n ${took.length})`);
  await fleet.stop();
}

async function main(args: readonly string[]): Promise<void> {
  const [nodes, pods] = [Number(args[0] ?? 100), Number(args[1] ?? 10)];
  if (process.env['PICKET_FLEET_INSIDE'] !== undefined) return measure(nodes, pods);
  const cluster = await up({ folder: FOLDER, node: false });
  try {
    const [program = '', ...rest] = cluster.inside([process.execPath, import.meta.filename, ...args]);
    const env = { ...process.env, PICKET_FLEET_INSIDE: '1', PICKET_CLUSTER_INSIDE: cluster.namespace };
    process.exitCode = spawnSync(program, rest, { stdio: 'inherit', env }).status ?? 1;
  } finally {
    await down(FOLDER);
  }
}

await main(process.argv.slice(2));
