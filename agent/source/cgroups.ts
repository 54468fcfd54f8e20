/** The cgroup2 file system: where it is mounted, who is in it. A cgroup's id is the inode of its folder. */
import { readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CgroupFound } from '../events/frame.ts';

/** A node with more cgroups than this is told apart only in part. */
const MAX_FOLDERS = 20_000;

/** Where cgroup2 is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified beside v1. @throws when it is nowhere. */
export function findCgroupRoot(mounts = readFileSync('/proc/self/mounts', 'utf8')): string {
  for (const line of mounts.split('\n')) {
    const [, folder, type] = line.split(' ');
    // The kernel writes spaces in names as \040.
    if (type === 'cgroup2' && folder !== undefined) return folder.replaceAll('\\040', ' ');
  }
  throw new Error('cgroup2 is not mounted');
}

/** Path of this process's cgroup below the cgroup2 mount point; `/` for the root. */
export function ownCgroup(text = readFileSync('/proc/self/cgroup', 'utf8')): string {
  return /^0::(\/.*)$/m.exec(text)?.[1] ?? '/';
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
