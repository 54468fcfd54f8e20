/** Whether this machine can have a cluster at all: what a container, a small machine or another kernel refuses. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, statfsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { NativeAddon } from '../../native/index.ts';
import { CACHE, TRIPLET, UnavailableError } from './binaries.ts';
import { ended, PATH } from './command.ts';
import { hierarchies, isHidden } from './machine.ts';

const ROOT = join(import.meta.dirname, '../..');

/** A cluster with picket on it takes 2 GB, the linker of Kubernetes as much. */
const MEMORY_BYTES = 3 * 1024 ** 3;
/** Compilers' caches, the image's layers, containers' files. */
const DISK_BYTES = 10 * 1024 ** 3;

/** Each in namespaces that go with it. */
const TRIALS: readonly (readonly [what: string, script: string])[] = [
  [
    'mounts',
    'mount --make-rshared / && mount -t tmpfs tmpfs /run && mount --bind /proc/self/stat /proc/sys/kernel/panic',
  ],
  [
    'overlays',
    'mount -t tmpfs tmpfs /run && cd /run && mkdir low up work top && mount -t overlay overlay -o lowerdir=low,upperdir=up,workdir=work top',
  ],
  ['the BPF file system', 'mount -t bpf bpf /sys/fs/bpf'],
  ['pairs of interfaces', 'ip link add t0 type veth peer name t1 && ip link set t0 up'],
  ['forwarding', 'echo 1 > /proc/sys/net/ipv4/ip_forward'],
  ['nftables', 'nft add table ip t && nft add chain ip t c "{ type nat hook postrouting priority 100; }"'],
];

/** The kernel's word against one of them, or null. */
async function refused(debian: string): Promise<string | null> {
  const libraries = ['usr/lib', 'lib'].map((name) => join(debian, name, TRIPLET)).join(':');
  const env = { PATH: `${debian}/usr/sbin:${PATH}` };
  for (const [what, script] of TRIALS) {
    const words = what === 'nftables' ? `export LD_LIBRARY_PATH=${libraries}; ${script}` : script;
    const { code, stderr } = await ended(
      ['unshare', '-m', '-n', '--propagation', 'private', 'sh', '-c', words],
      { env },
    );
    if (code !== 0) return `${what}: ${stderr.trim().split('\n').at(-1)}`;
  }
  return null;
}

function cgroupsRefused(): string | null {
  try {
    for (const hierarchy of hierarchies()) {
      const own = join(hierarchy, `picket-room-${process.pid}`);
      mkdirSync(own);
      rmdirSync(own);
    }
    return null;
  } catch (error) {
    return `cgroups: ${error instanceof Error ? error.message : error}`;
  }
}

function tooSmall(): string | null {
  const available = Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;
  if (available < MEMORY_BYTES) return `${available} bytes of memory are free, ${MEMORY_BYTES} are wanted`;
  mkdirSync(CACHE, { recursive: true });
  const { bavail, bsize } = statfsSync(CACHE);
  const there = existsSync(join(CACHE, 'buildah'));
  return !there && bavail * bsize < DISK_BYTES
    ? `${bavail * bsize} bytes are free in ${CACHE}, ${DISK_BYTES} are wanted`
    : null;
}

/** Steps run inside, with programs of the cache, by this checkout. */
function hiddenInside(): string | null {
  const hidden = [ROOT, CACHE, process.execPath].find(isHidden);
  return hidden === undefined
    ? null
    : `the cluster has a /run, /var/lib and /var/log of its own, and ${hidden} is below one`;
}

/** The kernel's word against the agent's programs, where the addon that can ask it is built. */
function programsRefused(): string | null {
  const addon = join(ROOT, 'build/Release/picket.node');
  if (!existsSync(addon)) return null;
  const { refusal } = (createRequire(import.meta.url)(addon) as NativeAddon).features();
  return refusal === null ? null : `the agent's programs: ${refusal}`;
}

/** @throws UnavailableError */
export async function assertRoom(debian: string): Promise<void> {
  const reason =
    (process.getuid?.() === 0 ? null : 'a cluster needs root') ??
    hiddenInside() ??
    tooSmall() ??
    programsRefused() ??
    cgroupsRefused() ??
    (await refused(debian));
  if (reason !== null) throw new UnavailableError(`this machine cannot have a cluster: ${reason}`);
}
