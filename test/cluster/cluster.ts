/**
 * A real Kubernetes of one node: `up` brings it up, `attach` is for who comes later, `down` leaves nothing of it.
 * What it is made of stands in the run's folder: logs, keys, etcd, the pods' files.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeImages } from './archive.ts';
import { debianRoot, programs, TRIPLET } from './binaries.ts';
import { writeCertificates } from './certificates.ts';
import { type Ended, ended, PATH, type RunOptions, run, until } from './command.ts';
import { API_SERVER, apiServer, controllerManager, etcd, type Layout, scheduler } from './control-plane.ts';
import {
  createMachine,
  insideOf,
  type Machine,
  makeCgroups,
  NODE_ADDRESS,
  removeCgroups,
  removeMachine,
  unifiedCgroup,
} from './machine.ts';
import { CONTAINERD_SOCKET, containerd, coreDns, kubelet, kubeProxy, NODE, NODE_ROLES } from './node.ts';

/** Below the checkout, so that each checkout can have one. */
const FOLDER = process.env.PICKET_CLUSTER ?? join(import.meta.dirname, '../../.cache/cluster');

/** Kept in the folder, for who comes later. */
interface State {
  readonly machine: Machine;
  readonly layout: Layout;
  readonly processes: Record<string, { readonly pid: number; readonly argv: readonly string[] }>;
}

export interface UpOptions {
  /** Where the run's files are; default: PICKET_CLUSTER, or .cache/cluster of the checkout. */
  readonly folder?: string;
  /** Flags of the API server beyond the usual, as `--audit-webhook-config-file=...`. */
  readonly apiServer?: readonly string[];
  /** false: etcd, API server and controllers alone, which is enough for what asks only the API. */
  readonly node?: boolean;
}

export interface Cluster {
  readonly folder: string;
  /** Name of its node. */
  readonly node: string;
  readonly kubeconfig: string;
  /** What the API server wrote down, one event a line. */
  readonly auditLog: string;
  /** Path of the pods' cgroups below each hierarchy. */
  readonly cgroup: string;
  /** The folder of those in version 2. */
  readonly unifiedCgroup: string;
  /** The mount namespace; a process that is inside has it in PICKET_CLUSTER_INSIDE. */
  readonly namespace: string;
  /** A command with the cluster's network and files; paths in it have to be whole. */
  inside(argv: readonly string[]): string[];
  /** Runs one there and returns its standard output. @throws CommandError */
  run(argv: readonly string[], options?: RunOptions): Promise<string>;
  /** The same, however it ends. */
  ended(argv: readonly string[], options?: RunOptions): Promise<Ended>;
  /** As admin. @throws CommandError */
  kubectl(args: readonly string[], options?: RunOptions): Promise<string>;
  helm(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Creates or changes objects. */
  apply(...objects: readonly object[]): Promise<void>;
  /** One object or list, as it stands. */
  get<T>(args: readonly string[]): Promise<T>;
  /** Puts an image archive into containerd. */
  importImage(file: string): Promise<void>;
  /** Ends a program of the cluster and starts it again, an API server with these further flags. */
  restart(name: string, more?: readonly string[]): Promise<void>;
}

const stateFile = (folder: string): string => join(folder, 'state.json');
const read = (folder: string): State => JSON.parse(readFileSync(stateFile(folder), 'utf8')) as State;
const write = (state: State): void =>
  writeFileSync(stateFile(state.layout.folder), JSON.stringify(state, null, 2));

/** Starts a program that outlives this process; its words go to NAME.log. */
function start(state: State, name: string, argv: readonly string[]): void {
  const [program = '', ...args] = insideOf(state.machine, argv);
  const log = openSync(join(state.layout.folder, `${name}.log`), 'a');
  // containerd looks for its shim, kube-proxy for nft, whose libraries may be no others than those unpacked beside it.
  const { debian } = state.layout;
  const libraries = ['usr/lib', 'lib'].map((name) => join(debian, name, TRIPLET)).join(':');
  const env = {
    ...process.env,
    PATH: `${debian}/usr/bin:${debian}/usr/sbin:${debian}/sbin:${PATH}`,
    LD_LIBRARY_PATH: libraries,
  };
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], env, cwd: '/' });
  closeSync(log);
  child.unref();
  if (child.pid === undefined) throw new Error(`${name} did not start`);
  state.processes[name] = { pid: child.pid, argv };
  write(state);
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Waits while the program is alive: what died will not become ready. */
async function ready(state: State, name: string, ask: () => Promise<unknown>): Promise<void> {
  await until(`${name} ready`, async () => {
    if (!isAlive(state.processes[name]?.pid ?? 0)) return 'ended';
    return (await ask()) === true;
  }).then((answer) => {
    if (answer !== 'ended') return;
    const log = readFileSync(join(state.layout.folder, `${name}.log`), 'utf8');
    throw new Error(`${name} ended:\n${log.split('\n').slice(-15).join('\n')}`);
  });
}

function clusterOf(state: State): Cluster {
  const { layout, machine } = state;
  const kubeconfig = join(layout.folder, 'pki/admin.kubeconfig');
  const env = { KUBECONFIG: kubeconfig, HOME: layout.folder };
  const inside = (argv: readonly string[]): string[] => insideOf(machine, argv);
  const tool =
    (name: string) =>
    (args: readonly string[], options: RunOptions = {}): Promise<string> =>
      run(inside([join(layout.programs, name), ...args]), { ...options, env: { ...env, ...options.env } });
  const kubectl = tool('kubectl');
  return {
    folder: layout.folder,
    node: NODE,
    kubeconfig,
    auditLog: join(layout.folder, 'audit.ndjson'),
    cgroup: machine.cgroup,
    unifiedCgroup: unifiedCgroup(machine.cgroup),
    namespace: machine.mount,
    inside,
    run: (argv, options) => run(inside(argv), { ...options, env: { ...env, ...options?.env } }),
    ended: (argv, options) => ended(inside(argv), { ...options, env: { ...env, ...options?.env } }),
    kubectl,
    helm: tool('helm'),
    apply: async (...objects) => {
      const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      await kubectl(['apply', '-f', '-'], { input });
    },
    get: async <T>(args: readonly string[]) => JSON.parse(await kubectl(['get', ...args, '-o', 'json'])) as T,
    importImage: async (file) => {
      await run(
        inside([
          join(layout.debian, 'usr/bin/ctr'),
          '-a',
          CONTAINERD_SOCKET,
          '-n',
          'k8s.io',
          'images',
          'import',
          file,
        ]),
      );
    },
    restart: (name, more = []) => restart(read(layout.folder), name, more),
  };
}

async function restart(state: State, name: string, more: readonly string[]): Promise<void> {
  const former = state.processes[name];
  if (former === undefined) throw new Error(`no program ${name} runs`);
  if (isAlive(former.pid)) process.kill(former.pid, 'SIGTERM');
  // An API server waits for its open requests for as long as they may take, and some do not end.
  await until(`${name} ended`, () => !isAlive(former.pid), 20_000).catch(() =>
    process.kill(former.pid, 'SIGKILL'),
  );
  await until(`${name} ended`, () => !isAlive(former.pid), 60_000);
  start(state, name, [...former.argv, ...more]);
  if (name === 'kube-apiserver') await answers(state);
}

/** The API server, once it takes requests. */
async function answers(state: State): Promise<void> {
  const { kubectl } = clusterOf(state);
  await ready(state, 'kube-apiserver', async () => (await kubectl(['get', '--raw', '/readyz'])) === 'ok');
}

async function startNode(state: State): Promise<void> {
  const { layout, machine } = state;
  const cluster = clusterOf(state);
  makeCgroups(machine.cgroup);
  start(state, 'containerd', containerd(layout));
  const version = [join(layout.debian, 'usr/bin/ctr'), '-a', CONTAINERD_SOCKET, 'version'];
  await ready(state, 'containerd', async () => (await cluster.ended(version)).code === 0);
  for (const file of await writeImages(layout.folder, layout.debian)) await cluster.importImage(file);
  await cluster.apply(...NODE_ROLES);
  start(state, 'kubelet', kubelet(layout, machine.cgroup));
  start(state, 'kube-proxy', kubeProxy(layout));
  start(state, 'coredns', coreDns(layout));
  await ready(state, 'kubelet', async () => {
    await cluster.kubectl(['wait', '--for=condition=Ready', `node/${NODE}`, '--timeout=1s']);
    return true;
  });
}

/** A cluster that is up already, as another process left it. */
export function attach(folder: string = FOLDER): Cluster {
  if (!existsSync(stateFile(resolve(folder)))) throw new Error(`no cluster is up in ${folder}`);
  return clusterOf(read(resolve(folder)));
}

/** Brings one up; what an earlier run left in the folder goes first. @throws UnavailableError */
export async function up(options: UpOptions = {}): Promise<Cluster> {
  const folder = resolve(options.folder ?? FOLDER);
  const layoutOf = { folder, programs: await programs(), debian: await debianRoot() };
  await down(folder);
  mkdirSync(folder, { recursive: true });
  const cgroup = `/picket-cluster-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}`;
  const state: State = { machine: await createMachine(folder, cgroup), layout: layoutOf, processes: {} };
  write(state);
  try {
    await writeCertificates(join(folder, 'pki'), API_SERVER, NODE_ADDRESS);
    start(state, 'etcd', etcd(layoutOf));
    start(state, 'kube-apiserver', apiServer(layoutOf, options.apiServer ?? []));
    await answers(state);
    start(state, 'kube-controller-manager', controllerManager(layoutOf));
    if (options.node ?? true) {
      start(state, 'kube-scheduler', scheduler(layoutOf));
      await startNode(state);
    }
    await until('default service account', () =>
      clusterOf(state).kubectl(['get', 'serviceaccount', 'default', '-o', 'name']),
    );
  } catch (error) {
    // The logs stay for whoever asks why.
    await stop(state);
    throw error;
  }
  return clusterOf(state);
}

/** Ends everything of a run: containers first, then programs, then the namespaces. */
async function stop(state: State): Promise<void> {
  const { machine, processes } = state;
  const kubeletPid = processes.kubelet?.pid;
  // It would start again what ends.
  if (kubeletPid !== undefined && isAlive(kubeletPid)) process.kill(kubeletPid, 'SIGKILL');
  await removeCgroups(machine.cgroup);
  await removeMachine(machine);
}

/** Takes the folder's cluster away, whatever state it is in. */
export async function down(folder: string = FOLDER): Promise<void> {
  const own = resolve(folder);
  if (!existsSync(stateFile(own))) return;
  await stop(read(own));
  rmSync(own, { recursive: true, force: true });
}
