/**
 * What the agent's watch of pods makes of a real API server that fails:
 *
 *   node test/cluster/outages.ts [SECONDS]     the server is away for so long; 120
 *
 * Brings up a control plane of its own, and takes it away again. One line for each way of failing: what was seen of it, and
 * how long after its end all was known again.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readPodList } from '../../agent/identity/pods.ts';
import { AGENT_PERMISSIONS, KubePods } from '../../agent/source/kube-pods.ts';
import { attach, type Cluster, down, up } from './cluster.ts';
import { API_SERVER } from './control-plane.ts';
import { FaultProxy } from './fault-proxy.ts';

const FOLDER = join(import.meta.dirname, '../../.cache/cluster-outages');
const NODE = 'n1';
const SOON_MS = 200_000;
const ETCD = 'http://127.0.0.1:2379';

/** The agent's watch, through the proxy, with a token that the test can replace. */
class Watched {
  readonly pods: KubePods;
  readonly tokenFile: string;
  known = new Set<string>();
  readonly errors: string[] = [];

  constructor(proxy: FaultProxy) {
    this.tokenFile = join(proxy.folder, 'token');
    this.pods = new KubePods({
      kubernetes: { url: proxy.url, caFile: proxy.caFile, tokenFile: this.tokenFile },
      node: NODE,
      version: 'test',
      emit: (list) => {
        this.known = new Set(
          (JSON.parse(list) as { items: { metadata: { name: string } }[] }).items.map(
            ({ metadata }) => metadata.name,
          ),
        );
        if (readPodList(list).refused > 0) throw new Error('a pod was refused');
      },
      onError: (error) => this.errors.push((error as Error).message),
    });
  }

  /** ms until exactly these are known and nothing is wrong. @throws when that takes too long */
  async untilKnown(names: readonly string[]): Promise<number> {
    const began = Date.now();
    while (Date.now() - began < SOON_MS) {
      const same = names.length === this.known.size && names.every((name) => this.known.has(name));
      if (same && this.pods.health().inStep) return Date.now() - began;
      await sleep(20);
    }
    throw new Error(
      `known: ${[...this.known].join(' ')}; wanted: ${names.join(' ')}; ${JSON.stringify(this.pods.health().problem)}`,
    );
  }

  problems(): string {
    return JSON.stringify(Object.fromEntries(this.pods.health().problems));
  }
}

class Trial {
  readonly cluster: Cluster;
  readonly proxy: FaultProxy;
  readonly watched: Watched;
  readonly names: string[] = [];
  #next = 0;

  constructor(cluster: Cluster, proxy: FaultProxy) {
    this.cluster = cluster;
    this.proxy = proxy;
    this.watched = new Watched(proxy);
  }

  /** A pod comes, and one of before goes. */
  async change(): Promise<void> {
    const name = `pod-${++this.#next}`;
    await this.cluster.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      // Neither collected as of no node, nor evicted from one that is never ready.
      spec: {
        nodeName: NODE,
        containers: [{ name: 'c', image: 'none' }],
        tolerations: [{ operator: 'Exists' }],
      },
    });
    this.names.push(name);
    if (this.names.length <= 3) return;
    const gone = this.names.shift() ?? '';
    await this.cluster.kubectl(['delete', 'pod', gone, '--grace-period=0', '--force', '--wait=false']);
  }

  async token(): Promise<void> {
    const token = await this.cluster.kubectl(['create', 'token', 'agent']);
    writeFileSync(this.watched.tokenFile, token.trim());
  }

  /** `fail` until it is over; then how long until all is known. */
  async way(what: string, fail: () => Promise<void>): Promise<void> {
    const before = this.watched.pods.counts.errors;
    const { lists } = { lists: this.proxy.seen.get('GET 200') ?? 0 };
    await fail();
    const ms = await this.watched.untilKnown(this.names);
    const failures = this.watched.pods.counts.errors - before;
    const listed = (this.proxy.seen.get('GET 200') ?? 0) - lists;
    console.log(`${what}: ${failures} failures seen, known again after ${ms} ms, ${listed} new lists`);
  }
}

/** Only said once all is well again does an outage have an end; while it lasts the agent says that it is out of step. */
async function saysSo({ watched }: Trial): Promise<void> {
  for (let tries = 0; watched.pods.health().inStep; tries += 1) {
    if (tries > 3000) throw new Error('an outage was not noticed');
    await sleep(20);
  }
}

async function away(trial: Trial, seconds: number): Promise<void> {
  const state = JSON.parse(readFileSync(join(trial.cluster.folder, 'state.json'), 'utf8')) as {
    processes: Record<string, { pid: number }>;
  };
  process.kill(state.processes['kube-apiserver']?.pid ?? 0, 'SIGKILL');
  await saysSo(trial);
  const known = trial.watched.known.size;
  await sleep(seconds * 1000);
  if (trial.watched.known.size !== known) throw new Error('what was known went in the outage');
  await trial.cluster.restart('kube-apiserver');
  await trial.change();
}

/** etcd forgets all versions but the last, and the server's cache begins anew. */
async function compacted(trial: Trial): Promise<void> {
  await trial.proxy.down();
  await saysSo(trial);
  await trial.change();
  await trial.change();
  const post = async (path: string, body: object): Promise<{ header: { revision: string } }> =>
    (await (await fetch(`${ETCD}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) })).json()) as {
      header: { revision: string };
    };
  const { header } = await post('kv/range', { key: 'AA==' });
  await post('kv/compaction', { revision: header.revision, physical: true });
  await trial.cluster.restart('kube-apiserver');
  await trial.proxy.up();
}

async function inside(seconds: number): Promise<void> {
  const cluster = attach(FOLDER);
  const proxy = new FaultProxy({ url: API_SERVER, caFile: join(FOLDER, 'pki/ca.crt') });
  await proxy.up();
  const trial = new Trial(cluster, proxy);
  const { watched } = trial;
  const account = { kind: 'ServiceAccount', name: 'agent', namespace: 'default' };
  const makeAccount = (): Promise<void> =>
    cluster.apply({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'agent', namespace: 'default' },
    });
  await makeAccount();
  await cluster.apply(
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'agent' },
      rules: AGENT_PERMISSIONS.map(({ apiGroups, resources, verbs }) => ({ apiGroups, resources, verbs })),
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'agent' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'agent' },
      subjects: [account],
    },
  );
  await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } });
  await trial.token();
  await trial.change();
  await watched.pods.start();
  try {
    await trial.way('nothing', () => trial.change());
    let refusals = 0;
    await trial.way('5 answers of 429 and 500', async () => {
      proxy.fault = () => {
        refusals += 1;
        if (refusals > 5) return null;
        return refusals % 2 === 0 ? { status: 500 } : { status: 429, retryAfter: 1 };
      };
      await proxy.down();
      await proxy.up();
      await trial.change();
    });
    proxy.fault = () => null;
    await trial.way('server’s certificate and authority replaced', async () => {
      await proxy.down();
      await saysSo(trial);
      await proxy.up();
      await trial.change();
    });
    await trial.way('token of an account that is no more, then a new one', async () => {
      await cluster.kubectl(['delete', 'serviceaccount', 'agent']);
      await proxy.down();
      await proxy.up();
      await saysSo(trial);
      await makeAccount();
      await trial.token();
      await trial.change();
    });
    await trial.way('history compacted, server begun anew (410)', () => compacted(trial));
    await trial.way(`server away for ${seconds} s`, () => away(trial, seconds));
    console.log(`problems by reason: ${watched.problems()}`);
  } finally {
    await watched.pods.stop();
    await proxy.remove();
  }
}

async function main(seconds: number): Promise<number> {
  const cluster = await up({ folder: FOLDER, node: false });
  try {
    const enter = ['sh', '-c', 'cd "$0" && exec "$@"', join(import.meta.dirname, '../..'), process.execPath];
    const [program = '', ...argv] = cluster.inside([
      ...enter,
      '--disable-warning=ExperimentalWarning',
      import.meta.filename,
      'inside',
      String(seconds),
    ]);
    return (
      spawnSync(program, argv, {
        stdio: 'inherit',
        env: { ...process.env, PICKET_CLUSTER_INSIDE: cluster.namespace },
      }).status ?? 1
    );
  } finally {
    await down(FOLDER);
  }
}

const [first = '120', second = ''] = process.argv.slice(2);
if (first === 'inside') await inside(Number(second));
else process.exitCode = await main(Number(first));
