/** Windows in which something was lost are counted, never learnt, and named in the verdict. */
import { expect, test } from 'vitest';
import { SECOND } from '../../builders/records.ts';
import { API, BATCH, ordinary, quiet, shop } from '../../builders/shop.ts';
import { run, type World } from '../../builders/world.ts';

const tool = (world: World): void =>
  world.exec({
    slot: 2,
    pid: 70,
    start: world.now,
    parentPid: 60,
    parentStart: 900n * SECOND,
    path: '/usr/bin/convert',
    parentExe: 'node',
  });

test('what happens in windows with loss is not learnt', () => {
  const world = shop();
  for (let n = 0; n < 10; n++) {
    ordinary(world);
    tool(world);
    world.tick({ lost: { 2: 5 } });
  }
  const { pipeline } = run(world);
  const status = pipeline.overview.workloads().find(({ workload }) => workload === API);
  expect(status).toMatchObject({ incomplete: 10, periods: 10, facts: { exec: 0, connect: 1 } });
});

test('a loss that may have been anybody’s spoils the window of everybody', () => {
  const world = shop();
  quiet(world, 10);
  world.tick({ queueFull: 40 });
  const { pipeline } = run(world);
  const incomplete = pipeline.overview.workloads().map(({ workload, incomplete: n }) => [workload, n]);
  expect(incomplete).toEqual([
    ['c1/-/Node/n1/host', 1],
    [API, 2],
    [BATCH, 1],
  ]);
});

test('a verdict made after a loss says so', () => {
  const world = shop();
  quiet(world, 30);
  world.tick({ lost: { 2: { 'throttled/exec': 5 } } });
  tool(world);
  world.tick();
  const { told } = run(world);
  const losses = { 'throttled/exec': 5 };
  expect(told.detections.map(({ detector, quality }) => [detector, quality])).toEqual([
    ['flood', { lost: 5, losses, complete: false, baseline: 'mature', periods: 60 }],
    ['rarity', { lost: 5, losses, complete: false, baseline: 'mature', periods: 61 }],
  ]);
  expect(told.alerts.at(-1)?.quality).toBe(
    'Observation was incomplete: at least 5 record(s) of this container lost (throttled exec 5); the baseline is mature after 60 periods.',
  );
});

test('a flood is itself told once while it goes on, with its kinds and reasons, and again when it is another', () => {
  const world = shop();
  quiet(world, 10);
  world.tick({ lost: { 2: { 'throttled/exec': 700 } } });
  world.tick({ lost: { 2: { 'throttled/exec': 900 }, 1: 3 } });
  world.tick({ lost: { 2: { 'throttled/exec': 900, 'throttled/open': 5 } } });
  quiet(world, 3);
  world.tick({ lost: { 2: { 'throttled/exec': 20 } } });
  world.now += 301n * SECOND;
  world.tick();
  world.tick({ lost: { 2: { 'throttled/exec': 20 } } });
  const { told, pipeline } = run(world);
  const floods = told.detections.filter(({ detector }) => detector === 'flood');
  expect(
    floods.map(({ container, severity, facts }) => [container.identity.workload, severity, facts.losses]),
  ).toEqual([
    [API, 'medium', 'throttled exec 700'],
    ['c1/-/Node/n1/host', 'low', 'urgent-full 3'],
    [API, 'medium', 'throttled exec 900, throttled open 5'],
    [API, 'medium', 'throttled exec 20'],
  ]);
  expect(told.alerts.filter(({ detectors }) => detectors.includes('flood')).length).toBeGreaterThan(0);
  expect(pipeline.counts().lostOfSlots).toEqual({
    'throttled/exec': 2540,
    'throttled/open': 5,
    'urgent-full': 3,
  });
});

test('a node that loses of everybody is told once, and nobody is called a flood for it', () => {
  const world = shop();
  quiet(world, 10);
  for (let n = 0; n < 20; n++) {
    world.tick({ lost: { 2: 30, 3: 3, 4: 1 } });
    quiet(world, 4);
  }
  const { told } = run(world);
  const found = told.detections.map(({ detector, container, severity }) => [
    detector,
    container.cgroup,
    severity,
  ]);
  expect(found).toEqual([
    ['overload', 0, 'medium'],
    ['flood', 500, 'low'],
    ['flood', 510, 'low'],
    ['flood', 520, 'low'],
  ]);
  expect(told.alerts.map(({ container }) => container.kind)).toEqual(['host']);
});

test('every window says what it lost and why, also what may have been its own', () => {
  const world = shop();
  quiet(world, 2);
  world.tick({ queueFull: 40, lost: { 2: { 'bulk-full': 2 } } });
  const { told } = run(world);
  const last = told.windows
    .slice(-4)
    .map(({ container, losses }) => [container.cgroup, losses] as const)
    .toSorted(([a], [b]) => a - b);
  const anybodys = { 'anybody/queue-full': 40 };
  expect(last).toEqual([
    [0, anybodys],
    [500, { 'bulk-full': 2, ...anybodys }],
    [510, anybodys],
    [520, anybodys],
  ]);
});
