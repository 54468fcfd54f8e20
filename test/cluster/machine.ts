/**
 * The machine that the cluster runs on: mount and network namespaces of its own and a cgroup of its own, so that
 * nothing of it is left on the real one. Not a process namespace: the kernel tells picket the numbers of the first.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ended, run, until } from './command.ts';

/** The node's address on a pair of interfaces that nothing else is on. */
export const NODE_ADDRESS = '10.200.0.2';

/**
 * The kubelet writes these, and they are the whole machine's: it finds over them files that already hold what it wants.
 */
const SYSCTLS: Readonly<Record<string, string>> = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
};

export interface Machine {
  /** Process that holds the namespaces. */
  readonly holder: number;
  readonly mount: string;
  readonly network: string;
  /** Path below each cgroup hierarchy. */
  readonly cgroup: string;
}

/** A command as it is inside; what runs there already says so in its environment. */
export function insideOf(machine: Machine, argv: readonly string[]): string[] {
  if (process.env.PICKET_CLUSTER_INSIDE === machine.mount) return [...argv];
  // A changed mount namespace means a changed working folder; commands name files by their whole paths.
  return ['nsenter', '-t', String(machine.holder), '-m', '-n', ...argv];
}

/** What is private to the cluster's mount namespace. Its /var/lib is where pods' host paths lead. */
const mounts = (folder: string): string =>
  [
    'set -e',
    'mount --make-rshared /',
    'mount -t tmpfs -o mode=755 tmpfs /run',
    'mount -t tmpfs -o mode=755 tmpfs /var/log',
    `mount --bind ${folder}/var-lib /var/lib`,
    'mount -t bpf bpf /sys/fs/bpf',
    ...Object.keys(SYSCTLS).map((name) => `mount --bind ${folder}/sysctl/${name} /proc/sys/${name}`),
    'ip link set lo up',
    'ip link add node0 type veth peer name node1',
    'ip link set node0 up',
    'ip link set node1 up',
    `ip address add ${NODE_ADDRESS}/24 dev node0`,
    'ip route add default dev node0',
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
  ].join('\n');

/** Whether a path is one of those that are private to the cluster: what is there on the machine is not seen inside. */
export const isHidden = (path: string): boolean => /^\/(run|var\/(lib|log))(\/|$)/.test(path);

export async function createMachine(folder: string, cgroup: string): Promise<Machine> {
  if (isHidden(folder))
    throw new Error(
      `${folder}: the cluster has a /run, /var/lib and /var/log of its own; choose another folder`,
    );
  mkdirSync(join(folder, 'var-lib'), { recursive: true });
  for (const [name, value] of Object.entries(SYSCTLS)) {
    mkdirSync(join(folder, 'sysctl', name, '..'), { recursive: true });
    writeFileSync(join(folder, 'sysctl', name), `${value}\n`);
  }
  const child = spawn('unshare', ['-m', '-n', '--propagation', 'private', 'sleep', 'infinity'], {
    detached: true,
    stdio: 'ignore',
  });
  child.unref();
  const holder = child.pid;
  if (holder === undefined) throw new Error('unshare did not start');
  const own = readlinkSync('/proc/self/ns/net');
  await until('namespaces', () => readlinkSync(`/proc/${holder}/ns/net`) !== own, 20_000);
  // unshare becomes sleep only when it is done with both.
  await until('namespaces', () => readFileSync(`/proc/${holder}/comm`, 'utf8').trim() === 'sleep', 20_000);
  const namespace = (kind: string): string => readlinkSync(`/proc/${holder}/ns/${kind}`);
  const machine = { holder, mount: namespace('mnt'), network: namespace('net'), cgroup };
  await run(insideOf(machine, ['sh', '-c', mounts(folder)]));
  return machine;
}

const ROOT = '/sys/fs/cgroup';

/** Each hierarchy that is mounted: one in version 2, several in version 1 and in a mix of both. */
export function hierarchies(): string[] {
  if (existsSync(join(ROOT, 'cgroup.controllers'))) return [ROOT];
  return readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(ROOT, entry.name));
}

/** The folder of the cluster's cgroup in version 2. */
export function unifiedCgroup(cgroup: string): string {
  const mixed = join(ROOT, 'unified');
  return join(existsSync(mixed) ? mixed : ROOT, cgroup);
}

export function makeCgroups(cgroup: string): void {
  for (const hierarchy of hierarchies()) {
    const own = join(hierarchy, cgroup);
    mkdirSync(own, { recursive: true });
    // Version 1 gives a new set no processors and no memory, and takes no process before it has some.
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      if (existsSync(join(own, file))) writeFileSync(join(own, file), readFileSync(join(hierarchy, file)));
  }
}

/** Ends every process below the cgroup, then removes it. */
export async function removeCgroups(cgroup: string): Promise<void> {
  for (const hierarchy of hierarchies()) {
    const own = join(hierarchy, cgroup);
    const kill = join(own, 'cgroup.kill');
    if (existsSync(kill)) writeFileSync(kill, '1');
  }
  await until(
    `cgroups ${cgroup} removed`,
    async () => {
      const left = hierarchies()
        .map((hierarchy) => join(hierarchy, cgroup))
        .filter((own) => existsSync(own));
      for (const own of left) await ended(['find', own, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+']);
      return left.length === 0;
    },
    60_000,
  );
}

/** Numbers of the processes in the cluster's own mount and network namespaces; those of pods have others. */
export function processesOf(machine: Machine): number[] {
  const belongs = (pid: string): boolean => {
    try {
      return (
        readlinkSync(`/proc/${pid}/ns/mnt`) === machine.mount &&
        readlinkSync(`/proc/${pid}/ns/net`) === machine.network
      );
    } catch {
      // Ended meanwhile.
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && belongs(name))
    .map(Number);
}

/** Ends what runs in the namespaces, which go with their last process. */
export async function removeMachine(machine: Machine): Promise<void> {
  const signal = (name: NodeJS.Signals): void => {
    for (const pid of processesOf(machine)) {
      try {
        process.kill(pid, name);
      } catch {
        // Ended meanwhile.
      }
    }
  };
  signal('SIGTERM');
  await until('processes of the cluster ended', () => processesOf(machine).length === 0, 10_000).catch(() =>
    signal('SIGKILL'),
  );
  await until('processes of the cluster killed', () => processesOf(machine).length === 0, 60_000);
}
