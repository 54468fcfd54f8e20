/** An agent from the emitted code while a container comes and another goes each second; what it takes, again and again. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MeasuredAgent, removePins, startAgent } from '../../cli/bench/agent.ts';
import { makeTop, removeTop } from '../../cli/bench/container.ts';
import { descriptorsOf, memoryOf } from '../../cli/bench/process.ts';
import { podList } from '../../cli/demo/pod-list.ts';
import { begin, type Life } from './container.ts';
import type { Sample } from './verdict.ts';

export interface SoakOptions {
  readonly minutes: number;
  /** The program of test/native/doer.c. */
  readonly doer: string;
  readonly sampleSeconds: number;
  /** Whether the agent is told the containers' pods; without, each is a workload of its own. */
  readonly named: boolean;
  readonly settings?: Readonly<Record<string, string>>;
  /** Ends it early, in order. */
  readonly signal?: AbortSignal;
  readonly onSample?: (sample: Sample) => void;
}

export interface Soaked {
  readonly containers: number;
  readonly samples: readonly Sample[];
  /** After all containers were gone for two windows. */
  readonly last: Sample;
}

const TOP = `picket-soak-${process.pid}`;
const ENTRY = join(import.meta.dirname, '../../dist/cli/main.js');
/** Containers that are there at a time, each for so many seconds. */
const ALIVE = 5;
const MIB = 1024 ** 2;
/** Each tenth also does what is always told. */
const DOES = ['exec /bin/true', 'open /etc/hostname', 'connect 127.0.0.1 9'];
const TELLS = [...DOES, 'open /etc/shadow'];

async function sample(agent: MeasuredAgent, began: number): Promise<Sample> {
  const { pid, metric } = agent;
  const heap = await agent.samples('heap_bytes');
  return {
    seconds: (performance.now() - began) / 1000,
    ...memoryOf(pid),
    heapUsed: (heap.get('used') ?? 0) / MIB,
    external: (heap.get('external') ?? 0) / MIB,
    descriptors: descriptorsOf(pid),
    slots: await metric('slots'),
    mapBytes: await metric('map_bytes'),
    cpuSeconds: await metric('cpu_seconds_total'),
  };
}

/** Containers in turn, and the file that names their pods. */
class Turns {
  readonly alive: Life[] = [];
  begun = 0;
  readonly #options: SoakOptions;
  readonly #pods: string;

  constructor(options: SoakOptions, pods: string) {
    this.#options = options;
    this.#pods = pods;
    this.#name();
  }

  async next(): Promise<void> {
    this.begun += 1;
    const does = this.begun % 10 === 0 ? TELLS : DOES;
    this.alive.push(begin(this.begun, TOP, this.#options.doer, does));
    this.#name();
    if (this.alive.length > ALIVE) await this.alive.shift()?.end();
  }

  async end(): Promise<void> {
    for (const life of this.alive.splice(0)) await life.end();
  }

  /** Replaced as a whole: the agent may read it at any time. */
  #name(): void {
    const facts = this.alive.map(({ id, podUid }, index) => ({
      id,
      podUid,
      address: `10.77.0.${index + 1}`,
      name: 'job',
      namespace: 'soak',
    }));
    writeFileSync(`${this.#pods}.new`, JSON.stringify(podList(facts, 'soak')));
    renameSync(`${this.#pods}.new`, this.#pods);
  }
}

async function run(options: SoakOptions, agent: MeasuredAgent, turns: Turns): Promise<Soaked> {
  const began = performance.now();
  const samples: Sample[] = [];
  const note = async (): Promise<Sample> => {
    const taken = await sample(agent, began);
    samples.push(taken);
    options.onSample?.(taken);
    return taken;
  };
  for (let second = 1; second <= options.minutes * 60; second += 1) {
    if (options.signal?.aborted === true) break;
    await turns.next();
    if (second % options.sampleSeconds === 0) await note();
    await sleep(Math.max(0, began + second * 1000 - performance.now()));
  }
  await turns.end();
  // The window in which the last one went, and the one after.
  await sleep(12_000);
  return { containers: turns.begun, samples, last: await sample(agent, began) };
}

/** @throws when the agent ends, or a container cannot be made or removed. */
export async function soak(options: SoakOptions): Promise<Soaked> {
  const folder = mkdtempSync(join(tmpdir(), `${TOP}-`));
  const pods = join(folder, 'pods.json');
  const turns = new Turns(options, pods);
  // What else goes on on this machine is the host's: its containers would come and go in the figures.
  const settings = { 'cgroup-root': makeTop(TOP), ...(options.named ? { pods } : {}), ...options.settings };
  const plan = { entry: ENTRY, environment: process.env, folder: join(folder, 'state'), settings };
  try {
    const agent = await startAgent(plan);
    try {
      return await run(options, agent, turns);
    } finally {
      await turns.end();
      await agent.stop();
    }
  } finally {
    await removePins();
    await removeTop(TOP);
    rmSync(folder, { recursive: true, force: true });
  }
}
