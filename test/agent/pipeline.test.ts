import { expect, test } from 'vitest';
import { exitRecord } from '../builders/records.ts';
import { NODE_PROCESS, quiet, shop } from '../builders/shop.ts';
import { makePipeline, run, type World } from '../builders/world.ts';

const df = (world: World, pid: number): void =>
  world.exec({
    slot: 2,
    pid,
    start: world.now,
    parentPid: NODE_PROCESS.pid,
    parentStart: NODE_PROCESS.start,
    path: '/bin/dash',
    args: ['sh', '-c', 'df -h'],
    parentExe: 'node',
  });

test('malformed input is counted and changes nothing else', () => {
  const { pipeline, told } = makePipeline();
  pipeline.records(Buffer.from('no records at all, but long enough to hold a header of sixty-four bytes'));
  pipeline.records(exitRecord({}).subarray(0, 40));
  pipeline.pods('{"items":');
  expect(pipeline.counts()).toMatchObject({
    malformed: { cut: 2 },
    events: 0,
    podsProblem: expect.stringMatching(/^not JSON/),
  });
  expect(told.detections).toEqual([]);
});

test('a pipeline that takes over saved baselines goes on judging', () => {
  const before = shop();
  quiet(before, 30);
  const texts = run(before).pipeline.registry.save();
  const after = shop();
  df(after, 400);
  const { pipeline, told } = makePipeline();
  for (const { text } of texts) pipeline.registry.load(text);
  for (const frame of after.frames) pipeline.frame(frame);
  expect(told.detections.map(({ detector, quality }) => [detector, quality.baseline])).toEqual([
    ['server-spawns-shell', 'mature'],
    ['rarity', 'mature'],
  ]);
});

test("records that did not fit our own queue may have been anybody's: no window of that time is complete", () => {
  const world = shop();
  quiet(world, 2);
  const last = world.frames.pop();
  if (last?.kind !== 'tick') throw new Error('a world ends with a tick');
  world.frames.push({ kind: 'tick', tick: { ...last.tick, lost: { ...last.tick.lost, 'frame-queue': 7 } } });
  const { told } = run(world);
  const ended = told.windows.filter(({ endNs }) => endNs === last.tick.bootNs);
  expect(ended.length).toBeGreaterThan(1);
  expect(ended.every(({ complete }) => !complete)).toBe(true);
  expect(told.windows.some(({ complete }) => complete)).toBe(true);
});
