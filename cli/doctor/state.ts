/** What is in the state folder, and the memory and disk that this process may use. */
import { X509Certificate } from 'node:crypto';
import { accessSync, constants, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Check, fail, ok, warn } from './check.ts';

const DAY_MS = 86_400_000;
const MIB = 1024 ** 2;
/** Agent and central together, with room for a burst. */
const NEEDED_MIB = 256;

const CERTIFICATES: Readonly<Record<string, string>> = {
  'central/ca.crt': 'no agent can enrol or connect',
  'central/server.crt': 'agents and people refuse the connection',
  'agent/node.crt': 'central refuses what the agent sends; it stays in the spool',
};

export function certificateChecks(stateFolder: string, now: number): Check[] {
  return Object.entries(CERTIFICATES).flatMap(([file, cost]) => {
    const path = join(stateFolder, file);
    if (!statSync(path, { throwIfNoEntry: false })) return [];
    return [certificateCheck(path, cost, now)];
  });
}

function certificateCheck(path: string, cost: string, now: number): Check {
  const name = `certificate ${path}`;
  try {
    const certificate = new X509Certificate(readFileSync(path));
    const days = Math.floor((Date.parse(certificate.validTo) - now) / DAY_MS);
    const found = `${certificate.subject.replaceAll('\n', ', ')}; valid to ${certificate.validTo}`;
    if (days < 0 || Date.parse(certificate.validFrom) > now)
      return fail(name, found, cost, 'remove it and start again; check the clock');
    return days < 7
      ? warn(name, `${found}, ${days} days left`, cost, 'restart: it is renewed at the start')
      : ok(name, found);
  } catch (error) {
    return fail(name, `not a certificate: ${(error as Error).message}`, cost, 'remove it and start again');
  }
}

export function stateFolderCheck(stateFolder: string): Check {
  const stat = statSync(stateFolder, { throwIfNoEntry: false });
  if (!stat) return ok('state folder', `${stateFolder} is not there yet; the first start makes it`);
  const open = ['agent', 'central'].filter((part) => {
    const inner = statSync(join(stateFolder, part), { throwIfNoEntry: false });
    return inner !== undefined && (inner.mode & 0o077) !== 0;
  });
  return open.length === 0
    ? ok('state folder', stateFolder)
    : fail(
        'state folder',
        `${open.join(' and ')} can be read by others`,
        'keys and tokens are exposed',
        `chmod 700 ${open.map((part) => join(stateFolder, part)).join(' ')}`,
      );
}

function bytesIn(folder: string): { files: number; bytes: number } {
  const total = { files: 0, bytes: 0 };
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    total.files += 1;
    total.bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return total;
}

export function spoolCheck(stateFolder: string, limit: number): Check {
  const folder = join(stateFolder, 'agent', 'spool');
  if (!statSync(folder, { throwIfNoEntry: false })) return ok('spool', 'empty');
  const { files, bytes } = bytesIn(folder);
  const found = `${files} files, ${(bytes / MIB).toFixed(1)} of ${(limit / MIB).toFixed(0)} MiB`;
  return bytes > limit * 0.8
    ? warn(
        'spool',
        found,
        'the oldest summaries are given up when it is full',
        'see why central is away: picket status',
      )
    : ok('spool', found);
}

/** Memory limits of the cgroups above this process, MiB; memory that is free; what the maps take, which is charged too. */
export function memoryCheck(limits: readonly number[], availableMib: number, mapMib: number): Check {
  const limit = Math.min(...limits, Number.POSITIVE_INFINITY);
  const needed = NEEDED_MIB + Math.ceil(mapMib);
  const maps = mapMib > 0 ? `, eBPF maps ${mapMib.toFixed(1)} MiB` : '';
  const found = `${Math.round(availableMib)} MiB free, ${Number.isFinite(limit) ? `limit ${Math.round(limit)} MiB` : 'no limit'}${maps}`;
  const least = Math.min(limit, availableMib);
  return least >= needed
    ? ok('memory', found)
    : warn('memory', found, 'agent or central may be ended by the kernel', `give it ${needed} MiB`);
}

/** MiB from the texts of memory.max (v2) and memory.limit_in_bytes (v1); no limit gives nothing. */
export function memoryLimits(texts: readonly string[]): number[] {
  return texts
    .map((text) => Number(text.trim()))
    .filter((bytes) => Number.isFinite(bytes) && bytes > 0 && bytes < 2 ** 60)
    .map((bytes) => bytes / MIB);
}

/** memory.max and its v1 twin of this process's cgroup and of those above it. `cgroups` is /proc/self/cgroup. */
export function limitFiles(cgroups: string): string[] {
  const lines = cgroups.split('\n').map((line) => line.split(':'));
  const above = (path: string) => path.split('/').map((_, i, names) => names.slice(0, i + 1).join('/'));
  const v1 = lines.find(([, controllers]) => controllers?.split(',').includes('memory'))?.[2] ?? '';
  const v2 = lines.find(([id]) => id === '0')?.[2] ?? '';
  return [
    ...above(v2).map((path) => `/sys/fs/cgroup${path}/memory.max`),
    ...above(v1).map((path) => `/sys/fs/cgroup/memory${path}/memory.limit_in_bytes`),
  ];
}

/** `needed`: what spool and alert log may grow to. */
export function diskCheck(stateFolder: string, needed: number): Check {
  const folder = nearestFolder(stateFolder);
  const name = 'disk';
  const { bavail, bsize, ffree, files } = statfsSync(folder);
  const free = bavail * bsize;
  const found = `${(free / MIB).toFixed(0)} MiB free at ${folder}, at most ${(needed / MIB).toFixed(0)} MiB used`;
  const writable = canWrite(folder);
  if (!writable || free < 16 * MIB || (files > 0 && ffree < 100))
    return fail(
      name,
      writable ? found : `${folder} cannot be written`,
      'no alert is kept, no order is taken, nothing survives a restart',
      `make room, or name another folder: --state-folder`,
    );
  return free < needed
    ? warn(
        name,
        found,
        'spool and alert log lose the oldest when it is full',
        'make room, or lower spool-bytes',
      )
    : ok(name, found);
}

function nearestFolder(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) || path === '/' ? path : nearestFolder(dirname(path));
}

function canWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function tensorflowCheck(): Check {
  try {
    createRequire(import.meta.url).resolve('@tensorflow/tfjs-node');
    return ok('tfjs-node', 'installed (optional): nothing uses it in this version');
  } catch {
    return ok('tfjs-node', 'not installed (optional): nothing uses it in this version');
  }
}
