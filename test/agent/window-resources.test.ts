import { expect, test } from 'vitest';
import { resources } from '../builders/messages.ts';
import { actionRecord } from '../builders/records.ts';
import { shop } from '../builders/shop.ts';
import { run } from '../builders/world.ts';

const PRESSURE_TWICE = { cpuSomeUs: 6, cpuFullUs: 8, memorySomeUs: 10, memoryFullUs: 12, ioSomeUs: 14 };

test('a window has what its container used, and null where nothing was read', () => {
  const world = shop();
  const cgroup = 500;
  const second = { ...resources, cpuUs: 5, memoryBytes: 99, pids: null };
  world.frames.push({ kind: 'resources', readings: [{ cgroup, resources }] });
  world.frames.push({ kind: 'resources', readings: [{ cgroup, resources: second }] });
  world.tick();
  world.tick();
  const { told, pipeline } = run(world);
  const windows = told.windows.filter(({ container }) => container.cgroup === cgroup);
  const joined = { ...second, cpuUs: 2 ** 40 + 5, throttledPeriods: 2, reads: 4, readBytes: 8192 };
  expect(windows[0]?.resources).toMatchObject({ ...joined, pids: 10, ...PRESSURE_TWICE });
  expect(windows[1]?.resources).toBeNull();
  const [container] = pipeline.containers().filter((one) => one.cgroup === cgroup);
  if (container === undefined) throw new Error('the container is gone');
  expect(pipeline.resourcesOf(container)).toEqual(windows[0]?.resources);
});

test('resources of a cgroup that nobody knows are left out', () => {
  const world = shop();
  world.frames.push({ kind: 'resources', readings: [{ cgroup: 123_456, resources }] });
  world.tick();
  const { told } = run(world);
  expect(told.windows.map((window) => window.resources)).toEqual(told.windows.map(() => null));
});

test('a process ended for want of memory counts in the window of its container', () => {
  const world = shop();
  world.records(
    actionRecord({
      time: world.later(),
      slot: 2,
      cgroup: 500,
      action: 'OOM_KILL',
      exe: 'node',
      call: 0xffffffff,
    }),
  );
  world.tick();
  const { told } = run(world);
  const [window] = told.windows.filter(({ container }) => container.cgroup === 500);
  expect(window?.counts.oomKills).toBe(1);
});
