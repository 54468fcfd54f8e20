/** What the agent costs here, in one table, with what others cost beside it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT, UsageError } from '../args.ts';
import { removePins } from '../bench/agent.ts';
import { calls } from '../bench/calls.ts';
import { removeTop } from '../bench/container.ts';
import { lag } from '../bench/lag.ts';
import { macro } from '../bench/macro.ts';
import type { Bench, Figure, Measurement } from '../bench/measurement.ts';
import { pipeline } from '../bench/pipeline.ts';
import { compilePrograms } from '../bench/programs.ts';
import { response } from '../bench/response.ts';
import { rest } from '../bench/rest.ts';
import { saturation } from '../bench/saturation.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { table } from '../text.ts';
import { kernelRefusal } from '../up/kernel.ts';

const MEASUREMENTS: readonly Measurement[] = [pipeline, calls, saturation, lag, response, rest, macro];
const NAMES = MEASUREMENTS.map(({ name }) => name).join(', ');
/** Needs no kernel of its own. */
const ANYWHERE: ReadonlySet<Measurement> = new Set([pipeline]);
const [PAIRS, QUICK_PAIRS] = [15, 3];

interface Asked {
  readonly measurements: readonly Measurement[];
  readonly pairs: number;
  readonly quick: boolean;
}

function asked({ flags }: Call): Asked {
  const quick = flags['quick'] === true;
  const pairs = Number(flags['pairs'] ?? (quick ? QUICK_PAIRS : PAIRS));
  if (!Number.isInteger(pairs) || pairs < 1 || pairs > 100)
    throw new UsageError('bench: --pairs is a number from 1 to 100');
  const only = flags['only'] === undefined ? null : String(flags['only']).split(',');
  const unknown = only?.find((name) => !MEASUREMENTS.some((measurement) => measurement.name === name));
  if (unknown !== undefined) throw new UsageError(`bench: --only ${unknown}: there are ${NAMES}`);
  const measurements = MEASUREMENTS.filter(({ name }) => only?.includes(name) ?? true);
  return { measurements, pairs, quick };
}

/** Why nothing can be measured in the kernel here, or null. */
async function refusalHere(): Promise<string | null> {
  return process.getuid?.() === 0 ? kernelRefusal() : 'it needs root';
}

const mark = (holds: boolean | null): string => (holds === null ? '' : holds ? 'yes' : 'NO');
const asTable = (figures: readonly Figure[]): string =>
  table(
    ['WHAT', 'HERE, MEDIAN', 'TARGET', 'MET', 'OTHERS *'],
    figures.map(({ what, here, target, holds, others }) => [what, here, target, mark(holds), others]),
  );

/** Each in turn; what one made is gone before the next. A failed one is a line of the table, and the others go on. */
async function measure(bench: Bench, measurements: readonly Measurement[]) {
  const figures: Figure[] = [];
  const values: Record<string, unknown> = {};
  let failed = 0;
  for (const { name, run } of measurements) {
    bench.signal.throwIfAborted();
    try {
      const measured = await run(bench);
      figures.push(...measured.figures);
      values[name] = measured.values;
    } catch (error) {
      bench.signal.throwIfAborted();
      failed += 1;
      const here = `failed: ${(error as Error).message}`;
      figures.push({ what: name, here, target: '', holds: false, others: '' });
    }
  }
  return { figures, values, failed };
}

async function run(call: Call): Promise<number> {
  const { io } = call;
  const { measurements, pairs, quick } = asked(call);
  const refusal = await refusalHere();
  const possible = measurements.filter((each) => refusal === null || ANYWHERE.has(each));
  if (refusal !== null && !call.json) io.out(`only the pipeline is measured: ${refusal}\n`);
  const folder = mkdtempSync(join(tmpdir(), 'picket-bench-'));
  try {
    const needed = possible.some((each) => !ANYWHERE.has(each));
    const programs = needed ? compilePrograms(folder) : { load: '', floor: ['', ''] as const };
    const { entry, environment, signal } = io;
    const progress = (text: string): void => io.error(`${text}\n`);
    const bench: Bench = { entry, environment, signal, progress, folder, programs, pairs, quick };
    const { figures, values, failed } = await measure(bench, possible);
    if (call.json) io.out(`${toJson({ figures, values, refusal })}\n`);
    else {
      io.out(asTable(figures));
      io.out(
        '* elsewhere, in another sitting: see cli/bench/peers.ts. Intervals are of the median, by order statistics.\n',
      );
    }
    return failed === 0 ? EXIT.ok : EXIT.failed;
  } finally {
    if (refusal === null) {
      await removePins();
      await removeTop();
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

export const bench: Command = {
  name: 'bench',
  takes: [],
  sentence:
    'Measures what the agent costs: calls, saturation, time to an alert, memory, servers, its pipeline.',
  flags: {
    only: { value: 'NAMES', sentence: `Of these, some, with commas between: ${NAMES}.` },
    pairs: { value: 'N', sentence: `Runs with agent and floor each [${PAIRS}; of servers at least 30].` },
    quick: { sentence: 'Fewer and shorter runs: to see that all works, not to quote.' },
  },
  settings: 'none',
  examples: ['sudo npm run bench', 'sudo picket bench --only calls,lag --pairs 30 --json'],
  run,
};
