/** A memory cgroup for a process that is to be measured with everything the kernel holds for it, eBPF maps included. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupMounts } from '../demo/cgroups.ts';

export interface MemoryCgroup {
  /** What is started within `start` begins in it: this process enters it, and leaves. */
  holding<T>(start: () => Promise<T>): Promise<T>;
  /** Bytes that are charged to it. */
  bytes(): number;
  remove(): void;
}

interface Place {
  readonly folder: string;
  readonly file: string;
  /** Where this process is. */
  readonly home: string;
}

/** The line of /proc/self/cgroup of a v1 controller, or of v2 for ''. */
function ownPath(controller: string): string {
  const lines = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  return lines.find(([, names = '']) => names.split(',').includes(controller))?.[2] ?? '/';
}

function place(name: string): Place | null {
  for (const { path, v2 } of cgroupMounts()) {
    const home = join(path, ownPath(v2 ? '' : 'memory'));
    if (v2) {
      const controls = join(path, 'cgroup.subtree_control');
      if (!existsSync(controls) || !readFileSync(controls, 'utf8').split(/\s/).includes('memory')) continue;
      return { folder: join(path, name), file: 'memory.current', home };
    }
    if (existsSync(join(path, 'memory.usage_in_bytes')))
      return { folder: join(path, name), file: 'memory.usage_in_bytes', home };
  }
  return null;
}

/** Null where there is no memory controller to be used. */
export function memoryCgroup(name: string): MemoryCgroup | null {
  const found = place(name);
  if (found === null) return null;
  const { folder, file, home } = found;
  mkdirSync(folder, { recursive: true });
  const enter = (to: string): void => writeFileSync(join(to, 'cgroup.procs'), String(process.pid));
  return {
    async holding(start) {
      enter(folder);
      try {
        return await start();
      } finally {
        enter(home);
      }
    },
    bytes: () => Number(readFileSync(join(folder, file), 'utf8')),
    remove: () => rmdirSync(folder),
  };
}
