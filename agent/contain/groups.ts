/**
 * What a cgroup's own files do to a container: freeze, thaw, kill. cgroup2 has cgroup.freeze (5.2) and cgroup.kill
 * (5.14; before it by process); v1 has the freezer where that is mounted, and a frozen process there only ends thawed.
 */
import { constants, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A container's cgroup as a lease keeps it: the inode tells whether the folder is still the same. */
export interface Held {
  readonly cgroup: number;
  readonly path: string;
}
/** `gone`: there is no such cgroup any more, so nothing of it runs. */
export type Frozen = 'frozen' | 'running' | 'gone';

export interface Groups {
  /** Resolves when all of it is frozen (or thawed), or with what it is after 5 s. @throws what the system says. */
  freeze(held: Held, on: boolean): Promise<Frozen>;
  frozen(held: Held): Promise<Frozen>;
  /** Ends every process in it; resolves with how many are left after 5 s. @throws what the system says. */
  kill(held: Held): Promise<number>;
}

/** A process in an uninterruptible wait is frozen or ended when that wait is over. */
const PATIENCE_MS = 5000;
const LOOK_MS = 10;

const isGone = (error: unknown): boolean =>
  ['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '');

async function unlessGone<T>(work: () => Promise<T>, gone: T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isGone(error)) return gone;
    throw error;
  }
}

/** Processes of a cgroup and of those below it. */
async function processesIn(folder: string): Promise<number[]> {
  return unlessGone(async () => {
    const own = (await readFile(join(folder, 'cgroup.procs'), 'utf8'))
      .split('\n')
      .filter(Boolean)
      .map(Number);
    const below = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    const more = await Promise.all(below.map(({ name }) => processesIn(join(folder, name))));
    return [...own, ...more.flat()];
  }, []);
}

async function killProcesses(folder: string): Promise<void> {
  for (const pid of await processesIn(folder)) {
    // 0: of a pid namespace that we do not see into; kill(0) would be ourselves.
    if (pid <= 1) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function until<T>(look: () => Promise<T>, wanted: (found: T) => boolean): Promise<T> {
  for (let waited = 0; ; waited += LOOK_MS) {
    const found = await look();
    if (wanted(found) || waited >= PATIENCE_MS) return found;
    await sleep(LOOK_MS);
  }
}

abstract class Hierarchy implements Groups {
  private readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  protected abstract setFrozen(folder: string, on: boolean): Promise<void>;
  protected abstract isFrozen(folder: string): Promise<boolean>;
  protected abstract endAll(folder: string): Promise<void>;
  /** Whether the folder is the cgroup that is meant; v1's inodes are not the ids that containers are known by. */
  protected abstract isSame(folder: string, cgroup: number): Promise<boolean>;

  protected folderOf({ path }: Held): string {
    // The root itself, or what is beside it, is never a container's.
    if (!path.startsWith('/') || path === '/' || path.split('/').includes('..'))
      throw new Error(`${JSON.stringify(path)} is no container's cgroup`);
    return join(this.root, path);
  }

  async freeze(held: Held, on: boolean): Promise<Frozen> {
    const folder = this.folderOf(held);
    if (!(await this.isSame(folder, held.cgroup))) return 'gone';
    const wanted = on ? 'frozen' : 'running';
    await unlessGone(() => this.setFrozen(folder, on), undefined);
    return until(
      () => this.frozen(held),
      (found) => found === wanted || found === 'gone',
    );
  }

  async frozen(held: Held): Promise<Frozen> {
    const folder = this.folderOf(held);
    if (!(await this.isSame(folder, held.cgroup))) return 'gone';
    return unlessGone<Frozen>(async () => ((await this.isFrozen(folder)) ? 'frozen' : 'running'), 'gone');
  }

  async kill(held: Held): Promise<number> {
    const folder = this.folderOf(held);
    if (!(await this.isSame(folder, held.cgroup))) return 0;
    return until(
      async () => {
        await unlessGone(() => this.endAll(folder), undefined);
        return (await processesIn(folder)).length;
      },
      (left) => left === 0,
    );
  }
}

class Unified extends Hierarchy {
  protected setFrozen(folder: string, on: boolean): Promise<void> {
    return writeFile(join(folder, 'cgroup.freeze'), on ? '1' : '0');
  }

  protected async isFrozen(folder: string): Promise<boolean> {
    return /^frozen 1$/m.test(await readFile(join(folder, 'cgroup.events'), 'utf8'));
  }

  protected async endAll(folder: string): Promise<void> {
    try {
      // It can be written and not read (mode 0200), and the agent's user 0 has no right to pass over modes; nor is it to be made.
      await writeFile(join(folder, 'cgroup.kill'), '1', { flag: constants.O_WRONLY });
    } catch (error) {
      if (!isGone(error)) throw error;
      await killProcesses(folder);
    }
  }

  protected isSame(folder: string, cgroup: number): Promise<boolean> {
    return unlessGone(async () => (await stat(folder)).ino === cgroup, false);
  }
}

class FreezerV1 extends Hierarchy {
  protected setFrozen(folder: string, on: boolean): Promise<void> {
    return writeFile(join(folder, 'freezer.state'), on ? 'FROZEN' : 'THAWED');
  }

  protected async isFrozen(folder: string): Promise<boolean> {
    return (await readFile(join(folder, 'freezer.state'), 'utf8')).trim() === 'FROZEN';
  }

  protected async endAll(folder: string): Promise<void> {
    await killProcesses(folder);
    await this.setFrozen(folder, false);
  }

  protected isSame(folder: string): Promise<boolean> {
    return unlessGone(async () => (await stat(folder)).isDirectory(), false);
  }
}

/** Where v1's freezer is mounted, or null. */
export function freezerMount(mounts: string): string | null {
  for (const line of mounts.split('\n')) {
    const [, folder = '', type, options = ''] = line.split(' ');
    // The kernel writes spaces in names as \040.
    if (type === 'cgroup' && options.split(',').includes('freezer')) return folder.replaceAll('\\040', ' ');
  }
  return null;
}

export const unifiedGroups = (root: string): Groups => new Unified(root);
export const freezerGroups = (root: string): Groups => new FreezerV1(root);
