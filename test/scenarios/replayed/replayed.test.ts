/** A recording of everything there is to record gives the same answers again, ids included, at any speed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { alertLine } from '../../../agent/alerts/alert.ts';
import { detectionLine } from '../../../agent/alerts/detection.ts';
import type { Frame } from '../../../agent/events/frame.ts';
import { openRecording, RecordingWriter } from '../../../agent/events/recording.ts';
import { Pairs } from '../../../agent/features/pairs.ts';
import { replay } from '../../../agent/source/replay.ts';
import { actionRecord, flowEntry, pairRecord, SECOND } from '../../builders/records.ts';
import { breakIn, NODE_PROCESS, ordinary, shop } from '../../builders/shop.ts';
import { makePipeline, START, type Told } from '../../builders/world.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'replayed-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const x64 = new Pairs('x64');
const COMMON = [
  [0, 1],
  [1, 0],
  [2, 0],
].map(([previous = 0, current = 0]) => x64.indexOf({ previous, current }));
const where = { node: 'n1', cluster: 'c1' };

/** Learning with pairs, guarding, new pairs, 32-bit calls, losses of each sort, actions, flows, a break-in. */
function day(): Frame[] {
  const world = shop();
  const learnt = { pairs: { 2: COMMON, 3: COMMON } };
  for (let n = 0; n < 60; n++) {
    ordinary(world);
    world.tick(learnt);
  }
  const pair = (previous: number, current: number): Buffer =>
    pairRecord({ slot: 2, cgroup: 500, time: world.later(), tid: 201, ...NODE_PROCESS, previous, current });
  world.records(pair(41, 42), pair(42, 10), pair(10, 101), pair(101, 59));
  world.records(
    actionRecord({
      action: 'SETNS',
      exe: 'node',
      slot: 2,
      cgroup: 500,
      time: world.later(),
      ...NODE_PROCESS,
    }),
  );
  world.tick({ compat: { 3: [11] }, calls: { 3: [0, 1, 511] } });
  world.tick({ lost: { 2: { 'throttled/exec': 40, 'bulk-full': 2 } }, queueFull: 3 });
  breakIn(world);
  const flow = { slot: 3, cgroup: 510, direction: 'connect', peer: '198.51.100.9', port: 4444 } as const;
  world.tick({ flows: flowEntry({ ...flow, first: world.now + SECOND }) });
  world.tick();
  return world.frames;
}

const lines = ({ detections, alerts, windows }: Told): unknown[] => [
  ...detections.map((one) => detectionLine(one, where)),
  ...alerts.map((one) => alertLine(one, where)),
  ...windows.map(({ container, endNs, losses, newFacts, newPairs, mode, state }) => [
    [container.cgroup, String(endNs), losses],
    [newFacts, newPairs, mode, state],
  ]),
];

async function record(frames: readonly Frame[], redact: boolean): Promise<string> {
  const path = join(folder, `${redact}.pkt.gz`);
  const start = { ...where, boot: 'b1', ...START, settings: {} };
  const writer = new RecordingWriter({ path, start, redact, maxBytes: 1e9 });
  for (const frame of frames) writer.write(frame);
  await writer.close();
  return path;
}

async function replayed(path: string, speed: number): Promise<Told> {
  const { pipeline, told } = makePipeline();
  const recording = await openRecording(path);
  await replay({
    frames: recording.frames(),
    speed,
    signal: new AbortController().signal,
    emit: (frame) => pipeline.frame(frame),
  });
  expect(recording.problem()).toBeNull();
  return told;
}

test('live, as fast as it goes, and at a speed: the same lines', async () => {
  const frames = day();
  const live = makePipeline();
  for (const frame of frames) live.pipeline.frame(frame);
  const told = lines(live.told);
  // Whether the numbers of such short a life are strange is up to the machine that is recorded.
  const detectors = live.told.detections.map(({ detector }) => detector).filter((name) => name !== 'volume');
  expect(new Set(detectors)).toEqual(
    new Set([
      'sequence',
      'escape-attempt',
      'rarity',
      'flood',
      'server-spawns-shell',
      'secret-read',
      'shell-calls-out',
    ]),
  );
  const path = await record(frames, false);
  expect(lines(await replayed(path, Number.POSITIVE_INFINITY))).toEqual(told);
  expect(lines(await replayed(path, 2000))).toEqual(told);
});

test('redacted, what does not look at arguments has the same ids', async () => {
  const frames = day();
  const ids = (told: Told): string[] =>
    told.detections.filter(({ detector }) => detector !== 'rarity').map(({ id }) => id);
  const whole = await replayed(await record(frames, false), Number.POSITIVE_INFINITY);
  const redacted = await replayed(await record(frames, true), Number.POSITIVE_INFINITY);
  expect(ids(redacted)).toEqual(ids(whole));
  expect(ids(whole).length).toBeGreaterThan(4);
});

test('with what was known when it began, a recording is judged as it was live', async () => {
  const frames = day();
  // What stands there and who is who, then the last eight frames, of which the rest is the past.
  const rest = [...frames.slice(0, 2), ...frames.slice(-8)];
  const before = makePipeline();
  for (const frame of frames.slice(0, -8)) before.pipeline.frame(frame);
  const known = [...before.pipeline.registry.documents()];
  const live = makePipeline();
  for (const text of known) live.pipeline.registry.load(text);
  for (const frame of rest) live.pipeline.frame(frame);
  const baselines = known.map((text): Frame => ({ kind: 'baseline', text }));
  const broken: Frame = { kind: 'baseline', text: '{"kind":"PicketProfile"}' };
  const path = await record([...baselines, broken, ...rest], false);
  const told = await replayed(path, Number.POSITIVE_INFINITY);
  expect(lines(told)).toEqual(lines(live.told));
  expect(told.detections.map(({ quality }) => quality.baseline)).toContain('mature');
});
