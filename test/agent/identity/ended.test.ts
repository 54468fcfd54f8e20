/** Processes that ended are forgotten, but not before nothing asks for them. */
import { expect, test } from 'vitest';
import { LAYOUT } from '../../../agent/events/layout.ts';
import { ENDED_NS, Ended } from '../../../agent/identity/ended.ts';
import type { Pipeline } from '../../../agent/pipeline.ts';
import { execRecord, exitRecord, flowRecord, type HeaderFields, SECOND } from '../../builders/records.ts';
import { makePipeline, World } from '../../builders/world.ts';

const HOST = { slot: LAYOUT.SLOT_HOST, cgroup: 0 };
const LATER_TICKS = Number(ENDED_NS / (5n * SECOND)) + 2;
/** Each window a fork that only its children name starts so many, one after the other. */
const BURST = 100;

/** A window of short processes of the node; the first has the number `from`. */
function burst(world: World, from: number): void {
  const shell = { parentPid: from + 1_000_000, parentStart: world.later(), parentExe: 'sh' };
  const records = Array.from({ length: BURST }, (_, n) => {
    const one = { ...HOST, ...shell, pid: from + n, start: world.later(1) };
    const ran = execRecord({ ...one, time: world.later(1), path: '/usr/bin/true' });
    return [ran, exitRecord({ ...one, time: world.later(1) })];
  });
  world.records(...records.flat());
  world.tick();
}

/** The frames so far, which are then no more the world's. */
function take(world: World, pipeline: Pipeline): void {
  for (const frame of world.frames.splice(0)) pipeline.frame(frame);
}

test('20,000 short processes of the node do not fill the tables, and at rest all of them are forgotten', {
  timeout: 240_000,
}, () => {
  const world = new World();
  const { pipeline } = makePipeline();
  let [lineages, actors] = [0, 0];
  for (let from = 1000; from < 21_000; from += BURST) {
    burst(world, from);
    take(world, pipeline);
    lineages = Math.max(lineages, pipeline.counts().processes);
    actors = Math.max(actors, pipeline.counts().actors);
  }
  // Of the last minute, with a fork for each window.
  expect(lineages).toBeLessThanOrEqual(LATER_TICKS * (BURST + 1));
  expect(actors).toBeLessThanOrEqual(LATER_TICKS * BURST);
  for (let n = 0; n < LATER_TICKS; n++) world.tick();
  take(world, pipeline);
  const { processes, processesForgotten } = pipeline.counts();
  expect([processes, pipeline.counts().actors]).toEqual([0, 0]);
  expect(processesForgotten).toEqual({ ended: 20_200, gone: 0, room: 0 });
});

const SHELL = { ...HOST, pid: 300, parentPid: 299, parentStart: 2n * SECOND };
const ofShell = (world: World, pid: number): HeaderFields & { start: bigint; pid: number } => ({
  ...{ ...HOST, pid, start: world.later(), parentPid: SHELL.pid },
});

/** A shell of the node that started a server and ended; so many windows later. */
function orphan(ticks: number): { world: World; server: HeaderFields; shell: HeaderFields } {
  const world = new World();
  const shell = { ...SHELL, start: world.later() };
  const server = { ...ofShell(world, 301), parentStart: shell.start };
  world.exec({ ...shell, path: '/usr/bin/bash', parentExe: 'sshd' });
  world.exec({ ...server, path: '/usr/bin/nc', parentExe: 'bash' });
  world.records(exitRecord({ ...shell, time: world.later() }));
  for (let n = 0; n < ticks; n++) world.tick();
  return { world, server, shell };
}

const connect = (world: World, process: HeaderFields, time = world.later()): Buffer =>
  flowRecord({ ...process, time, direction: 'connect', peer: '203.0.113.7', port: 4444, exe: 'nc' });

test('what a living process descends from stays known after its end, and leaves with it', () => {
  const { world, server, shell } = orphan(20 * LATER_TICKS);
  const { pipeline } = makePipeline();
  take(world, pipeline);
  // The shell, the server, and who started the shell.
  expect(pipeline.counts()).toMatchObject({ processes: 3, actors: 1, processesForgotten: { ended: 0 } });
  world.records(exitRecord({ ...server, parentStart: shell.start ?? 0n, time: world.later() }));
  for (let n = 0; n < LATER_TICKS; n++) world.tick();
  take(world, pipeline);
  expect(pipeline.counts()).toMatchObject({ processes: 0, actors: 0, processesForgotten: { ended: 3 } });
});

test('a late record of a process that just ended is told with what started it', () => {
  const { world, server } = orphan(0);
  const time = world.later();
  world.records(exitRecord({ ...server, time: world.later() }));
  for (let n = 0; n < 8; n++) world.tick();
  world.records(connect(world, server, time));
  const { pipeline, told } = makePipeline();
  take(world, pipeline);
  const flow = told.detections.at(-1);
  expect(flow?.process).toMatchObject({ pid: 301, exe: 'nc', parent: 'bash' });
});

test('who goes on to act after the end of his first thread is not forgotten; who still acted as he ended is', () => {
  const ended = new Ended();
  for (const key of ['threads', 'race']) ended.note(key, 10n * SECOND);
  ended.acted('race', 10n * SECOND + 1000n);
  ended.acted('threads', 15n * SECOND);
  expect(ended.next(9n * SECOND + ENDED_NS)).toBeUndefined();
  expect([ended.next(10n * SECOND + ENDED_NS), ended.next(99n * ENDED_NS)]).toEqual(['race', undefined]);
});

test('of ends that come faster than they are forgotten a bounded number is kept, the latest', () => {
  const ended = new Ended();
  for (let n = 0; n < 20_000; n++) ended.note(`p${n}`, SECOND);
  expect([ended.size, ended.next(ENDED_NS + SECOND)]).toEqual([16_384, 'p3616']);
});
