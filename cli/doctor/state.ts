/** What is in the state folder, and the memory that this process may use. */
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
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

/** The least of the cgroup limits above this process and of the memory that is free, MiB. */
export function memoryCheck(limits: readonly number[], availableMib: number): Check {
  const limit = Math.min(...limits, Number.POSITIVE_INFINITY);
  const found = `${Math.round(availableMib)} MiB free, ${Number.isFinite(limit) ? `limit ${Math.round(limit)} MiB` : 'no limit'}`;
  const least = Math.min(limit, availableMib);
  return least >= NEEDED_MIB
    ? ok('memory', found)
    : warn('memory', found, 'agent or central may be ended by the kernel', `give it ${NEEDED_MIB} MiB`);
}

/** MiB from the texts of memory.max (v2) and memory.limit_in_bytes (v1); no limit gives nothing. */
export function memoryLimits(texts: readonly string[]): number[] {
  return texts
    .map((text) => Number(text.trim()))
    .filter((bytes) => Number.isFinite(bytes) && bytes > 0 && bytes < 2 ** 60)
    .map((bytes) => bytes / MIB);
}

export function tensorflowCheck(): Check {
  try {
    createRequire(import.meta.url).resolve('@tensorflow/tfjs-node');
    return ok('tfjs-node', 'installed (optional): nothing uses it in this version');
  } catch {
    return ok('tfjs-node', 'not installed (optional): nothing uses it in this version');
  }
}
