/** DNS through the whole pipeline: names in facts, in evidence, and what is not believed. */
import { expect, test } from 'vitest';
import { answer, question } from '../builders/dns.ts';
import { dnsRecord } from '../builders/records.ts';
import { API, NODE_PROCESS, quiet, shop, visit } from '../builders/shop.ts';
import { run, type World } from '../builders/world.ts';

const RESOLVER = '10.0.0.10';
const api = { slot: 2, cgroup: 500, exe: 'node', ...NODE_PROCESS };

function lookUp(world: World, name: string, address: string, server = RESOLVER): void {
  world.flow({ ...api, protocol: 'udp', direction: 'connect', peer: server, port: 53 });
  const message = answer(name, [{ name: null, type: 'A', data: address }]);
  world.records(
    dnsRecord({ ...api, time: world.later(), what: 'QUESTION', server, message: question(name) }),
    dnsRecord({ ...api, time: world.later(), what: 'ANSWER', server, message, exe: '' }),
  );
}

const callOut = (world: World, peer: string): void =>
  world.flow({ ...api, direction: 'connect', peer, port: 443 });

/** The api calls one host of a content network, which has another address each time. */
function ordinaryCalls(world: World, windows: number): void {
  for (let n = 0; n < windows; n++) {
    lookUp(world, 'cdn.example.com', `203.0.113.${n + 1}`);
    callOut(world, `203.0.113.${n + 1}`);
    quiet(world, 1);
  }
}

const factsOf = (world: World) =>
  run(world)
    .told.detections.filter(({ detector }) => detector !== 'volume')
    .map(({ severity, facts }) => [severity, facts['fact'], facts['peer'], facts['peer_name']]);

test('a peer that has another address each time is known by its name', () => {
  const world = shop();
  ordinaryCalls(world, 60);
  const { told, pipeline } = run(world);
  expect(told.detections).toEqual([]);
  expect(pipeline.registry.baseline(API).seen({ kind: 'connect', value: 'cdn.example.com:443' })).toBe(60);
  expect(pipeline.counts().names).toEqual({ told: 60, evicted: 0, unasked: 0, strange: 0, odd: 0 });
});

test('a new name and the connection to it are told, with name and address', () => {
  const world = shop();
  ordinaryCalls(world, 60);
  lookUp(world, 'drop.attacker.example', '198.51.100.9');
  callOut(world, '198.51.100.9');
  world.tick();
  expect(factsOf(world)).toEqual([
    ['medium', 'name drop.attacker.example', undefined, undefined],
    ['medium', 'connect drop.attacker.example:443', '198.51.100.9', 'drop.attacker.example'],
  ]);
});

test('who runs a name server of his own does not give his machine a known name', () => {
  const world = shop();
  ordinaryCalls(world, 60);
  lookUp(world, 'cdn.example.com', '198.51.100.9', '198.51.100.53');
  callOut(world, '198.51.100.9');
  world.tick();
  expect(factsOf(world).map(([, fact]) => fact)).toEqual([
    'connect udp/198.51.100.53:53',
    'connect 198.51.100.9:443',
  ]);
  expect(run(world).pipeline.counts().names).toMatchObject({ strange: 1 });
});

test('an answer that nobody asked for names nothing', () => {
  const world = shop();
  ordinaryCalls(world, 60);
  const message = answer('cdn.example.com', [{ name: null, type: 'A', data: '198.51.100.9' }]);
  world.records(dnsRecord({ ...api, time: world.later(), what: 'UNASKED', server: RESOLVER, message }));
  callOut(world, '198.51.100.9');
  world.tick();
  expect(factsOf(world).map(([, fact]) => fact)).toEqual(['connect 198.51.100.9:443']);
  expect(run(world).pipeline.counts().names).toMatchObject({ unasked: 1 });
});

test('one container is not told the names of another', () => {
  const world = shop();
  ordinaryCalls(world, 60);
  world.flow({ ...api, slot: 3, cgroup: 510, direction: 'connect', peer: '203.0.113.1', port: 443 });
  world.tick();
  expect(factsOf(world).map(([, fact]) => fact)).toEqual(['connect 203.0.113.1:443']);
});

test('a session that calls by address what the node’s workloads call by name reaches nothing new', () => {
  const reached = (peer: string) => {
    const world = shop();
    ordinaryCalls(world, 60);
    quiet(world, 140);
    const replica = { slot: 3, cgroup: 510 };
    const shell = visit(world, 7000, [], replica);
    const curl = { ...replica, pid: 7001, start: world.now, parentPid: shell.pid, parentStart: shell.start };
    world.flow({ ...curl, direction: 'connect', peer, port: 443, exe: 'curl' });
    const told = run(world).told.detections.filter(({ detector }) => detector === 'session-reach');
    return told.map(({ severity, facts }) => [severity, facts['fact']]);
  };
  expect(reached('203.0.113.60')).toEqual([['low', 'connect 203.0.113.60:443']]);
  expect(reached('198.51.100.9')).toEqual([['medium', 'connect 198.51.100.9:443']]);
});

/** People look around in the second replica: so many sessions, of which one in four reaches a peer of its own by number. */
function people(world: World, sessions: number): void {
  for (let n = 0; n < sessions; n++) {
    const shell = visit(world, 7000 + 10 * n, ['/usr/bin/id'], SECOND_REPLICA);
    const peer = `198.18.0.${n + 1}`;
    const process = { ...SECOND_REPLICA, pid: shell.pid, start: shell.start, exe: 'dash' };
    if (n % 4 === 0) world.flow({ ...process, direction: 'connect', peer, port: 22 });
    quiet(world, 1 + ((n * n) % 5)); // at no regular times, as probes would
  }
}

const SECOND_REPLICA = { slot: 3, cgroup: 510 };
const DB = { slot: 4, cgroup: 520 };

/** Somebody in the batch job, which asks no resolver, asks one for a name and calls the address. */
function reach(
  world: World,
  asked: string | null,
  { name = 'store.example.net', peer = '198.51.100.9' } = {},
): readonly (readonly unknown[])[] {
  const shell = visit(world, 9000, [], DB);
  const curl = { ...DB, pid: 9001, start: world.now, parentPid: shell.pid, parentStart: shell.start };
  world.exec({ ...curl, path: '/usr/bin/curl', parentExe: 'dash' });
  if (asked !== null) {
    world.flow({ ...curl, protocol: 'udp', direction: 'connect', peer: asked, port: 53, exe: 'curl' });
    const record = { ...curl, server: asked, exe: 'curl' };
    const message = answer(name, [{ name: null, type: 'A', data: peer }]);
    const ask = question(name);
    world.records(
      dnsRecord({ ...record, time: world.later(), what: 'QUESTION', message: ask }),
      dnsRecord({ ...record, pid: 0, exe: '', time: world.later(), what: 'ANSWER', message }),
    );
  }
  world.flow({ ...curl, direction: 'connect', peer, port: 443, exe: 'curl' });
  world.tick();
  const told = run(world).told.detections.filter(
    ({ detector, facts }) =>
      detector === 'session-reach' &&
      [`connect ${peer}:443`, `connect ${name}:443`].includes(facts['fact'] ?? ''),
  );
  return told.map(({ severity }) => [severity]);
}

test.each([
  ['by name, of a resolver that is used here, where many do', 24, RESOLVER, 'low'],
  ['by name where nobody worked before', 0, RESOLVER, 'medium'],
  ['by name, of a resolver that nobody uses here', 24, '198.51.100.53', 'medium'],
  ['by a mere number', 24, null, 'medium'],
])('a session that reaches a peer of its own %s', (_, sessions, resolver, severity) => {
  expect(reach(peopled(sessions), resolver)).toEqual([[severity]]);
});

test.each([
  ['a service’s name', 'ledger.bank.svc.cluster.local', '203.0.113.77'],
  ['a service’s name below another domain', 'ledger.bank.svc.corp.example', '203.0.113.77'],
  ['a name whose address is a private one', 'store.example.net', '10.96.7.7'],
])('a session that reaches %s is told as it was, where many reach peers of their own', (_, name, peer) => {
  expect(reach(peopled(24), RESOLVER, { name, peer })).toEqual([['medium']]);
});

/** A node where people worked so often, and a job of which it is known what it does. */
function peopled(sessions: number): World {
  const world = shop();
  ordinaryCalls(world, 60);
  people(world, sessions);
  // The job is known by what it does, and names are nothing that it asks for.
  for (let n = 0; n < 140; n++) {
    world.flow({
      ...DB,
      pid: 290,
      start: 890n * 1_000_000_000n,
      direction: 'connect',
      peer: '10.0.9.9',
      port: 5432,
    });
    quiet(world, 1);
  }
  return world;
}

test('data that leaves through names is told, by how much it can be; lookups of the same names are not', () => {
  const world = shop();
  ordinaryCalls(world, 60);
  const ask = (name: string): void => {
    const message = question(name, 'TXT');
    world.records(dnsRecord({ ...api, time: world.later(1), what: 'QUESTION', server: RESOLVER, message }));
  };
  for (let n = 0; n < 300; n++) ask('settings.example.org');
  world.tick();
  for (let n = 0; n < 100; n++)
    ask(`${Buffer.from(`record ${n * 7919} of it`).toString('hex')}.t.example.net`);
  world.tick();
  const { told, pipeline } = run(world);
  const loud = told.detections.filter(({ detector }) => detector === 'dns-labels');
  expect(loud.map(({ severity, techniques, facts }) => [severity, techniques, facts['domain']])).toEqual([
    ['medium', ['T1048', 'T1071.004'], 'example.net'],
  ]);
  const last = told.windows.findLast(({ container }) => container.cgroup === 500);
  expect(last?.counts).toMatchObject({ dnsNames: 100, dnsTextShare: 1 });
  // What was told is not learnt: of the windows none is as loud.
  const { labels } = pipeline.registry.baseline(API);
  const { windows } = labels.save() as { windows: number };
  expect([windows > 100, labels.chance(10_000)]).toEqual([true, 1 / (windows + 1)]);
});
