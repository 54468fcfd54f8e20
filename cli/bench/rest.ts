/** An agent with shipped settings while its containers do nothing: memory, CPU, and how soon it was ready. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startAgent } from './agent.ts';
import { type Container, makeContainer, TOP } from './container.ts';
import type { Bench, Figure, Measured, Measurement } from './measurement.ts';
import { memoryCgroup } from './memory-cgroup.ts';
import { OF_REST } from './peers.ts';
import { cpuMs, memoryOf } from './process.ts';
import { show, spread } from './summary.ts';

const MIB = 1024 ** 2;
/** Containers, and what there may be: MiB resident and anonymous, % of a CPU. */
const SCENES = [
  { containers: 10, rss: null, anonymous: null, cpu: 0.3 },
  { containers: 20, rss: 85, anonymous: 45, cpu: null },
  { containers: 100, rss: 110, anonymous: 70, cpu: 2 },
] as const;
const STARTS = 5;
const READY_MS = 400;

interface Resting {
  readonly containers: number;
  readonly readyMs: number;
  readonly cpuPercent: number;
  readonly rss: number;
  readonly anonymous: number;
  /** MiB that the agent's memory cgroup is charged with; null: there is no controller. */
  readonly charged: number | null;
  readonly maps: number;
}

/** A process in its cgroup that does nothing. */
function idle({ folder }: Container): ChildProcess {
  const script = 'echo 0 > "$0"/cgroup.procs && exec sleep 3600';
  return spawn('sh', ['-c', script, folder], { stdio: 'ignore' });
}

async function withIdle<T>(count: number, measure: () => Promise<T>): Promise<T> {
  const containers = Array.from({ length: count }, (_, index) => makeContainer(1000 + index));
  const sleepers = containers.map(idle);
  try {
    await sleep(300);
    return await measure();
  } finally {
    for (const sleeper of sleepers) sleeper.kill('SIGKILL');
    for (const container of containers) await container.remove();
  }
}

/** How long it may settle, and how long its CPU is taken; memory is read at the end. */
const pacing = ({ quick }: Bench): readonly [number, number] => (quick ? [8000, 5000] : [30_000, 60_000]);

async function resting(bench: Bench, containers: number): Promise<Resting> {
  const { entry, environment, folder } = bench;
  const memory = memoryCgroup(TOP);
  const start = () =>
    startAgent({ entry, environment, folder: join(folder, `rest-${containers}`), settings: {} });
  try {
    const agent = await (memory === null ? start() : memory.holding(start));
    try {
      const [settleMs, cpuOverMs] = pacing(bench);
      await sleep(settleMs, undefined, { signal: bench.signal });
      const [cpuBefore, before] = [cpuMs(agent.pid), performance.now()];
      await sleep(cpuOverMs, undefined, { signal: bench.signal });
      const cpuPercent = (100 * (cpuMs(agent.pid) - cpuBefore)) / (performance.now() - before);
      const charged = memory === null ? null : memory.bytes() / MIB;
      const maps = (await agent.metric('map_bytes')) / MIB;
      return { containers, readyMs: agent.readyMs, cpuPercent, ...memoryOf(agent.pid), charged, maps };
    } finally {
      await agent.stop();
    }
  } finally {
    memory?.remove();
  }
}

function figuresOf(scene: (typeof SCENES)[number], found: Resting): Figure[] {
  const { rss, anonymous, charged, maps, cpuPercent } = found;
  const memory = `RSS ${rss.toFixed(0)}, anonymous ${anonymous.toFixed(0)}, charged ${charged?.toFixed(0) ?? '-'}, maps ${maps.toFixed(1)} MiB`;
  return [
    {
      what: `memory, ${scene.containers} idle containers`,
      here: memory,
      target: scene.rss === null ? '' : `RSS ≤ ${scene.rss}, anonymous ≤ ${scene.anonymous}`,
      holds: scene.rss === null ? null : rss <= scene.rss && anonymous <= scene.anonymous,
      others: OF_REST.memory,
    },
    {
      what: `CPU, ${scene.containers} idle containers`,
      here: `${cpuPercent.toFixed(2)} % of one`,
      target: scene.cpu === null ? '' : `≤ ${scene.cpu} %`,
      holds: scene.cpu === null ? null : cpuPercent <= scene.cpu,
      others: OF_REST.cpu,
    },
  ];
}

async function starts(bench: Bench): Promise<readonly number[]> {
  const { entry, environment, folder } = bench;
  const times: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const agent = await startAgent({ entry, environment, folder: join(folder, 'starts') });
    times.push(agent.readyMs);
    await agent.stop();
  }
  return times;
}

async function run(bench: Bench): Promise<Measured> {
  bench.progress('rest: starts');
  const times = await starts(bench);
  const ready = spread(times);
  const figures: Figure[] = [
    {
      what: 'start of the process to counting',
      here: `${show(ready, 0)} ms, n ${ready.n}`,
      target: `≤ ${READY_MS} ms`,
      holds: ready.median <= READY_MS,
      others: OF_REST.start,
    },
  ];
  const scenes: Resting[] = [];
  for (const scene of SCENES) {
    bench.progress(`rest: ${scene.containers} containers`);
    const found = await withIdle(scene.containers, () => resting(bench, scene.containers));
    scenes.push(found);
    figures.push(...figuresOf(scene, found));
  }
  return { figures, values: { starts: times, scenes } };
}

export const rest: Measurement = {
  name: 'rest',
  sentence:
    'Memory, CPU and start of an agent with shipped settings while 10, 20 and 100 containers do nothing.',
  run,
};
