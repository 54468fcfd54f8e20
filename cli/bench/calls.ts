/** CPU time of system calls in a guarded container, agent and floor in turn, and whether every call was counted. */
import { rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { type Container, makeContainer } from './container.ts';
import { countedIn } from './counted.ts';
import { type Known, startGuard } from './guard.ts';
import { LOAD_NAMES, type LoadName, runLoad } from './load.ts';
import type { Bench, Figure, Measured, Measurement } from './measurement.ts';
import { OF_CALLS } from './peers.ts';
import { startFloor } from './programs.ts';
import { medianInterval, showInterval, spread } from './summary.ts';

/** Of which the quickest counts: other work only ever adds. */
const REPEATS = 5;
const GATED: ReadonlySet<LoadName> = new Set(['getppid', 'file']);
const TARGET = 1.1;
/** Counted by a call that no other load and no program's start makes. */
const EXACT: readonly LoadName[] = ['getppid', 'udp', 'tcp-connect', 'exec'];

type Times = Readonly<Record<LoadName, number>>;

interface Pair {
  readonly agent: Times;
  readonly floor: Times;
}

/** Made and counted, of one call on one side. */
export interface Check {
  readonly side: 'agent' | 'floor';
  readonly load: LoadName;
  readonly made: number;
  readonly counted: number;
}

export class Calls {
  readonly checks: Check[] = [];
  readonly lost: Readonly<Record<string, number>>[] = [];
  private readonly bench: Bench;
  private readonly container: Container;
  private readonly made = new Map<LoadName, { call: number; made: number }>();

  constructor(bench: Bench, container: Container) {
    this.bench = bench;
    this.container = container;
  }

  get known(): Known {
    const work = async (): Promise<void> => {
      for (const load of LOAD_NAMES) await this.one(load, 1);
    };
    return { containers: [this.container], work };
  }

  async agent(): Promise<Times> {
    const record = join(this.bench.folder, 'calls.pkt');
    this.made.clear();
    const agent = await startGuard(this.bench, this.known, { record });
    const times = await this.times().finally(() => agent.stop());
    const { calls, lost } = await countedIn(record, this.container);
    rmSync(record);
    this.lost.push(lost);
    this.check('agent', calls);
    return times;
  }

  async floor(): Promise<Times> {
    this.made.clear();
    const floor = await startFloor(this.bench.programs, this.container);
    try {
      return await this.times();
    } finally {
      this.check('floor', await floor.stop());
    }
  }

  private check(side: Check['side'], calls: ReadonlyMap<number, number>): void {
    for (const load of EXACT) {
      const { call, made } = this.made.get(load) ?? { call: -1, made: 0 };
      this.checks.push({ side, load, made, counted: calls.get(call) ?? 0 });
    }
  }

  private async times(): Promise<Times> {
    const times: Partial<Record<LoadName, number>> = {};
    for (const load of LOAD_NAMES) times[load] = Math.min(...(await this.one(load, REPEATS)));
    return times as Times;
  }

  private async one(load: LoadName, repeats: number): Promise<readonly number[]> {
    const { container } = this;
    const cpu = cpus().length - 1;
    const { cpuNs, call, made } = await runLoad(this.bench, { container, cpu, load, repeats });
    this.made.set(load, { call, made: made + (this.made.get(load)?.made ?? 0) });
    return cpuNs;
  }
}

export function figuresOf(
  pairs: readonly Pair[],
  { checks, lost }: Pick<Calls, 'checks' | 'lost'>,
): Figure[] {
  const ofLoad = (load: LoadName): Figure => {
    const ratio = medianInterval(pairs.map(({ agent, floor }) => agent[load] / floor[load]));
    const [agent, floor] = [spread(pairs.map((p) => p.agent[load])), spread(pairs.map((p) => p.floor[load]))];
    return {
      what: `${load}: agent ÷ floor`,
      here: `${showInterval(ratio)}; ${agent.median.toFixed(0)} and ${floor.median.toFixed(0)} ns`,
      target: GATED.has(load) ? `≤ ${TARGET.toFixed(2)}` : '',
      holds: GATED.has(load) ? ratio.median <= TARGET : null,
      others: OF_CALLS[load],
    };
  };
  const wrong = checks.filter(({ made, counted }) => made !== counted);
  const made = checks.filter(({ side }) => side === 'agent').reduce((sum, each) => sum + each.made, 0);
  const losses = lost.flatMap((each) => Object.entries(each)).map(([reason, count]) => `${reason} ${count}`);
  const counted: Figure = {
    what: 'calls made and counted meanwhile',
    here:
      wrong.length > 0
        ? wrong.map((w) => `${w.side} ${w.load}: ${w.made} made, ${w.counted} counted`).join('; ')
        : `${made} and ${made}; lost: ${losses.join(', ') || 'nothing'}`,
    target: 'equal, nothing lost',
    holds: wrong.length === 0 && losses.length === 0,
    others: '',
  };
  return [...LOAD_NAMES.map(ofLoad), counted];
}

async function run(bench: Bench): Promise<Measured> {
  const container = makeContainer(1);
  const calls = new Calls(bench, container);
  const pairs: Pair[] = [];
  try {
    // The first agent learns; its figures are of a container in learning, and not used.
    bench.progress('calls: learning');
    await calls.agent();
    for (let round = 0; round < bench.pairs; round++) {
      bench.progress(`calls: pair ${round + 1} of ${bench.pairs}`);
      if (round % 2 === 0) {
        const floor = await calls.floor();
        pairs.push({ floor, agent: await calls.agent() });
      } else pairs.push({ agent: await calls.agent(), floor: await calls.floor() });
    }
  } finally {
    await container.remove();
  }
  const { checks, lost } = calls;
  return { figures: figuresOf(pairs, calls), values: { pairs, checks, lost } };
}

export const calls: Measurement = {
  name: 'calls',
  sentence: 'CPU time per call in a guarded container, agent and floor in pairs; counts against calls made.',
  run,
};
