/** Two loads that use all of two CPUs, in a guarded container: whether every call was counted. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { makeContainer } from './container.ts';
import { countedIn } from './counted.ts';
import { type Known, startGuard } from './guard.ts';
import { type LoadName, runLoad } from './load.ts';
import type { Bench, Figure, Measured, Measurement } from './measurement.ts';
import { OF_SATURATION } from './peers.ts';

const LOADS: readonly LoadName[] = ['getppid', 'file'];

interface Round {
  readonly load: LoadName;
  readonly call: number;
  readonly made: number;
  readonly perSecond: number;
}

async function round(bench: Bench, known: Known, load: LoadName, seconds: number): Promise<Round> {
  const [container] = known.containers;
  if (container === undefined) throw new Error('no container');
  const last = cpus().length - 1;
  const runs = await Promise.all([0, last].map((cpu) => runLoad(bench, { container, cpu, load, seconds })));
  const sum = (of: (run: (typeof runs)[number]) => number): number =>
    runs.reduce((total, each) => total + of(each), 0);
  return {
    load,
    call: runs[0]?.call ?? -1,
    made: sum(({ made }) => made),
    // A batch takes longer than the moment that learning gives it.
    perSecond: seconds < 1 ? 0 : sum(({ iterations }) => iterations) / seconds,
  };
}

async function run(bench: Bench): Promise<Measured> {
  const [rounds, seconds] = bench.quick ? [2, 2] : [10, 5];
  const container = makeContainer(2);
  const done: Round[] = [];
  const known: Known = {
    containers: [container],
    work: async () => {
      for (const load of LOADS) done.push(await round(bench, known, load, 0.1));
    },
  };
  const record = join(bench.folder, 'saturation.pkt');
  try {
    const agent = await startGuard(bench, known, { record });
    try {
      for (const load of LOADS)
        for (let i = 0; i < rounds; i++) {
          bench.progress(`saturation: ${load} ${i + 1} of ${rounds}`);
          done.push(await round(bench, known, load, seconds));
        }
    } finally {
      await agent.stop();
    }
    const { calls, lost } = await countedIn(record, container);
    const figures = LOADS.map((load) =>
      figureOf(
        done.filter((each) => each.load === load),
        calls,
        lost,
      ),
    );
    return { figures, values: { rounds: done, calls: [...calls], lost } };
  } finally {
    await container.remove();
  }
}

function figureOf(
  rounds: readonly Round[],
  calls: ReadonlyMap<number, number>,
  lost: Readonly<Record<string, number>>,
): Figure {
  const made = rounds.reduce((sum, each) => sum + each.made, 0);
  const { call = -1, load = 'getppid' } = rounds[0] ?? {};
  const counted = calls.get(call) ?? 0;
  const most = Math.max(...rounds.map(({ perSecond }) => perSecond));
  const losses = Object.entries(lost).map(([reason, count]) => `${reason} ${count}`);
  return {
    what: `two loads of ${load}: made, counted`,
    here: `${made}, ${counted}; lost: ${losses.join(', ') || 'nothing'}; up to ${Math.round(most / 1000)} k/s`,
    target: 'equal, nothing lost',
    holds: made === counted && losses.length === 0,
    others: OF_SATURATION,
  };
}

export const saturation: Measurement = {
  name: 'saturation',
  sentence: 'Two loads that use all of two CPUs in a guarded container: calls made and counted.',
  run,
};
