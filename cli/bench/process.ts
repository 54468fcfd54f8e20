/** What the kernel says a process uses. */
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time of all threads of a process, ms; threads that ended do not count. */
export function cpuMs(pid: number): number {
  const text = (tid: string): string => readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8');
  return (
    readdirSync(`/proc/${pid}/task`).reduce((sum, tid) => sum + Number(text(tid).split(' ')[0]), 0) / 1e6
  );
}

export interface Memory {
  /** MiB: resident, and of it what is of no file. */
  readonly rss: number;
  readonly anonymous: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024;
  return { rss: mib('VmRSS'), anonymous: mib('RssAnon') };
}

/** Open file descriptors. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
