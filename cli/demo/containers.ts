/**
 * Real containers for the demo and the tests: Debian's runc, own namespaces, Kubernetes-like cgroup paths below a
 * top group of our own. `stop` takes everything away and says what it could not; a new sandbox first removes what
 * an earlier one of the same name left behind.
 */

import { spawn } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroup2Root, cgroupLeftovers, removeCgroups, sandboxPids } from './cgroups.ts';
import { createNetwork, joinNetwork, namespacePath, networkLeftovers, removeNetwork } from './network.ts';
import { type PodFacts, podList } from './pod-list.ts';
import { bundleConfig, makeRootfs } from './rootfs.ts';
import { type Finished, must, run } from './run.ts';

export interface ContainerSpec {
  /** Container name, also the Deployment's. */
  readonly name: string;
  readonly namespace: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Destination → file of the machine, read-only. */
  readonly binds?: Readonly<Record<string, string>>;
  /** Lines for /etc/hosts. */
  readonly hosts?: readonly string[];
}

export interface Container extends PodFacts {
  readonly address: string;
  readonly pid: number;
  /** Where its standard output and error go. */
  readonly logFile: string;
  /** Below the cgroup2 mount point, with a leading slash. */
  readonly cgroup: string;
  /** Inode of its cgroup2 folder. */
  readonly cgroupId: bigint;
}

export interface SandboxOptions {
  /** Prefix of everything it makes: cgroup, namespaces, folder. */
  readonly name: string;
  /** What the pods say they run on. */
  readonly node: string;
}

/** What of a sandbox is there: processes, cgroups, namespaces, folder. Empty after a complete `stop`. */
export function leftovers(name: string): string[] {
  const folder = sandboxFolder(name);
  return [
    ...sandboxPids(name).map((pid) => `process ${pid}`),
    ...cgroupLeftovers(name).map((path) => `cgroup ${path}`),
    ...networkLeftovers(name).map((namespace) => `network namespace ${namespace}`),
    ...(statSync(folder, { throwIfNoEntry: false }) ? [`folder ${folder}`] : []),
  ];
}

function sandboxFolder(name: string): string {
  return join(tmpdir(), name);
}

/** Ends and removes everything of that name. @returns what is left, which should be nothing. */
export async function removeSandbox(name: string): Promise<string[]> {
  for (let tries = 0; tries < 100; tries++) {
    const pids = sandboxPids(name);
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // ended meanwhile
      }
    }
    removeCgroups(name);
    if (pids.length === 0 && cgroupLeftovers(name).length === 0) break;
    await sleep(20);
  }
  await removeNetwork(name);
  rmSync(sandboxFolder(name), { recursive: true, force: true });
  return leftovers(name);
}

export class Sandbox {
  readonly folder: string;
  readonly containers: Container[] = [];
  readonly #options: SandboxOptions;

  private constructor(options: SandboxOptions) {
    this.#options = options;
    this.folder = sandboxFolder(options.name);
  }

  /** Root and runc are needed. @throws with the reason. */
  static async create(options: SandboxOptions): Promise<Sandbox> {
    const left = await removeSandbox(options.name);
    if (left.length > 0) throw new Error(`an earlier ${options.name} cannot be removed: ${left.join(', ')}`);
    const sandbox = new Sandbox(options);
    mkdirSync(sandbox.folder, { recursive: true, mode: 0o700 });
    writeFileSync(sandbox.podsFile, JSON.stringify(podList([], options.node)));
    await createNetwork(options.name);
    return sandbox;
  }

  /** A PodList, as a kubelet would serve it. */
  get podsFile(): string {
    return join(this.folder, 'pods.json');
  }

  /** Starts a container; its pod is in the list before its cgroup is made. */
  async start(spec: ContainerSpec): Promise<Container> {
    const id = createHash('sha256').update(randomBytes(16)).digest('hex');
    const podUid = randomUUID();
    const address = await joinNetwork(this.#options.name, id.slice(0, 8), this.containers.length + 10);
    const facts: PodFacts = { id, podUid, address, name: spec.name, namespace: spec.namespace };
    this.#writePods([...this.containers, facts]);
    const cgroup = `/${this.#options.name}/kubepods/burstable/pod${podUid}/${id}`;
    const bundle = this.#makeBundle(spec, facts, cgroup);
    const logFile = join(bundle, 'output.log');
    await this.#launch(id, bundle, logFile);
    const pid = Number(readFileSync(join(bundle, 'pid'), 'utf8'));
    const { ino } = statSync(`${cgroup2Root()}${cgroup}`, { bigint: true });
    const container = { ...facts, pid, logFile, cgroup, cgroupId: ino };
    this.containers.push(container);
    return container;
  }

  /** Runs a program in a container, as `kubectl exec` does. */
  exec(container: Container, args: readonly string[]): Promise<Finished> {
    return run('runc', ['--root', join(this.folder, 'runc'), 'exec', container.id, ...args]);
  }

  /** Command line prefix that runs a program of the machine on the outside network. */
  outside(): readonly string[] {
    return ['ip', 'netns', 'exec', `${this.#options.name}-outside`];
  }

  /** @returns what could not be removed. */
  stop(): Promise<string[]> {
    return removeSandbox(this.#options.name);
  }

  #writePods(pods: readonly PodFacts[]): void {
    writeFileSync(this.podsFile, JSON.stringify(podList(pods, this.#options.node)));
  }

  #makeBundle(spec: ContainerSpec, facts: PodFacts, cgroupPath: string): string {
    const bundle = join(this.folder, facts.id);
    makeRootfs(join(bundle, 'rootfs'), {
      hosts: ['127.0.0.1 localhost', ...(spec.hosts ?? []), ''].join('\n'),
    });
    const binds = spec.binds ?? {};
    for (const destination of Object.keys(binds)) writeFileSync(join(bundle, 'rootfs', destination), '');
    const config = bundleConfig({
      hostname: spec.name,
      args: spec.args,
      environment: spec.environment ?? {},
      cgroupPath,
      networkPath: namespacePath(this.#options.name, facts.id.slice(0, 8)),
      binds,
    });
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
    return bundle;
  }

  // The container inherits runc's standard output: a file, because a pipe would end with us.
  async #launch(id: string, bundle: string, logFile: string): Promise<void> {
    const output = openSync(logFile, 'a');
    const args = ['--root', join(this.folder, 'runc'), 'run', '--detach', '--bundle', bundle];
    const child = spawn('runc', [...args, '--pid-file', join(bundle, 'pid'), id], {
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('exit', resolve);
      child.once('error', reject);
    });
    if (code !== 0) throw new Error(`runc run: exit code ${code}: ${readFileSync(logFile, 'utf8').trim()}`);
  }
}

/** Why real containers cannot be run here, or null. */
export async function whyNoContainers(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'not root';
  if (cgroup2Root() === null) return 'no cgroup2 is mounted';
  for (const [program, argument] of [
    ['runc', '--version'],
    ['ip', '-V'],
  ] as const) {
    try {
      await must(program, [argument]);
    } catch (error) {
      return `${program} does not run: ${(error as Error).message}`;
    }
  }
  return null;
}
