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
