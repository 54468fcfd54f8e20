/** An agent of its own to be measured: no central, own state folder, pins and port; only what a measurement asks for differs. */
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { Child, type ChildOptions } from '../child.ts';
import { unpin } from '../demo/unpin.ts';

export interface AgentPlan {
  readonly entry: string;
  readonly environment: NodeJS.ProcessEnv;
  /** For its state; what is in there from before is used. */
  readonly folder: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** Everything that comes into its pipeline is written here. */
  readonly record?: string;
  /** Each line of its standard output after `ready`. */
  readonly onLine?: ChildOptions['onLine'];
}

export interface MeasuredAgent {
  readonly pid: number;
  /** From the start of the process to its `ready` line, ms. */
  readonly readyMs: number;
  /** Samples of /metrics of one name, such as `map_bytes`, by the value of their label; '' for none. */
  samples(name: string): Promise<ReadonlyMap<string, number>>;
  /** Their sum. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

/** Several measurements may run beside each other. */
const PINS = `/sys/fs/bpf/picket-bench-${process.pid}`;

/** One that nothing listens on; somebody else may take it before the agent does, who then says so and ends. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function flagsOf(plan: AgentPlan, port: number): string[] {
  const settings = {
    'state-folder': plan.folder,
    'pin-folder': PINS,
    'agent-listen': `127.0.0.1:${port}`,
    'central-url': '',
    pods: '',
    ...plan.settings,
  };
  const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  return plan.record === undefined ? flags : [...flags, `--record=${plan.record}`];
}

const SAMPLE = /^picket_agent_(\w+)(?:\{\w+="([^"]*)"\})? (\S+)$/;

async function samplesOf(port: number, name: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, named, label = '', value] = SAMPLE.exec(line) ?? [];
    if (named === name) found.set(label, Number(value));
  }
  return found;
}

/** @throws with the agent's last log lines when it does not get ready. */
export async function startAgent(plan: AgentPlan): Promise<MeasuredAgent> {
  mkdirSync(plan.folder, { recursive: true });
  const port = await freePort();
  const began = performance.now();
  const child = new Child({
    entry: plan.entry,
    args: ['agent', ...flagsOf(plan, port)],
    logFile: join(plan.folder, 'agent.log'),
    environment: plan.environment,
    ...(plan.onLine === undefined ? {} : { onLine: plan.onLine }),
  });
  await child.ready;
  const readyMs = performance.now() - began;
  const samples = (name: string) => samplesOf(port, name);
  const metric = async (name: string) =>
    [...(await samples(name)).values()].reduce((sum, value) => sum + value, 0);
  return { pid: child.pid, readyMs, samples, metric, stop: () => child.stop() };
}

/** What agents of measurements pinned is taken off the node. */
export async function removePins(): Promise<void> {
  await unpin(PINS);
  rmSync(PINS, { recursive: true, force: true });
}
