/** What the agent costs here: pairs of runs without and with it, and how fast a recording goes through the pipeline. */

import { EXIT, UsageError } from '../args.ts';
import { LOADS, type LoadName, measureCost, type Pair } from '../bench/cost.ts';
import { PEERS } from '../bench/peers.ts';
import { measurePipeline, type PipelineSpeed } from '../bench/pipeline.ts';
import { show, spread } from '../bench/summary.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { table } from '../text.ts';
import { kernelRefusal, RECORDING } from '../up/kernel.ts';

const ratios = (pairs: readonly Pair[], load: LoadName): number[] =>
  pairs.filter((pair) => pair.load === load).map((pair) => pair.with / pair.without);

function costTable(pairs: readonly Pair[]): string {
  const loads = Object.keys(LOADS) as LoadName[];
  const own = loads.map((load) => show(spread(ratios(pairs, load))));
  const added = loads.map((load) =>
    show(spread(pairs.filter((pair) => pair.load === load).map((pair) => pair.with - pair.without)), 0),
  );
  return table(
    ['CPU TIME PER ITERATION, WITH / WITHOUT', 'getppid', 'open-read-close'],
    [
      ['picket here, median (range)', ...own],
      ['picket here, ns added', ...added],
      ...PEERS.map((peer) => [`  ${peer.name} *`, peer.getppid.toFixed(2), peer.file.toFixed(2)]),
    ],
  );
}

function pipelineText(speed: PipelineSpeed): string {
  return [
    `decoding: ${Math.round(speed.decodedPerSecond).toLocaleString('en')} records/s`,
    `whole pipeline: ${speed.microsPerRecord.toFixed(1)} µs per record, windows and detectors included`,
    `(${speed.records} records of the recording that ships, ${speed.rounds} rounds)`,
    '',
  ].join('\n');
}

function readPairs(call: Call): number {
  const pairs = Number(call.flags['pairs'] ?? 5);
  if (!Number.isInteger(pairs) || pairs < 1 || pairs > 100)
    throw new UsageError('bench: --pairs is a number from 1 to 100');
  return pairs;
}

async function run(call: Call): Promise<number> {
  const { io } = call;
  const pairs = readPairs(call);
  const note = (text: string): void => (call.json ? undefined : io.out(text));
  const speed = await measurePipeline(RECORDING);
  note(pipelineText(speed));
  const refusal = process.getuid?.() === 0 ? await kernelRefusal() : 'it needs root';
  if (refusal !== null) {
    note(`cost on system calls: not measured, ${refusal}\n`);
    if (call.json) io.out(`${toJson({ speed, cost: null, refusal })}\n`);
    return EXIT.ok;
  }
  const { entry, environment, signal } = io;
  const cost = await measureCost({
    pairs,
    entry,
    environment,
    signal,
    progress: (text) => io.error(`${text}\n`),
  });
  note(`\n${costTable(cost.pairs)}`);
  note(
    `\nagent while a load runs: ${show(spread(cost.agentCpu), 1)} % of one core, RSS ${show(spread(cost.agentRss), 0)} MiB\n`,
  );
  note('* measured elsewhere, with the same kind of load, in one sitting: see cli/bench/peers.ts\n');
  if (call.json) io.out(`${toJson({ speed, cost, peers: PEERS })}\n`);
  return EXIT.ok;
}

export const bench: Command = {
  name: 'bench',
  takes: [],
  sentence:
    'Measures what the agent adds to system calls of a watched container, and how fast its pipeline is.',
  flags: { pairs: { value: 'N', sentence: 'Pairs of runs, without and with the agent [5].' } },
  settings: 'none',
  examples: ['sudo npm run bench', 'sudo picket bench --pairs 9 --json'],
  run,
};
