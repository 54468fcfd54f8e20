/** Replay of the recording that ships, and the part of the machine that a recording is kept to. */
import { expect, test } from 'vitest';
import type { Frame } from '../../agent/events/frame.ts';
import { openRecording } from '../../agent/events/recording.ts';
import { measurePipeline } from '../../cli/bench/pipeline.ts';
import { CgroupFilter } from '../../cli/record-filter.ts';
import { RECORDING } from '../../cli/up/kernel.ts';
import { runPicket } from './run-picket.ts';

interface Line {
  readonly kind: string;
  readonly id: string;
  readonly detector: string;
  readonly severity: string;
  readonly container: { readonly workload: string };
}

async function replayed(...flags: string[]): Promise<Line[]> {
  const { code, out, error } = await runPicket(['replay', RECORDING, '--json', ...flags]);
  expect(code, error).toBe(0);
  return out
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

async function framesOf(path: string): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of (await openRecording(path)).frames()) frames.push(frame);
  return frames;
}

// A young baseline calls rare calls of a runtime new, at info: no alert of more than that stands on them.
test('the recording that ships holds the attack, all of it in one workload, and nothing else is more than info', async () => {
  const detections = (await replayed()).filter(
    ({ kind, severity }) => kind === 'detection' && severity !== 'info',
  );

  expect(new Set(detections.map(({ container }) => container.workload))).toEqual(
    new Set(['local/demo/Deployment/web/web']),
  );
  const grave = detections.filter(({ severity }) => severity === 'high').map(({ detector }) => detector);
  expect(new Set(grave)).toEqual(new Set(['reverse-shell-command', 'shell-calls-out', 'secret-read']));
});

test('twice replayed, the lines are the same, ids and all', async () => {
  expect(await replayed()).toEqual(await replayed());
});

test('a setting given as a flag replaces the recorded one', async () => {
  const rarity = (lines: Line[]): number => lines.filter(({ detector }) => detector === 'rarity').length;

  expect(rarity(await replayed())).toBeGreaterThan(0);
  expect(rarity(await replayed('--learn-windows', '1000'))).toBe(0);
});

test('a file that is no recording is a failure that names it', async () => {
  const { code, error } = await runPicket(['replay', '/etc/hostname']);

  expect(code).toBe(1);
  expect(error).toContain('/etc/hostname is no recording');
});

test('a speed that is none is a usage error', async () => {
  expect((await runPicket(['replay', RECORDING, '--speed', '0'])).code).toBe(2);
});

test('a filter keeps what is below its cgroup, and keeps it whole', async () => {
  const frames = await framesOf(RECORDING);
  const filter = (below: string): (Frame | null)[] => {
    const one = new CgroupFilter(below);
    return frames.map((frame) => one.filter(frame));
  };

  expect(filter('/picket-demo')).toEqual(frames);
  const elsewhere = filter('picket-dem');
  expect(elsewhere.filter((frame) => frame?.kind === 'records' || frame?.kind === 'cgroups')).toEqual([]);
  const ticks = elsewhere.flatMap((frame) => (frame?.kind === 'tick' ? [frame.tick] : []));
  expect(ticks.map(({ slots, flows }) => [slots.length, flows.length])).toEqual(ticks.map(() => [0, 0]));
});

test('what containers lost that are filtered out is nobody’s loss in what is kept', async () => {
  const [tick] = (await framesOf(RECORDING)).flatMap((frame) => (frame.kind === 'tick' ? [frame.tick] : []));
  const slots = tick?.slots ?? [];
  const lossy = slots.map((slot) => ({
    ...slot,
    lost: 7,
    losses: { 'throttled/open': 5, 'urgent-full': 2 },
  }));
  const lost = { throttled: 5 * slots.length, 'urgent-full': 2 * slots.length + 3 };
  if (tick === undefined) throw new Error('a recording without a tick');

  const kept = new CgroupFilter('/elsewhere').filter({ kind: 'tick', tick: { ...tick, slots: lossy, lost } });

  expect(kept).toMatchObject({ kind: 'tick', tick: { slots: [], lost: { throttled: 0, 'urgent-full': 3 } } });
});

test('the pipeline is measured on every record of the recording', async () => {
  const records = (await framesOf(RECORDING)).filter((frame) => frame.kind === 'records');

  const speed = await measurePipeline(RECORDING);

  expect(speed.records).toBeGreaterThanOrEqual(records.length);
  expect(speed.decodedPerSecond).toBeGreaterThan(1000);
  expect(speed.microsPerRecord).toBeGreaterThan(0);
});
