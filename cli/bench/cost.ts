/** What the agent adds to system calls of a watched container: pairs of runs, without and with it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Child } from '../child.ts';
import { cgroup2Root } from '../demo/cgroups.ts';
import { must } from '../demo/run.ts';
import { unpin } from '../demo/unpin.ts';

export type LoadName = 'getppid' | 'file';
export const LOADS: Readonly<Record<LoadName, number>> = { getppid: 2_000_000, file: 150_000 };

export interface Pair {
  readonly load: LoadName;
  /** CPU time of one iteration, ns. */
  readonly without: number;
  readonly with: number;
}

export interface CostResult {
  readonly pairs: readonly Pair[];
  /** CPU of the agent while a load ran, % of one core, and its resident memory after, MiB. */
  readonly agentCpu: readonly number[];
  readonly agentRss: readonly number[];
}

export interface CostOptions {
  readonly pairs: number;
  readonly entry: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

const TOP = 'picket-bench';
const PINS = `/sys/fs/bpf/${TOP}`;
const PORT = 7485;

function compileLoad(folder: string): string {
  const source = fileURLToPath(new URL('load.c', import.meta.url));
  const program = join(folder, 'load');
  execFileSync('cc', ['-O2', '-Wall', '-Werror', '-o', program, source]);
  return program;
}

/** A cgroup named as a pod's container; `remove` takes it and its parents away. */
function makeContainerCgroup(): { procs: string; remove(): void } {
  const root = cgroup2Root();
  if (root === null) throw new Error('no cgroup2 is mounted');
  const parts = [TOP, 'kubepods', 'burstable', 'pod0c5c9b0e-5d0e-4d3c-9f55-5f0c1d1a7b11', 'be'.repeat(32)];
  const folders = parts.map((_, i) => join(root, ...parts.slice(0, i + 1)));
  const folder = folders.at(-1) ?? root;
  mkdirSync(folder, { recursive: true });
  return {
    procs: join(folder, 'cgroup.procs'),
    remove() {
      for (const each of folders.toReversed()) rmdirSync(each);
    },
  };
}

/** CPU time of all threads of a process, ms. */
function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const text = (tid: string): string => readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8');
  return threads.reduce((sum, tid) => sum + Number(text(tid).split(' ')[0]), 0) / 1e6;
}

function rssMib(pid: number): number {
  return Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

/** An agent of its own: no central, own state folder, own pins. */
function startAgent(options: CostOptions, folder: string): Child {
  const flags = {
    'state-folder': join(folder, 'state'),
    'pin-folder': PINS,
    'agent-listen': `127.0.0.1:${PORT}`,
    'central-url': '',
    pods: '',
  };
  return new Child({
    entry: options.entry,
    args: ['agent', ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)],
    logFile: join(folder, 'agent.log'),
    environment: options.environment,
  });
}

/** @throws with the reason when the load cannot be compiled or the agent does not get ready. */
export async function measureCost(options: CostOptions): Promise<CostResult> {
  const folder = mkdtempSync(join(tmpdir(), `${TOP}-`));
  const cgroup = makeContainerCgroup();
  const pairs: Pair[] = [];
  const agentCpu: number[] = [];
  const agentRss: number[] = [];
  const lastCpu = String(cpus().length - 1);
  try {
    const program = compileLoad(folder);
    const run = async (load: LoadName): Promise<number> => {
      const printed = await must(program, [cgroup.procs, lastCpu, load, String(LOADS[load])]);
      const { iterations, cpu_ns } = JSON.parse(printed) as { iterations: number; cpu_ns: number };
      return cpu_ns / iterations;
    };
    for (let round = 0; round < options.pairs; round++) {
      options.signal.throwIfAborted();
      options.progress(`pair ${round + 1} of ${options.pairs}`);
      const without = { getppid: await run('getppid'), file: await run('file') };
      const agent = startAgent(options, folder);
      try {
        await agent.ready;
        await sleep(500);
        for (const load of ['getppid', 'file'] as const) {
          const [cpuBefore, wallBefore] = [cpuMs(agent.pid), performance.now()];
          pairs.push({ load, without: without[load], with: await run(load) });
          agentCpu.push((100 * (cpuMs(agent.pid) - cpuBefore)) / (performance.now() - wallBefore));
        }
        agentRss.push(rssMib(agent.pid));
      } finally {
        await agent.stop();
      }
    }
  } finally {
    cgroup.remove();
    await unpin(PINS);
    rmSync(folder, { recursive: true, force: true });
  }
  return { pairs, agentCpu, agentRss };
}
