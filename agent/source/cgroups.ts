/** The cgroup file system: where it is mounted, who is in it. A cgroup's id is the inode of its folder. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CgroupFound } from '../events/frame.ts';

/** A node with more cgroups than this is told apart only in part. */
const MAX_FOLDERS = 20_000;

/** Which hierarchy containers are known by, and where it is. */
export interface CgroupTree {
  readonly version: 1 | 2;
  readonly root: string;
  /** v1: number of the memory controller's hierarchy in /proc/self/cgroup; v2: 0. */
  readonly hierarchy: number;
}

/** `auto`: cgroup2 where it is mounted, else v1. */
export type CgroupChoice = 'auto' | 'v1' | 'v2';

interface CgroupTexts {
  /** Of /proc/self/mounts and /proc/self/cgroup. */
  readonly mounts: string;
  readonly own: string;
}

const readTexts = (): CgroupTexts => ({
  mounts: readFileSync('/proc/self/mounts', 'utf8'),
  own: readFileSync('/proc/self/cgroup', 'utf8'),
});

function mountOf(mounts: string, type: string, option = ''): string | null {
  for (const line of mounts.split('\n')) {
    const [, folder, found, options = ''] = line.split(' ');
    if (found !== type || folder === undefined) continue;
    // The kernel writes spaces in names as \040.
    if (option === '' || options.split(',').includes(option)) return folder.replaceAll('\\040', ' ');
  }
  return null;
}

/**
 * cgroup2 at /sys/fs/cgroup, or at /sys/fs/cgroup/unified beside v1; or v1's memory controller, which every runtime uses.
 * `root` replaces the mount point. @throws when the one that is wanted is not mounted.
 */
export function findCgroups(choice: CgroupChoice, root: string, texts = readTexts()): CgroupTree {
  const v2 = mountOf(texts.mounts, 'cgroup2');
  if (choice !== 'v1' && (v2 !== null || (root !== '' && choice === 'v2')))
    return { version: 2, root: root || (v2 ?? ''), hierarchy: 0 };
  const v1 = mountOf(texts.mounts, 'cgroup', 'memory');
  const hierarchy = Number(/^(\d+):(?:[^:]*,)?memory(?:,[^:]*)?:/m.exec(texts.own)?.[1] ?? 0);
  if (choice === 'v2' || v1 === null || hierarchy === 0)
    throw new Error(
      choice === 'v2' ? 'cgroup2 is not mounted' : "neither cgroup2 nor v1's memory controller is mounted",
    );
  return { version: 1, root: root || v1, hierarchy };
}

/** Path of this process's cgroup below the cgroup2 mount point; `/` for the root. */
export function ownCgroup(text = readFileSync('/proc/self/cgroup', 'utf8')): string {
  return /^0::(\/.*)$/m.exec(text)?.[1] ?? '/';
}

/** As `scanCgroups`, at once: while nothing else is to be done, as waiting for each folder takes ten times as long. */
export function listCgroups(root: string): CgroupFound[] {
  const found: CgroupFound[] = [];
  const folders = [''];
  for (let at = 0; at < folders.length && at < MAX_FOLDERS; at += 1) {
    const path = folders[at] ?? '';
    for (const name of foldersIn(join(root, path))) {
      const below = `${path}/${name}`;
      const id = inodeOf(join(root, below));
      if (id === null) continue;
      folders.push(below);
      found.push({ id, path: below });
    }
  }
  return found;
}

/** Null when it has just gone. */
function inodeOf(folder: string): number | null {
  try {
    return statSync(folder).ino;
  } catch {
    return null;
  }
}

/** None when it has just gone. */
function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}

/**
 * Cgroups below `root`, owners before what is nested in them; all of them, or those with the wanted ids. A folder
 * that goes away meanwhile is left out.
 */
export async function scanCgroups(root: string, wanted?: ReadonlySet<number>): Promise<CgroupFound[]> {
  const found: CgroupFound[] = [];
  const folders = [''];
  for (let at = 0; at < folders.length && at < MAX_FOLDERS; at += 1) {
    const path = folders[at] ?? '';
    const entries = await readdir(join(root, path), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isDirectory()) continue;
      const below = `${path}/${entry.name}`;
      const known = await stat(join(root, below)).catch(() => null);
      if (known === null) continue;
      folders.push(below);
      if (wanted === undefined || wanted.has(known.ino)) found.push({ id: known.ino, path: below });
    }
    if (wanted !== undefined && found.length === wanted.size) break;
  }
  return found;
}
