/** The sandbox's cgroups in every mounted hierarchy: which are left, which processes are in them, and their removal. */
import { readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Mount points of cgroup v1 and v2. */
export function cgroupMounts(
  mounts: string = readFileSync('/proc/self/mounts', 'utf8'),
): { path: string; v2: boolean }[] {
  return mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .map(([, path, type]) => ({ path: path ?? '', v2: type === 'cgroup2' }));
}

/** Mount point of cgroup2, or null. */
export function cgroup2Root(): string | null {
  return cgroupMounts().find((mount) => mount.v2)?.path ?? null;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Deepest first, so that they can be removed in order. */
function foldersBelow(folder: string): string[] {
  const inner = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => foldersBelow(join(folder, entry.name)));
  return [...inner, folder];
}

/** Folders named `top` at the root of any hierarchy. */
export function cgroupLeftovers(top: string): string[] {
  return cgroupMounts()
    .map((mount) => join(mount.path, top))
    .filter(isFolder);
}

/** Processes in any of the sandbox's cgroups. */
export function sandboxPids(top: string): number[] {
  const pids = new Set<number>();
  for (const folder of cgroupLeftovers(top).flatMap(foldersBelow)) {
    try {
      for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean))
        pids.add(Number(pid));
    } catch {
      // removed meanwhile
    }
  }
  return [...pids].filter((pid) => pid > 0);
}

/** Removes the empty ones; the others stay and are found again by `cgroupLeftovers`. */
export function removeCgroups(top: string): void {
  for (const folder of cgroupLeftovers(top).flatMap(foldersBelow)) {
    try {
      rmdirSync(folder);
    } catch {
      // still has a process, or is gone
    }
  }
}
