/** Containers, probes and records of the kernel tests. Everything made here is taken back by `cleanUp`. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { callIds } from '../../agent/features/call-ids.ts';
import {
  loadAddon,
  type NativeAddon,
  type Probe,
  type ProbeOptions,
  type SlotCounts,
} from '../../native/index.ts';

/** Whether numbers of processes here are those of the kernel's records; not so in a container of its own. */
export const inInitialPidNamespace = (): boolean => readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]';

/** Where cgroup2 is mounted, or null. */
export function findCgroup2(): string | null {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return mounts.find((line) => line.split(' ')[2] === 'cgroup2')?.split(' ')[1] ?? null;
}

/** Why the kernel tests cannot run here, or null. */
export function kernelRefusal(): string | null {
  if (process.getuid?.() !== 0) return 'not root';
  if (findCgroup2() === null) return 'no cgroup2 mounted';
  try {
    return loadAddon().features().refusal;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The same, told on the terminal once per file. */
export function skipReason(suite: string): string | null {
  const reason = kernelRefusal();
  if (reason !== null) console.log(`skipped: ${suite}: ${reason}`);
  return reason;
}

const undo: (() => Promise<void> | void)[] = [];

/** Runs after a test what is to be taken back, last first. */
export function atEnd(step: () => Promise<void> | void): void {
  undo.push(step);
}

/** To be called after each test. */
export async function cleanUp(): Promise<void> {
  for (let step = undo.pop(); step; step = undo.pop()) await step();
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'picket-test-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder of its own for pins, on which the addon mounts a bpffs. */
export function pinFolder(): string {
  const folder = join(temporaryFolder(), 'pins');
  atEnd(() => {
    try {
      execFileSync('umount', [folder], { stdio: 'ignore' });
    } catch {
      // it was never mounted, or remove() unmounted it: both are fine
    }
  });
  return folder;
}

export interface TestCgroup {
  readonly path: string;
  readonly id: number;
  /** Kills what is left in it and removes it; what atEnd does too. */
  remove(): Promise<void>;
}

async function removeTree(path: string): Promise<void> {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(path, entry.name));
  }
  for (let tries = 0; tries < 200; tries++) {
    for (const pid of readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // it has just ended
      }
    }
    try {
      rmdirSync(path);
      return;
    } catch {
      await sleep(10); // killed processes leave their cgroup a moment later
    }
  }
  throw new Error(`cannot remove ${path}`);
}

/** A name such as containerd gives. */
export function containerName(): string {
  return `cri-containerd-${randomBytes(32).toString('hex')}.scope`;
}

/** Makes a cgroup below `parent`, which is the cgroup2 root if not given. */
export function makeCgroup(name: string = containerName(), parent: string = findCgroup2() ?? ''): TestCgroup {
  const path = join(parent, name);
  mkdirSync(path);
  const id = statSync(path).ino;
  let gone = false;
  const remove = async () => {
    if (!gone) await removeTree(path);
    gone = true;
  };
  atEnd(remove);
  return { path, id, remove };
}

/** A part of the tree for a probe that is to see no containers but those that the test makes there. */
export interface Grounds {
  /** For the probe. */
  readonly cgroupRoot: string;
  make(name?: string): TestCgroup;
}

/** Others on this machine make containers too: who counts slots keeps to grounds of its own. */
export function makeGrounds(): Grounds {
  const { path } = makeCgroup(`picket-test-${randomBytes(6).toString('hex')}.slice`);
  return { cgroupRoot: path, make: (name) => makeCgroup(name, path) };
}

const binaries = new Map<string, string>();

/** A program of C files of this folder, compiled once until `cleanUp`. */
function build(name: string, files: readonly string[]): string {
  const known = binaries.get(name);
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), `picket-${name}-`));
  // Not when the process exits: vitest ends its workers by a signal.
  atEnd(() => {
    rmSync(folder, { recursive: true, force: true });
    binaries.delete(name);
  });
  const sources = files.map((file) => fileURLToPath(new URL(file, import.meta.url)));
  chmodSync(folder, 0o755); // for containers of ordinary users
  const path = join(folder, name);
  execFileSync('cc', ['-O1', '-Wall', '-Wextra', '-Werror', ...sources, '-o', path, '-pthread']);
  binaries.set(name, path);
  return path;
}

export const buildDoer = (): string =>
  build('doer', ['doer.c', 'actions.c', 'changes.c', 'execs.c', 'calls.c', 'datagrams.c']);

/** The program that says in a file of the folder $WITNESS what it really is. */
export const buildWitness = (): string => build('witness', ['witness.c']);

/** A process of doer.c in a cgroup. */
export interface Doer {
  readonly pid: number;
  /** Does one thing; answers 0, an errno, or a wait status, as doer.c, actions.c, execs.c and calls.c say. */
  ask(command: string): Promise<number>;
  end(): Promise<void>;
}

async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  const line = await lines.next();
  if (line.done) throw new Error('the doer has ended');
  return line.value;
}

/**
 * Starts doer.c in the cgroup, with `prefix` before the program, such as ['ip', 'netns', 'exec', 'x']; `before` runs ahead
 * of the cgroup, as a runtime enters namespaces, so that it is no deed of the container.
 */
export async function startDoer(
  cgroup: string | null,
  prefix: readonly string[] = [],
  before: readonly string[] = [],
): Promise<Doer> {
  const enter = cgroup === null ? '' : 'echo $$ > "$0"/cgroup.procs && ';
  const [file = 'sh', ...rest] = [...before, 'sh'];
  const child: ChildProcessWithoutNullStreams = spawn(file, [
    ...rest,
    '-c',
    `${enter}exec "$@"`,
    cgroup ?? 'sh',
    ...prefix,
    buildDoer(),
  ]);
  child.stderr.pipe(process.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const end = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  atEnd(end);
  const pid = Number((await nextLine(lines)).split(' ')[1]);
  const ask = async (command: string) => {
    child.stdin.write(`${command}\n`);
    return Number(await nextLine(lines));
  };
  return { pid, ask, end };
}

/** Moves a process into a cgroup. */
export function moveTo(cgroup: TestCgroup, pid: number): void {
  writeFileSync(join(cgroup.path, 'cgroup.procs'), String(pid));
}

/** A record as a plain object: header fields and what its kind has. Paths are root first. */
export interface TestRecord {
  readonly kind: number;
  readonly slot: number;
  readonly cgroup: number;
  readonly pid: number;
  readonly uid: number;
  readonly parentPid: number;
  readonly start: bigint;
  readonly bytes: Buffer;
  field(name: string): number;
  text(name: string, length: number): string;
  /** The path of an exec or open record. */
  path(): string;
}

const addon = (): NativeAddon => loadAddon();
const layoutOf = new Map<string, number>();

function offset(name: string): number {
  if (layoutOf.size === 0)
    for (const [key, value] of Object.entries(addon().layout())) layoutOf.set(key, value);
  const value = layoutOf.get(name);
  if (value === undefined) throw new Error(`layout has no ${name}`);
  return value;
}

/** A constant of records.h. */
export const constant = offset;

const STRUCTS = [
  '',
  'exec_record',
  'exit_record',
  'open_record',
  'flow_record',
  'cgroup_record',
  'denied_record',
  'action_record',
  'pair_record',
  'novel_record',
  'dns_record',
];

function toRecord(bytes: Buffer): TestRecord {
  const head = (name: string) => bytes.readUInt32LE(offset(`record_header.${name}`));
  const kind = head('kind');
  const struct = STRUCTS[kind] ?? '';
  const field = (name: string) => bytes.readUInt32LE(offset(`${struct}.${name}`));
  const text = (name: string, length: number) => {
    const from = offset(`${struct}.${name}`);
    return bytes.toString('latin1', from, from + length).split('\0')[0] ?? '';
  };
  const path = () => {
    const from = offset(`${struct}.path`);
    const names = bytes
      .toString('utf8', from, from + field('path_bytes'))
      .split('\0')
      .slice(0, -1);
    return `/${names.reverse().join('/')}`;
  };
  const cgroup = Number(bytes.readBigUInt64LE(offset('record_header.cgroup')));
  const start = bytes.readBigUInt64LE(offset('record_header.start'));
  const ids = { slot: head('slot'), pid: head('pid'), uid: head('uid'), parentPid: head('parent_pid') };
  return { kind, cgroup, start, bytes, field, text, path, ...ids };
}

export function splitRecords(batch: Buffer): TestRecord[] {
  const records: TestRecord[] = [];
  for (let at = 0; at < batch.length; ) {
    const size = batch.readUInt32LE(at + offset('record_header.size'));
    records.push(toRecord(batch.subarray(at, at + size)));
    at += size;
  }
  return records;
}

export interface TestProbe {
  readonly probe: Probe;
  readonly records: TestRecord[];
  /** Records of one kind and cgroup so far. */
  of(kind: string, cgroup: number): TestRecord[];
  counts(cgroup: number): SlotCounts;
}

export const PROBE_OPTIONS: Omit<ProbeOptions, 'pinFolder' | 'cgroupRoot'> = {
  cgroupHierarchy: 0,
  selfPid: process.pid,
  urgentBytes: 1 << 20,
  bulkBytes: 1 << 19,
  bulkMs: 50,
  recordsPerSecond: 1000,
  recordBurst: 1500,
  slots: 64,
  liveSlots: 0,
  flows: 1024,
  callIds: callIds(process.arch === 'arm64' ? 'arm64' : 'x64'),
  seenKey: 0x1234_5678_9abc_def0n,
  watchedNames: [
    { name: 'shadow', where: 'file' },
    { name: '.ssh', where: 'folder' },
  ],
  queueBatches: 1024,
};

/** Opens a probe that collects its records. */
export async function openTestProbe(options: Partial<ProbeOptions> = {}): Promise<TestProbe> {
  const records: TestRecord[] = [];
  const whole = { ...PROBE_OPTIONS, pinFolder: pinFolder(), cgroupRoot: findCgroup2() ?? '', ...options };
  const probe = await addon().openProbe(whole, (batch) => records.push(...splitRecords(batch)));
  atEnd(() => probe.close());
  const of = (kind: string, cgroup: number) =>
    records.filter((record) => record.kind === constant(kind) && record.cgroup === cgroup);
  const counts = (cgroup: number) => {
    const found = probe.readCounts().find((slot) => slot.cgroup === cgroup && slot.slot > 1);
    if (!found) throw new Error(`cgroup ${cgroup} has no slot`);
    return found;
  };
  return { probe, records, of, counts };
}

const UNTIL_MS = 20_000;

/** Waits until `condition` holds, however busy the machine is. */
export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + UNTIL_MS;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not within ${UNTIL_MS} ms: ${condition}`);
    await sleep(5);
  }
}

/** CLOCK_BOOTTIME in ns, `seconds` from now. */
export function bootTime(seconds: number): bigint {
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  return BigInt(Math.round((uptime + seconds) * 1e9));
}
