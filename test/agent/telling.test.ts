import { expect, test } from 'vitest';
import { MAX_FOLDERS_TOLD, MAX_TOLD } from '../../agent/watched.ts';
import { deniedRecord, type ExecFields, novelRecord } from '../builders/records.ts';
import { API, NODE_PROCESS, quiet, shop } from '../builders/shop.ts';
import { run, SETTINGS, type World } from '../builders/world.ts';

const tool = (world: World, n: number): ExecFields => ({
  slot: 2,
  pid: 5000 + n,
  start: world.now,
  path: '/tmp/tool',
  parentExe: 'node',
});

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

test('a flood of detections in one window is bounded and counted', () => {
  const world = shop();
  quiet(world, 30);
  for (let n = 0; n < MAX_TOLD + 100; n++) world.exec(tool(world, n));
  world.tick();
  const { told, pipeline } = run(world);
  const byRule = told.detections.filter(({ detector }) => detector === 'exec-from-memory-or-temp');
  // The rarity detector tells a fact that goes on once; it takes one place of the bound.
  expect([byRule.length, pipeline.counts().suppressed]).toEqual([MAX_TOLD - 1, 101]);
});

test('a search through a file system is told by its first folders, and none of it is learnt', () => {
  const world = shop();
  const folder = (n: number): Buffer => {
    const path = `/srv/${'abcdefghij'[Math.floor(n / 26)]}${String.fromCharCode(97 + (n % 26))}`;
    return novelRecord({ cgroup: 500, time: world.later(), what: 'FOLDER_READ', path, exe: 'find' });
  };
  quiet(world, 30);
  for (let n = 0; n < 200; n++) world.records(folder(n));
  world.tick();
  quiet(world, 40); // longer than three times a minute, in which it would have been armed again
  world.records(folder(150));
  world.tick();
  const { told, pipeline } = run(world);
  const found = told.detections.filter(({ facts }) => facts['fact']?.startsWith('folder '));
  expect(found).toHaveLength(MAX_FOLDERS_TOLD + 1);
  expect(found[0]).toMatchObject({
    detector: 'rarity',
    severity: 'low',
    summary: 'a folder never opened here before: r /srv/aa',
    process: { exe: 'find' },
  });
  expect(found.at(-1)?.facts['fact']).toBe('folder r /srv/fu');
  expect(pipeline.counts().suppressed).toBe(200 - MAX_FOLDERS_TOLD);
});

test('the same action done again is a detection again, with an id of its own', () => {
  const world = shop();
  quiet(world, 30);
  for (let n = 0; n < 1000; n++) world.exec(tool(world, n));
  const { told } = run(world);
  const byRule = told.detections.filter(({ detector }) => detector === 'exec-from-memory-or-temp');
  expect([byRule.length, new Set(byRule.map(({ id }) => id)).size]).toEqual([1000, 1000]);
});

test('what a contained container tries is told and never learnt', () => {
  const world = shop();
  quiet(world, 8);
  world.records(
    deniedRecord({
      what: 'connect',
      peer: '203.0.113.9',
      port: 443,
      slot: 0,
      cgroup: 500,
      pid: 0,
      start: 0n,
      time: world.later(),
    }),
  );
  world.tick();
  const { told, pipeline } = run(world);
  expect(
    told.detections.map(({ detector, severity, container }) => [detector, severity, container.cgroup]),
  ).toEqual([['containment-denied', 'info', 500]]);
  expect(pipeline.overview.workloads().find(({ workload }) => workload === API)).toMatchObject({
    withheld: 1,
  });
});

test('a rule on trial is told as info, alerts nobody, and keeps nothing from being learnt', () => {
  const world = shop();
  quiet(world, 30);
  df(world, 400);
  world.tick();
  const found = (shadow: ReadonlySet<string>): unknown[] => {
    const { pipeline, told } = run(world, { settings: { ...SETTINGS, shadow } });
    const rule = told.detections.filter(({ detector }) => detector === 'server-spawns-shell');
    const api = pipeline.overview.workloads().find(({ workload }) => workload === API);
    return [rule.map(({ severity }) => severity), told.alerts.length > 0, api?.withheld];
  };
  expect(found(new Set())).toEqual([['high'], true, 1]);
  expect(found(new Set(['server-spawns-shell', 'rarity', 'volume']))).toEqual([['info'], false, 0]);
});
