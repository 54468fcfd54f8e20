/** Which file of a container's cgroup holds which numbers, in cgroup v1 and v2. */
import type { ResourceName } from '../events/resources.ts';
import type { Controller } from './hierarchies.ts';

/**
 * What files say, counters as totals since the cgroup was made; `inactiveFileBytes` is page cache that can be dropped.
 * Null: a limit that is not set. Left out: not said.
 */
export type Totals = Partial<Record<ResourceName | 'inactiveFileBytes', number | null>>;

export interface ResourceFile {
  readonly controller: Controller;
  readonly version: 1 | 2;
  /** The first of them that is there. */
  readonly names: readonly string[];
  /** Read once in so many windows. */
  readonly every: number;
  /** Read only of a container that has no folder with this controller, where v1 has it. */
  readonly without?: Controller;
  readonly read: (text: string, into: Totals) => void;
}

/**
 * Each reading is 2 to 5 µs in the kernel, memory.stat 13 to 20: what is read every window is what a volume model needs;
 * the rest makes more than half of the price. An OOM kill is told at once by its record.
 */
const SLOW_EVERY = 3;
/** Changes when somebody changes it. */
const LIMIT_EVERY = 12;
/** From here on a limit of cgroup v1 is none: PAGE_COUNTER_MAX, the largest number of pages in bytes. */
const NO_LIMIT = 2 ** 62;

/** The number after `key ` at the begin of a line. */
function field(text: string, key: string): number | undefined {
  const at = text.startsWith(`${key} `) ? 0 : text.indexOf(`\n${key} `) + 1;
  if (at === 0 && !text.startsWith(`${key} `)) return undefined;
  const value = Number.parseInt(text.slice(at + key.length + 1, at + key.length + 22), 10);
  return Number.isNaN(value) ? undefined : value;
}

function set(into: Totals, name: keyof Totals, value: number | undefined, scale = 1): void {
  if (value !== undefined && Number.isFinite(value)) into[name] = Math.floor(value * scale);
}

const whole =
  (name: keyof Totals, scale = 1) =>
  (text: string, into: Totals): void =>
    set(into, name, Number.parseInt(text, 10), scale);

const limit =
  (name: keyof Totals) =>
  (text: string, into: Totals): void => {
    const value = Number.parseInt(text, 10); // v2 writes `max` where there is none
    into[name] = value < NO_LIMIT ? value : null;
  };

function cpuStat(text: string, into: Totals): void {
  set(into, 'cpuUs', field(text, 'usage_usec'));
  set(into, 'throttledPeriods', field(text, 'nr_throttled'));
  set(into, 'throttledUs', field(text, 'throttled_usec'));
}

function cpuStatV1(text: string, into: Totals): void {
  set(into, 'throttledPeriods', field(text, 'nr_throttled'));
  set(into, 'throttledUs', field(text, 'throttled_time'), 1e-3);
}

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …` for each device; no device: nothing was read or written. */
function ioStat(text: string, into: Totals): void {
  const sums = { rbytes: 0, wbytes: 0, rios: 0, wios: 0 };
  for (const [, key, value] of text.matchAll(/ (rbytes|wbytes|rios|wios)=(\d+)/g))
    sums[key as keyof typeof sums] += Number(value);
  Object.assign(into, {
    readBytes: sums.rbytes,
    writeBytes: sums.wbytes,
    reads: sums.rios,
    writes: sums.wios,
  });
}

/** `8:0 Read 1`, `8:0 Write 2`, … for each device. */
const blkio =
  (reads: keyof Totals, writes: keyof Totals) =>
  (text: string, into: Totals): void => {
    const sums = { Read: 0, Write: 0 };
    for (const [, key, value] of text.matchAll(/ (Read|Write) (\d+)/g))
      sums[key as keyof typeof sums] += Number(value);
    into[reads] = sums.Read;
    into[writes] = sums.Write;
  };

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=5` and the same for `full`, which kernels before 5.13 lack for cpu. */
const pressure =
  (some: keyof Totals, full: keyof Totals) =>
  (text: string, into: Totals): void => {
    for (const line of text.split('\n')) {
      const total = Number.parseInt(line.slice(line.lastIndexOf('=') + 1), 10);
      set(into, line.startsWith('some') ? some : full, total);
    }
  };

const file = (
  version: 1 | 2,
  controller: Controller,
  names: readonly string[],
  read: ResourceFile['read'],
  every = 1,
): ResourceFile => ({ version, controller, names, read, every });

const inactive = (key: string) => (text: string, into: Totals) =>
  set(into, 'inactiveFileBytes', field(text, key));
const killed = (text: string, into: Totals) => set(into, 'oomKills', field(text, 'oom_kill'));

export const FILES: readonly ResourceFile[] = [
  file(2, 'cpu', ['cpu.stat'], cpuStat),
  file(1, 'cpuacct', ['cpuacct.usage'], whole('cpuUs', 1e-3)),
  // On a mixed host of a container that was made in v2 alone.
  { ...file(2, 'core', ['cpu.stat'], cpuStat), without: 'cpuacct' },
  file(1, 'cpu', ['cpu.stat'], cpuStatV1, SLOW_EVERY),
  file(2, 'memory', ['memory.current'], whole('memoryBytes')),
  file(1, 'memory', ['memory.usage_in_bytes'], whole('memoryBytes')),
  file(2, 'memory', ['memory.stat'], inactive('inactive_file'), SLOW_EVERY),
  file(1, 'memory', ['memory.stat'], inactive('total_inactive_file'), SLOW_EVERY),
  file(2, 'memory', ['memory.max'], limit('memoryLimitBytes'), LIMIT_EVERY),
  file(1, 'memory', ['memory.limit_in_bytes'], limit('memoryLimitBytes'), LIMIT_EVERY),
  file(2, 'memory', ['memory.events'], killed, SLOW_EVERY),
  file(1, 'memory', ['memory.oom_control'], killed, SLOW_EVERY),
  file(2, 'blkio', ['io.stat'], ioStat),
  // What a container's own sub-groups do is in the recursive files only (since Linux 5.0).
  file(
    1,
    'blkio',
    ['blkio.throttle.io_service_bytes_recursive', 'blkio.throttle.io_service_bytes'],
    blkio('readBytes', 'writeBytes'),
  ),
  file(
    1,
    'blkio',
    ['blkio.throttle.io_serviced_recursive', 'blkio.throttle.io_serviced'],
    blkio('reads', 'writes'),
    SLOW_EVERY,
  ),
  file(2, 'pids', ['pids.current'], whole('pids')),
  file(1, 'pids', ['pids.current'], whole('pids')),
  file(2, 'pids', ['pids.max'], limit('pidsLimit'), LIMIT_EVERY),
  file(1, 'pids', ['pids.max'], limit('pidsLimit'), LIMIT_EVERY),
  file(2, 'core', ['cpu.pressure'], pressure('cpuSomeUs', 'cpuFullUs'), SLOW_EVERY),
  file(2, 'core', ['memory.pressure'], pressure('memorySomeUs', 'memoryFullUs'), SLOW_EVERY),
  file(2, 'core', ['io.pressure'], pressure('ioSomeUs', 'ioFullUs'), SLOW_EVERY),
];
