/** Runs of load.c in a container's cgroup. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Container } from './container.ts';
import type { Bench } from './measurement.ts';

/** Iterations of one repeat: a tenth to a third of a second. */
export const LOADS = {
  getppid: 300_000,
  file: 40_000,
  pipe: 20_000,
  udp: 25_000,
  'tcp-connect': 3000,
  exec: 100,
} as const;
export type LoadName = keyof typeof LOADS;
export const LOAD_NAMES = Object.keys(LOADS) as LoadName[];

export interface LoadRun {
  /** CPU time of one iteration, ns: of each repeat. */
  readonly cpuNs: readonly number[];
  readonly iterations: number;
  /** The system call that it is counted by, and how often that was made. */
  readonly call: number;
  readonly made: number;
}

export interface LoadPlan {
  readonly container: Container;
  readonly cpu: number;
  readonly load: LoadName;
  /** So many repeats, or one of so many seconds. */
  readonly repeats?: number;
  readonly seconds?: number;
}

const LIMIT_MS = 120_000;
const run = promisify(execFile);

function argumentsOf({ container, cpu, load, repeats = 0, seconds = 0 }: LoadPlan): string[] {
  const procs = join(container.folder, 'cgroup.procs');
  return [procs, String(cpu), load, String(LOADS[load]), String(repeats), String(seconds)];
}

/** @throws when it fails. */
export async function runLoad(bench: Bench, plan: LoadPlan): Promise<LoadRun> {
  const { folder: cwd, signal, programs } = bench;
  const { stdout } = await run(programs.load, argumentsOf(plan), { cwd, signal, timeout: LIMIT_MS });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);
  const { call = 0, made = 0 } = lines.pop() ?? {};
  const of = (name: string): number[] => lines.map((line) => line[name] ?? 0);
  const [cpu, iterations] = [of('cpu_ns'), of('iterations')];
  return {
    cpuNs: cpu.map((ns, index) => ns / (iterations[index] ?? 1)),
    iterations: iterations.reduce((sum, each) => sum + each, 0),
    call,
    made,
  };
}

/** One that runs until it is killed: its child in the container ends with it. */
export function startLoad({ folder: cwd, programs }: Bench, plan: LoadPlan): ChildProcess {
  return spawn(programs.load, argumentsOf({ ...plan, seconds: LIMIT_MS / 1000 }), { cwd, stdio: 'ignore' });
}

/** Opens a file in a container; CLOCK_MONOTONIC just before it did, ns. */
export async function readFileIn(bench: Bench, container: Container, path: string): Promise<bigint> {
  const procs = join(container.folder, 'cgroup.procs');
  const { stdout } = await run(bench.programs.load, [procs, '0', 'read', path], { cwd: bench.folder });
  return BigInt(/"at":(\d+)/.exec(stdout)?.[1] ?? 0);
}
