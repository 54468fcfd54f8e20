/** A peer is who it is in the cluster, whatever its address: a backend that is rolled is no new peer. */
import { expect, test } from 'vitest';
import { ClusterPeers } from '../../agent/identity/cluster-peers.ts';
import { NODE_PROCESS, ordinary, shop } from '../builders/shop.ts';
import { makePipeline, run, type World } from '../builders/world.ts';

const DB = 'data/StatefulSet/db';
const say = (world: World, names: Record<string, string>): void => {
  const all = Object.entries(names).map(([address, name]) => ({ name, addresses: [address] }));
  world.frames.push({ kind: 'peers', text: JSON.stringify({ version: 'v1', since: '', names: all }) });
};
const call = (world: World, peer: string): void => {
  ordinary(world);
  world.flow({ slot: 2, direction: 'connect', peer, port: 6432, ...NODE_PROCESS, exe: 'node' });
  world.tick();
};
const newPeers = (world: World): string[] =>
  run(world)
    .told.detections.filter(
      ({ detector, facts }) => detector === 'rarity' && facts['fact']?.startsWith('connect'),
    )
    .map(({ facts }) => facts['fact'] ?? '');

test('a backend whose address changes is no new peer, and who is of no known name is', () => {
  const world = shop();
  say(world, { '10.7.0.1': DB });
  for (let n = 0; n < 30; n++) call(world, '10.7.0.1');
  say(world, { '10.7.0.2': DB });
  call(world, '10.7.0.2');
  call(world, '10.7.0.3');
  expect(newPeers(world)).toEqual(['connect 10.7.0.3:6432']);
});

test('what was known by its address before names came is no new peer, and by its name from then on', () => {
  const world = shop();
  for (let n = 0; n < 30; n++) call(world, '10.7.0.1');
  say(world, { '10.7.0.1': DB });
  for (let n = 0; n < 4; n++) call(world, '10.7.0.1');
  say(world, { '10.7.0.2': DB });
  call(world, '10.7.0.2');
  expect(newPeers(world)).toEqual([]);
});

test('who takes over an address that was known is a new peer, under whatever name', () => {
  const world = shop();
  for (let n = 0; n < 30; n++) call(world, '10.7.0.1');
  say(world, { '10.7.0.1': DB });
  for (let n = 0; n < 4; n++) call(world, '10.7.0.1');
  say(world, { '10.7.0.1': 'other/ReplicaSet/stranger' });
  call(world, '10.7.0.1');
  expect(newPeers(world)).toEqual(['connect other/ReplicaSet/stranger:6432']);
});

test('an address that changed hands stays one that did, while nobody has it and over a restart', () => {
  const named = (name: string): string =>
    JSON.stringify({ version: name, since: '', names: [{ name, addresses: ['10.0.0.1'] }] });
  const peers = new ClusterPeers();
  peers.use(named('a/b/c'));
  expect(peers.isFirst('10.0.0.1')).toBe(true);
  peers.use(JSON.stringify({ version: 'w', since: '', names: [] }));
  peers.use(named('a/b/d'));
  const after = new ClusterPeers();
  after.use(peers.document());
  expect([peers.isFirst('10.0.0.1'), after.nameOf('10.0.0.1'), after.isFirst('10.0.0.1')]).toEqual([
    false,
    'a/b/d',
    false,
  ]);
  peers.use(named('a/b/c'));
  expect(peers.isFirst('10.0.0.1')).toBe(true);
});

test('an address that was given back counts over a restart as one that another had', () => {
  const peers = new ClusterPeers();
  const names = [
    { name: 'a/b/c', addresses: ['10.0.0.1'] },
    { name: 'a/b/d', addresses: ['10.0.0.2'] },
  ];
  peers.use(JSON.stringify({ version: 'v', since: '', names }));
  peers.use(JSON.stringify({ version: 'w', since: 'v', gone: ['10.0.0.1'] }));
  const after = new ClusterPeers();
  after.use(peers.document());
  const stranger = [{ name: 'x/y/z', addresses: ['10.0.0.1', '10.0.0.3'] }];
  after.use(JSON.stringify({ version: 'x', since: 'w', names: stranger }));
  const first = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => after.isFirst(address));
  expect(first).toEqual([false, true, true]);
});

test('a document that is none is counted; names are bounded and checked', () => {
  const { pipeline } = makePipeline();
  pipeline.frame({ kind: 'peers', text: '7' });
  expect(pipeline.counts().malformed).toEqual({ peers: 1 });
  const peers = new ClusterPeers();
  const names = [
    { name: 'a/b/c', addresses: ['10.0.0.1', 'no address'] },
    { name: 'x'.repeat(600), addresses: ['10.0.0.2'] },
    7,
  ];
  peers.use(JSON.stringify({ version: 'v', since: '', names }));
  expect([peers.size, peers.nameOf('10.0.0.1')]).toEqual([1, 'a/b/c']);
});
