/** `picket evaluate range`: found of how many, how soon, and what was told for nothing, in a range that is driven or was recorded. */
import { readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { openRecording } from '../../agent/events/recording.ts';
import { ourRules } from '../../agent/rules/ours.ts';
import { EXIT, UsageError } from '../args.ts';
import { readAlertLog } from '../client/alert-log.ts';
import { type Call, toJson } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { verdictSettings } from '../recording.ts';
import { table } from '../text.ts';
import { seedOf } from './lots.ts';
import { ABLATIONS_HEADER, ablationRow, LEARN_S, later, variantsOf } from './range/ablations.ts';
import { costCells, NO_COSTS, together } from './range/costs.ts';
import { drive } from './range/drive.ts';
import { readPrior } from './range/fact-prior.ts';
import { figuresOf, type RunScored } from './range/figures.ts';
import { orderOf, shownIn } from './range/order.ts';
import { printFigures } from './range/print.ts';
import { type ReplayOptions, replayRange } from './range/replay.ts';
import { type Scored, score, type Told } from './range/score.ts';
import { toldOf } from './range/told.ts';
import { readLines, readTruth, type Truth } from './range/truth.ts';

interface Run {
  readonly folder: string;
  readonly truth: Truth;
  readonly told: readonly Told[];
  readonly budgetHours: number | null;
}

const textOf = (call: Call, flag: string): string | null => {
  const value = call.flags[flag];
  return typeof value === 'string' ? value : null;
};

const listOf = (call: Call, flag: string): string[] =>
  (textOf(call, flag) ?? '').split(',').filter((name) => name !== '');

const secondsOf = (call: Call, flag: string): number | null => {
  const text = textOf(call, flag);
  return text === null ? null : parseDuration(`--${flag}`, text) / 1000;
};

function shareOf(call: Call, flag: string): number {
  const text = textOf(call, flag) ?? '0%';
  const share = Number(/^(\d+(?:\.\d+)?)%$/.exec(text)?.[1] ?? Number.NaN) / 100;
  if (!(share >= 0 && share < 1))
    throw new UsageError(`evaluate range: --${flag} ${text} is not a share such as 20%`);
  return share;
}

function kindOf(call: Call): string {
  const kind = textOf(call, 'kind') ?? 'alert';
  if (kind !== 'alert' && kind !== 'detection')
    throw new UsageError(`evaluate range: --kind ${kind} is neither alert nor detection`);
  return kind;
}

function seedsOf(call: Call): number[] {
  const seeds = (textOf(call, 'seeds') ?? '1').split(',').map(Number);
  if (seeds.some((seed) => !Number.isSafeInteger(seed) || seed < 0))
    throw new UsageError(`evaluate range: --seeds ${textOf(call, 'seeds')} is no list of whole numbers`);
  return seeds;
}

/** Detectors on which no alert stands: some, all but some, or those of the recording. */
function trialOf(call: Call): ((detector: string) => boolean) | null {
  const [without, only] = [new Set(listOf(call, 'without')), new Set(listOf(call, 'only'))];
  if (without.size === 0 && only.size === 0) return null;
  return (detector) => without.has(detector) || (only.size > 0 && !only.has(detector));
}

/** The cgroup that everything of the range is below: other containers of the machine are in the recording too. */
async function cgroupOf(folder: string): Promise<string> {
  const [first] = readLines(await readFile(join(folder, 'lifecycle.ndjson'), 'utf8').catch(() => ''));
  const path = first?.['cgroup'];
  return typeof path === 'string' ? `/${path.split('/')[1] ?? ''}` : '';
}

const plainReplay = async (call: Call, folder: string): Promise<ReplayOptions> => ({
  overrides: {},
  below: await cgroupOf(folder),
  from: 0,
  drop: 0,
  seed: seedOf(call),
  onTrial: null,
  imagesFrom: null,
  restartAt: null,
});

/** Of the settings that the agent recorded; null: nothing was. */
async function budgetHoursOf(folder: string): Promise<number | null> {
  const recording = await openRecording(join(folder, 'recording.pkt.gz')).catch(() => null);
  if (recording === null) return null;
  // Leaving the loop closes the file.
  for await (const _ of recording.frames()) break;
  return Number(verdictSettings(recording.start, {}).budgetNs) / 3.6e12;
}

/** The table of ablations, line by line as they are done. */
async function ablations(call: Call, folders: readonly string[]): Promise<number> {
  const rules = new Set(ourRules().rules.map(({ document }) => document.name));
  call.io.out(`${ABLATIONS_HEADER}\n`);
  let costs = NO_COSTS;
  for (const { options, views, detector } of variantsOf((name) => rules.has(name))) {
    const shipped = detector === undefined && costs.workloads === 0;
    let now = NO_COSTS;
    const [scored, cost] = [views.map((): Scored[] => []), { cpuSeconds: 0, seconds: 0 }];
    for (const folder of folders) {
      const truth = await readTruth(folder);
      const replay = { ...(await plainReplay(call, folder)), ...options(truth) };
      const done = await replayRange(join(folder, 'recording.pkt.gz'), replay);
      const { told, cpuSeconds, seconds } = done;
      now = together(now, done.costs);
      cost.cpuSeconds += cpuSeconds;
      cost.seconds += seconds;
      const alerts = told.filter(({ kind }) => kind === 'alert');
      for (const [i, view] of views.entries()) scored[i]?.push(score(view.truth(truth), alerts));
    }
    // The first is as shipped, and what a detector costs is told of that.
    if (shipped) costs = now;
    const own = detector === undefined ? undefined : costCells(detector, costs);
    for (const [i, { name }] of views.entries())
      call.io.out(`${ablationRow(name, scored[i] ?? [], cost, own)}\n`);
  }
  return EXIT.ok;
}

async function replayed(call: Call, folder: string): Promise<Run> {
  const recorded = await readTruth(folder);
  const learn = secondsOf(call, 'learn');
  const underAttack = call.flags['attack-in-learning'] === true;
  const [others, restart] = [secondsOf(call, 'image-change-at'), secondsOf(call, 'restart-at')];
  const truth = underAttack ? later(LEARN_S)(recorded) : recorded;
  const options = {
    ...(await plainReplay(call, folder)),
    from: underAttack ? recorded.from : learn === null ? 0 : recorded.from - learn,
    imagesFrom: others === null ? null : recorded.from + others,
    restartAt: restart === null ? null : recorded.from + restart,
    drop: shareOf(call, 'drop'),
    onTrial: trialOf(call),
  };
  const recording = join(folder, 'recording.pkt.gz');
  const { told, cpuSeconds, seconds, problem } = await replayRange(recording, options);
  if (problem !== null) call.io.error(`picket: ${problem}\n`);
  const share = ((100 * cpuSeconds) / seconds).toFixed(2);
  call.io.error(
    `${basename(folder)}: ${seconds.toFixed(0)} s in ${cpuSeconds.toFixed(1)} s of CPU time, ${share} %\n`,
  );
  return { folder, truth, told, budgetHours: await budgetHoursOf(folder) };
}

/** As the agent wrote it at the time. */
async function live(folder: string): Promise<Run> {
  const told: Told[] = [];
  for await (const { text } of readAlertLog(join(folder, 'alerts.ndjson')))
    told.push(toldOf(JSON.parse(text) as Record<string, unknown>));
  return { folder, truth: await readTruth(folder), told, budgetHours: await budgetHoursOf(folder) };
}

async function driven(call: Call, range: string): Promise<Run[]> {
  const program = resolve(range, 'range');
  await stat(program).catch(() => {
    throw new UsageError(`evaluate range: there is no ${program}`);
  });
  const out = resolve(textOf(call, 'out') ?? join(tmpdir(), 'picket-range'));
  const beside = Number(textOf(call, 'beside') ?? 1);
  if (!Number.isSafeInteger(beside) || beside < 1)
    throw new UsageError(`evaluate range: --beside ${textOf(call, 'beside')} is not a whole number above 0`);
  const waiting = seedsOf(call);
  const runs: Run[] = [];
  const lane = async (number: number): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const folder = join(out, `seed-${seed}`);
      await drive({
        program,
        number,
        seed,
        folder,
        learnSeconds: secondsOf(call, 'learn') ?? 600,
        quietSeconds: secondsOf(call, 'quiet') ?? 300,
        scratch: join(out, 'scratch'),
        entry: call.io.entry,
        environment: call.io.environment,
        signal: call.io.signal,
        say: (text) => call.io.error(`${text}\n`),
      });
      runs.push(await live(folder));
    }
  };
  await Promise.all(Array.from({ length: beside }, (_, number) => lane(number)));
  return runs;
}

/** In which order a person would be shown what was detected, real ones first. */
function printOrder(call: Call, runs: readonly Run[]): number {
  const prior = readPrior();
  const shown = runs.map(({ folder, truth, told }) =>
    shownIn(
      score(
        truth,
        told.filter(({ kind }) => kind === 'detection'),
      ),
      basename(folder),
      prior,
    ),
  );
  const rows = orderOf(shown).map(({ real, ordinary, labelFree, withPrior, reranked }, i) => [
    basename(runs[i]?.folder ?? ''),
    String(real),
    String(ordinary),
    ...[labelFree, withPrior, reranked].map((value) => value.toFixed(3)),
  ]);
  const head = ['RECORDING', 'ATTACKS', 'OTHERS', 'EVIDENCE ALONE', 'WITH PRIOR', 'RE-RANKED'];
  call.io.out(`Chance that a real one is shown before a false one\n${table(head, rows)}`);
  return EXIT.ok;
}

export async function evaluateRange(call: Call): Promise<number> {
  const [range, folders, kind] = [textOf(call, 'range'), listOf(call, 'replay'), kindOf(call)];
  if ((range === null) === (folders.length === 0))
    throw new UsageError('evaluate range: either --range or --replay is wanted');
  if (call.flags['ablations'] === true) {
    if (range !== null) throw new UsageError('evaluate range: --ablations are of recordings, --replay');
    return ablations(call, folders);
  }
  const runs: Run[] = range === null ? [] : await driven(call, range);
  const asTold = call.flags['as-told'] === true;
  for (const folder of folders) runs.push(asTold ? await live(folder) : await replayed(call, folder));
  if (call.flags['order'] === true) return printOrder(call, runs);
  const of = (told: readonly Told[], wanted: string): Told[] => told.filter((one) => one.kind === wanted);
  const scored = runs.map(({ truth, told, budgetHours }): RunScored => {
    const detections = of(told, 'detection');
    return {
      scored: score(truth, of(told, kind)),
      evidence: score(truth, detections),
      detections,
      budgetHours,
    };
  });
  const figures = figuresOf(scored);
  const title = `${runs.length} run(s), lines of kind ${kind}`;
  call.io.out(
    call.json ? `${toJson(figures)}\n` : printFigures(title, figures, call.flags['attacks'] === true),
  );
  return EXIT.ok;
}
