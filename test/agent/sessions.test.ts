import { expect, test } from 'vitest';
import { cgroupRecord, flowEntry, SECOND } from '../builders/records.ts';
import { API, NODE_PROCESS, quiet, shop, visit } from '../builders/shop.ts';
import { run, START, type World } from '../builders/world.ts';

test('what a session does is kept apart: told with its reason, no alert, and not learnt as the workload’s', () => {
  const world = shop();
  quiet(world, 60);
  const shell = visit(world, 7000, ['/usr/bin/id', '/usr/bin/whoami', '/usr/bin/find']);
  world.tick();
  quiet(world, 3);
  const { told, pipeline } = run(world);
  expect(told.sessions.map(({ root, event }) => [root, event.path])).toEqual([
    [`7000:${shell.start}`, '/usr/bin/dash'],
  ]);
  const sessions = told.detections.filter(({ facts }) => facts['context'] === 'session');
  expect(new Set(sessions.map(({ facts }) => facts['session']))).toEqual(new Set([`7000:${shell.start}`]));
  expect(sessions.map(({ facts }) => facts['fact'])).toContain('exec dash > /usr/bin/find');
  expect(told.alerts).toEqual([]);
  const workloads = pipeline.overview.workloads();
  expect(workloads.find(({ workload }) => workload === API)?.facts.exec).toBe(0);
  expect(workloads.find(({ workload }) => workload.includes('/Session/'))?.facts.exec).toBeGreaterThan(2);
});

test('a session that reaches a new peer is an alert; a workload’s new program is one by evidence, at once', () => {
  const world = shop();
  quiet(world, 200);
  const shell = visit(world, 7000, []);
  const curl = { slot: 2, pid: 7001, start: world.now, parentPid: shell.pid, parentStart: shell.start };
  world.flow({ ...curl, direction: 'connect', peer: '203.0.113.9', port: 443, exe: 'curl' });
  const before = run(world).told;
  expect(before.alerts.flatMap(({ detectors }) => detectors)).toContain('session-reach');

  const other = shop();
  quiet(other, 400);
  const own = {
    slot: 2,
    pid: 300,
    start: other.now,
    parentPid: NODE_PROCESS.pid,
    parentStart: NODE_PROCESS.start,
  };
  other.exec({ ...own, path: '/usr/bin/xz', parentExe: 'node' });
  other.flow({ ...own, direction: 'connect', peer: '203.0.113.9', port: 9999, exe: 'xz' });
  const { told } = run(other);
  expect(new Set(told.alerts.map(({ id }) => id)).size).toBe(1); // rules may join it
  expect(told.alerts.at(-1)?.evidence).toMatchObject({ by: 'own' });
  expect(told.alerts.at(-1)?.evidence?.grounds.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['exec']),
  );
});

const OWN = { slot: 2, pid: 300, parentPid: NODE_PROCESS.pid, parentStart: NODE_PROCESS.start };

/** The context of what the workload itself does anew, and whether evidence alone made an alert of it. */
function beside(visited: boolean, fact: string, act: (world: World) => void): readonly unknown[] {
  const world = shop();
  quiet(world, 400);
  if (visited) visit(world, 7000, ['/usr/bin/id']);
  act(world);
  world.tick();
  const { told } = run(world);
  const made = told.detections.find(({ facts }) => facts['fact']?.includes(fact));
  return [made?.facts['context'], told.alerts.some(({ evidence }) => evidence !== null)];
}

test('what a workload does anew while somebody is at work in it counts half, and says so', () => {
  const unpack = (world: World): void =>
    world.exec({ ...OWN, start: world.now, path: '/usr/bin/xz', parentExe: 'node' });
  expect(beside(false, '/usr/bin/xz', unpack)).toEqual([undefined, true]);
  expect(beside(true, '/usr/bin/xz', unpack)).toEqual(['beside a session', false]);
});

test('what somebody told a workload to do may come in the window after his', () => {
  const after = (windows: number): readonly unknown[] =>
    beside(true, '/usr/bin/xz', (world) => {
      quiet(world, windows);
      world.exec({ ...OWN, start: world.now, path: '/usr/bin/xz', parentExe: 'node' });
    });
  expect(after(1)).toEqual(['beside a session', false]);
  expect(after(2)).toEqual([undefined, true]);
});

/** A peer that the tick read in the flow map a tenth of a second after it was called; the record of it comes after the tick, or never. */
function earlyPeer(record: 'of a session' | 'of the workload' | 'none'): (readonly unknown[])[] {
  const world = shop();
  quiet(world, 400);
  const shell = visit(world, 7000, ['/usr/bin/curl']);
  const ends = { slot: 2, direction: 'connect', peer: '203.0.113.9', port: 443 } as const;
  const first = 5n * SECOND - 100_000_000n + world.now - ((world.now - START.bootNs) % (5n * SECOND));
  world.tick({ flows: flowEntry({ ...ends, cgroup: 500, first, last: first }) });
  const caller = {
    pid: 7001,
    start: shell.start + 10_000_000n,
    parentPid: shell.pid,
    parentStart: shell.start,
  };
  if (record === 'of a session') world.flow({ ...ends, ...caller, time: first, exe: 'curl' });
  if (record === 'of the workload') world.flow({ ...ends, ...NODE_PROCESS, time: first, exe: 'node' });
  world.tick();
  const { told } = run(world);
  return told.detections
    .filter(({ facts }) => facts['fact'] === 'connect 203.0.113.9:443')
    .map(({ facts, process, timeNs }) => [facts['context'], process?.exe, timeNs === first]);
}

test('a peer that is read before the record of who calls it is told a window later, with who calls it', () => {
  expect(earlyPeer('none')).toEqual([[undefined, undefined, true]]);
  expect(earlyPeer('of the workload')).toEqual([[undefined, 'node', true]]);
  const ofSession = earlyPeer('of a session');
  expect(ofSession.length).toBeGreaterThan(0);
  expect(new Set(ofSession.map(([context]) => context))).toEqual(new Set(['session']));
});

test('what waits for the next tick is judged at the end when there is none; who calls in waits for nothing', () => {
  const world = shop();
  quiet(world, 400);
  const first = world.now + 4_900_000_000n;
  const ends = { slot: 2, cgroup: 500, peer: '203.0.113.9', first, last: first } as const;
  world.tick({
    flows: Buffer.concat([
      flowEntry({ ...ends, direction: 'connect', port: 443 }),
      flowEntry({ ...ends, direction: 'accept', port: 6666 }),
    ]),
  });
  const { told, pipeline } = run(world);
  const facts = (): unknown[] => told.detections.flatMap(({ facts: { fact } }) => fact ?? []);
  expect(facts()).toEqual(['accept 6666']);
  pipeline.end();
  pipeline.end();
  expect(facts()).toEqual(['accept 6666', 'connect 203.0.113.9:443']);
});

test('a call of a container that is gone is not put off: no tick follows for it', () => {
  const world = shop();
  quiet(world, 400);
  world.records(cgroupRecord({ time: world.later(), slot: 2, cgroup: 500, path: null, made: false }));
  world.tick();
  const first = world.now + 4_900_000_000n;
  const ends = { slot: 2, cgroup: 500, direction: 'connect', peer: '203.0.113.9', port: 443 } as const;
  world.gone(2);
  world.tick({ flows: flowEntry({ ...ends, first, last: first }) });
  expect(run(world).told.detections.map(({ facts: { fact } }) => fact)).toContain('connect 203.0.113.9:443');
});

test('a peer that the workload itself calls for the first time counts in full, whoever is at work in it', () => {
  const call = (world: World): void =>
    world.flow({
      ...OWN,
      start: world.now,
      direction: 'connect',
      peer: '203.0.113.9',
      port: 5432,
      exe: 'node',
    });
  expect(beside(false, '203.0.113.9', call)).toEqual([undefined, true]);
  expect(beside(true, '203.0.113.9', call)).toEqual([undefined, true]);
});
