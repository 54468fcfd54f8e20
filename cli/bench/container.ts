/** Cgroups named as those of pods' containers, for the kernel side to take them for containers. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroup2Root } from '../demo/cgroups.ts';

/** Everything that is made here is below this cgroup; several measurements may run beside each other. */
export const TOP = `picket-bench-${process.pid}`;

export interface Container {
  readonly id: string;
  readonly podUid: string;
  readonly folder: string;
  /** Id of its cgroup. */
  readonly cgroup: number;
  /** Waits for its processes, which end by themselves or are ended by their parents, and takes it away. */
  remove(): Promise<void>;
}

const REMOVE_MS = 5000;

async function removeEmpty(folder: string): Promise<void> {
  const end = Date.now() + REMOVE_MS;
  for (;;)
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || Date.now() > end) throw error;
      await sleep(5); // a process leaves its cgroup a moment after it was waited for
    }
}

/** The cgroup above all of them. @throws when no cgroup2 is mounted. */
export function makeTop(top: string = TOP): string {
  const root = cgroup2Root();
  if (root === null) throw new Error('no cgroup2 is mounted');
  mkdirSync(join(root, top), { recursive: true });
  return join(root, top);
}

/** @throws when no cgroup2 is mounted. */
export function makeContainer(number: number, top: string = TOP): Container {
  const id = createHash('sha256').update(`${top} ${number}`).digest('hex');
  const podUid = `${id.slice(0, 8)}-5d0e-4d3c-9f55-${id.slice(8, 20)}`;
  const pod = join(makeTop(top), 'kubepods', 'burstable', `pod${podUid}`);
  const folder = join(pod, id);
  mkdirSync(folder, { recursive: true });
  const remove = async (): Promise<void> => {
    await removeEmpty(folder);
    await removeEmpty(pod);
  };
  return { id, podUid, folder, cgroup: statSync(folder).ino, remove };
}

/** The folders above the containers, once those are gone. */
export async function removeTop(top: string = TOP): Promise<void> {
  const root = cgroup2Root() ?? '';
  for (const path of ['kubepods/burstable', 'kubepods', '.'])
    if (existsSync(join(root, top, path))) await removeEmpty(join(root, top, path));
}

/** Processes in it now. */
export function pidsIn({ folder }: Container): number[] {
  return readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
}
