/** The shipped processes, started as an operator starts them, with a state and ports of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { CentralReady } from '../../central/central.ts';
import { lastLines } from '../../cli/child.ts';
import { agentClient } from '../../cli/client/agent-client.ts';
import { type PeopleClient, peopleClient } from '../../cli/client/people-client.ts';
import { PARENT_PIPE } from '../../cli/parent-pipe.ts';
import { atEnd } from '../native/kernel-fixtures.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');
const READY_MS = 60_000;
const FREE = '127.0.0.1:0';

type Flags = Readonly<Record<string, string>>;

export interface Running {
  readonly pid: number;
  /** What the line `ready` says. */
  readonly said: ReadonlyMap<string, string>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves when the process is gone. May be called again. */
  stop(): Promise<void>;
}

function readyLine(child: ChildProcess, log: string): Promise<ReadonlyMap<string, string>> {
  return new Promise((resolve, reject) => {
    const fail = (what: string) => reject(new Error(`${what}; its log ends with:\n${lastLines(log, 12)}`));
    const late = setTimeout(() => fail(`not ready within ${READY_MS} ms`), READY_MS);
    child.once('exit', (code, signal) => fail(`ended before it was ready: ${signal ?? code}`));
    if (child.stdout === null) return fail('no standard output');
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('ready ')) return;
      clearTimeout(late);
      const fields = line.split(' ').slice(1);
      resolve(new Map(fields.map((field) => field.split(/=(.*)/s, 2) as [string, string])));
    });
  });
}

/** What has ended is there, too, until its parent has asked for it. */
function lives(pid: number): boolean {
  try {
    return /^\d+ \(.*\) [^ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function start(command: string, folder: string, flags: Flags): Promise<Running> {
  const logFile = join(folder, `${command}.log`);
  const log = openSync(logFile, 'a');
  const given = Object.entries({ 'state-folder': folder, 'log-level': 'info', ...flags });
  const child = spawn(
    process.execPath,
    [MAIN, command, ...given.map(([name, value]) => `--${name}=${value}`)],
    // Its standard input tells it that we live: it ends when this process does, however that goes.
    { stdio: ['pipe', 'pipe', log], env: { PATH: process.env['PATH'], [PARENT_PIPE]: '1' } },
  );
  closeSync(log);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await ended;
  };
  atEnd(() => end('SIGTERM'));
  const said = await readyLine(child, logFile);
  return { pid: child.pid ?? 0, said, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}

export interface RunningCentral extends Running {
  readonly folder: string;
  readonly ready: CentralReady;
  readonly people: PeopleClient;
  /** One sample of /metrics by its name and labels; 0 when it is not there. */
  metric(sample: string): Promise<number>;
  /** The same state on the same ports, after kill or stop. */
  again(): Promise<RunningCentral>;
}

/** Starts central; free ports unless the flags name others. */
export async function startCentral(folder: string, flags: Flags = {}): Promise<RunningCentral> {
  const ports = { 'central-listen': FREE, 'api-listen': FREE, 'central-metrics-listen': FREE };
  const running = await start('central', folder, { ...ports, ...flags });
  const at = (name: string): string => running.said.get(name) ?? '';
  const host = (name: string): string => new URL(at(name)).host;
  const file = (name: string): string => join(folder, 'central', name);
  const files = {
    ca: file('ca.crt'),
    joinToken: file('join-token'),
    apiToken: file('api-token'),
    auditToken: file('audit-token'),
  };
  const used = {
    'central-listen': host('agents'),
    'api-listen': host('api'),
    'central-metrics-listen': host('metrics'),
  };
  return {
    ...running,
    folder,
    ready: {
      agents: at('agents'),
      api: at('api'),
      metrics: at('metrics'),
      audit: '',
      database: at('database'),
      policies: at('policies').split(','),
      files,
    },
    people: peopleClient({ stateFolder: folder, apiListen: host('api') }),
    async metric(sample) {
      const text = await (await fetch(`${at('metrics')}/metrics`)).text();
      const found = text.split('\n').find((line) => line.startsWith(`${sample} `));
      return found === undefined ? 0 : Number(found.slice(sample.length + 1));
    },
    again: () => startCentral(folder, { ...flags, ...used }),
  };
}

export interface AgentNumbers {
  readonly lost: Readonly<Record<string, number>>;
  /** By reason. */
  readonly enrolmentFailures: Readonly<Record<string, number>>;
  readonly spool: { readonly bytes: number; readonly waiting: number };
  readonly canary: { readonly results: Readonly<Record<string, number>>; readonly detectMs: number | null };
}
export interface AgentSays {
  readonly containment: { readonly adopted: boolean };
  readonly central: { readonly enrolled: boolean };
  /** Versions of what central sent. */
  readonly sent: { readonly rules: string; readonly exceptions: string };
  readonly numbers: AgentNumbers;
}

export interface RunningAgent extends Running {
  readonly folder: string;
  readonly alertLog: string;
  status(): Promise<AgentSays>;
  /** Active leases, by order. */
  leases(): Promise<readonly { readonly order: string }[]>;
  /** Whether it knows the container by its pod. */
  knows(id: string): Promise<boolean>;
  /** Whether it lives, what it knows and what it logged last, for who looks for a fault. */
  describe(): Promise<string>;
  /** Entries in the kernel. */
  kernel(): Promise<readonly { readonly cgroup: number }[]>;
  again(): Promise<RunningAgent>;
}

/** Starts an agent that joins `central`. */
export async function startAgent(
  central: RunningCentral,
  flags: Flags & { 'pin-folder': string; pods: string },
): Promise<RunningAgent> {
  const { folder } = central;
  const joining = {
    'central-url': central.ready.agents,
    'ca-file': central.ready.files.ca,
    'join-token-file': central.ready.files.joinToken,
  };
  // Other people's floods on the machine are in the log, too: a rotation would take away what a test waits for.
  const own = { 'agent-listen': FREE, 'alert-log-bytes': '1g' };
  const running = await start('agent', folder, { ...own, ...joining, ...flags });
  const client = agentClient(folder);
  return {
    ...running,
    folder,
    alertLog: running.said.get('alert-log') ?? '',
    status: async () => (await client.get('/status')) as AgentSays,
    leases: async () => ((await client.get('/containments')) as { leases: { order: string }[] }).leases,
    kernel: async () => ((await client.get('/containments')) as { kernel: { cgroup: number }[] }).kernel,
    async knows(id) {
      const { containers } = (await client.get('/containers')) as {
        containers: { id: string; pod: string }[];
      };
      return containers.some((container) => container.id === id && container.pod !== '');
    },
    async describe() {
      const asked = (path: '/containers' | '/status') => client.get(path).then(JSON.stringify, String);
      const alive = lives(running.pid) ? 'lives' : 'is gone';
      const says = [await asked('/containers'), await asked('/status')].map((text) => text.slice(-6000));
      return [`${running.pid} ${alive}`, ...says, lastLines(join(folder, 'agent.log'), 40)].join('\n');
    },
    again: () => startAgent(central, flags),
  };
}
