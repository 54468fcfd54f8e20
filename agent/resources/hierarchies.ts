/**
 * Where the controllers of this machine are: all on cgroup v2, all on v1, or both beside each other (mixed). A controller
 * is on one hierarchy only, so each number has one place to be read.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** `core` is what v2 has of each cgroup by itself, whatever controllers it is given: CPU time and pressure. */
export const CONTROLLERS = ['cpu', 'cpuacct', 'memory', 'blkio', 'pids', 'core'] as const;
export type Controller = (typeof CONTROLLERS)[number];

export interface Hierarchy {
  readonly version: 1 | 2;
  readonly mount: string;
  /** As in the second field of a line of /proc/PID/cgroup: empty for v2. */
  readonly controllers: readonly string[];
}

export type Hierarchies = Readonly<Partial<Record<Controller, Hierarchy>>>;

const isController = (name: string): name is Controller => (CONTROLLERS as readonly string[]).includes(name);

/**
 * `mounts` is the text of /proc/self/mounts; of two mounts of one hierarchy the first counts. `cgroupRoot` is where
 * containers' paths in v2 begin, where that is not at the mount.
 */
export function findHierarchies(mounts: string, cgroupRoot?: string): Hierarchies {
  const found: Partial<Record<Controller, Hierarchy>> = {};
  let v2: Hierarchy | null = null;
  for (const line of mounts.split('\n')) {
    const [, folder = '', type, options = ''] = line.split(' ');
    // The kernel writes spaces in names as \040.
    const mount = folder.replaceAll('\\040', ' ');
    if (type === 'cgroup2') v2 ??= { version: 2, mount: cgroupRoot ?? mount, controllers: [] };
    if (type !== 'cgroup') continue;
    const controllers = options.split(',').filter(isController);
    for (const controller of controllers) found[controller] ??= { version: 1, mount, controllers };
  }
  if (v2 !== null) for (const controller of CONTROLLERS) found[controller] ??= v2;
  return found;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** The path in one hierarchy, of the text of /proc/PID/cgroup; null where it is outside of what we see. */
export function pathIn(hierarchy: Hierarchy, text: string): string | null {
  for (const line of text.split('\n')) {
    const [, names = '', ...rest] = line.split(':');
    const path = rest.join(':');
    const same =
      hierarchy.version === 2
        ? line.startsWith('0::')
        : names.split(',').some((name) => hierarchy.controllers.includes(name));
    // Of a process in another cgroup namespace the path begins with /.. and means nothing here.
    if (same) return path.startsWith('/..') || !path.startsWith('/') ? null : path;
  }
  return null;
}

function firstProcess(folder: string): string | null {
  try {
    const [pid] = readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n', 1);
    // 0: of a pid namespace that we do not see into.
    return pid === undefined || pid === '' || pid === '0' ? null : pid;
  } catch {
    return null; // removed meanwhile
  }
}

/** So many processes of a folder are looked at: one that is shared shows it by its first. */
const MOST_LOOKED_AT = 32;

/** Any other failure, such as want of a right, says nothing of whose the process is. */
const hasEnded = (error: unknown): boolean =>
  ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Whether nothing but the container's processes is in a folder that one of them named: many runtimes and services share one. */
function isOwn(folder: string, known: Hierarchy, path: string, proc: string): boolean {
  const pids = readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n', MOST_LOOKED_AT);
  return pids.every((pid) => {
    if (pid === '') return true;
    // Of a pid namespace that we do not see into: whose it is cannot be asked.
    if (pid === '0') return false;
    try {
      const its = pathIn(known, readFileSync(`${proc}/${pid}/cgroup`, 'utf8'));
      // Of a node that is itself a container, paths begin with the node's own.
      return its !== null && (its.endsWith(path) || its.includes(`${path}/`));
    } catch (error) {
      return hasEnded(error);
    }
  });
}

/** Where a process of a container is: in a folder of the hierarchy that it is known by, and what it says of the others. */
interface Place {
  readonly known: Hierarchy;
  /** Of /proc/PID/cgroup. */
  readonly text: string;
}

function placeOf(all: Hierarchies, path: string, proc: string): Place | null {
  const known = Object.values(all).find(({ mount }) => isFolder(join(mount, path)));
  const pid = known === undefined ? null : firstProcess(join(known.mount, path));
  if (known === undefined || pid === null) return null;
  try {
    return { known, text: readFileSync(`${proc}/${pid}/cgroup`, 'utf8') };
  } catch {
    return null; // the process has ended
  }
}

/**
 * A container's folder in each hierarchy: the same path as in the one that it is known by, as all runtimes make them, else
 * where one of its processes, which is asked once for all, says that it is, when nobody else is there. Null: nowhere.
 */
export function foldersOf(
  all: Hierarchies,
  path: string,
  proc = '/proc',
): (hierarchy: Hierarchy) => string | null {
  let place: Place | null | undefined;
  return (hierarchy) => {
    const same = join(hierarchy.mount, path);
    if (isFolder(same)) return same;
    if (place === undefined) place = placeOf(all, path, proc);
    const other = place === null ? null : pathIn(hierarchy, place.text);
    // The root is the whole machine: no container's numbers.
    if (place === null || other === null || other === '/') return null;
    const folder = join(hierarchy.mount, other);
    try {
      return isFolder(folder) && isOwn(folder, place.known, path, proc) ? folder : null;
    } catch {
      return null; // removed meanwhile
    }
  };
}
