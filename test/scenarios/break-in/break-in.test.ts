/** A server is made to start a shell, which reads password hashes and sends them away. */
import { expect, test } from 'vitest';
import { API, breakIn, quiet, shop } from '../../builders/shop.ts';
import { run, type World } from '../../builders/world.ts';

function attacked(): World {
  const world = shop();
  quiet(world, 30);
  breakIn(world);
  world.tick();
  quiet(world, 3);
  return world;
}

test('tells each step at once, and one alert that explains them together', () => {
  const { told } = run(attacked());
  expect(told.detections.map(({ detector, severity, summary }) => [detector, severity, summary])).toEqual([
    ['server-spawns-shell', 'high', 'node started the shell dash'],
    ['rarity', 'medium', 'a program never started here before: node > /usr/bin/dash -c cat, curl'],
    ['rarity', 'medium', 'a program never started here before: dash > /usr/bin/cat'],
    ['secret-read', 'high', 'cat opened password hashes: /etc/shadow'],
    ['rarity', 'medium', 'a watched file never opened here before: cat r /etc/shadow'],
    ['rarity', 'medium', 'a program never started here before: dash > /usr/bin/curl'],
    ['shell-calls-out', 'high', 'curl connected to 203.0.113.9 port 443, in a shell started by node'],
    ['rarity', 'medium', 'a peer never connected to before: 203.0.113.9:443'],
  ]);
  const alerts = new Set(told.detections.map(({ alert }) => alert));
  expect(alerts.size).toBe(1);
  const last = told.alerts.at(-1);
  expect(last).toMatchObject({
    severity: 'critical',
    count: 8,
    detectors: ['server-spawns-shell', 'rarity', 'secret-read', 'shell-calls-out'],
    techniques: ['T1059.004', 'T1190', 'T1003.008', 'T1071', 'T1105'],
    title: `node started the shell dash in ${API}`,
    quality: '',
  });
  expect(last?.explanation).toContain(
    `New for ${API}: connection out "203.0.113.9:443", not seen in 60 periods; at most 4.3 % of its periods bring any new connection out (upper bound).`,
  );
});

test('names the container, the pod and the process of each step', () => {
  const { told } = run(attacked());
  expect(told.detections[6]).toMatchObject({
    container: { id: 'a'.repeat(64), cgroup: 500, identity: { pod: 'api-5d9c7b8f6d-aaaaa', workload: API } },
    process: { pid: 302, exe: 'curl', parent: 'dash', parentPid: 300 },
    facts: { program: 'curl', peer: '203.0.113.9', port: '443', fact: 'connect 203.0.113.9:443' },
  });
});

test('learns nothing of it: the same again is told again', () => {
  const world = attacked();
  quiet(world, 100);
  breakIn(world);
  world.tick();
  const { told } = run(world);
  const detectors = told.detections.map(({ detector }) => detector);
  expect(detectors.slice(8)).toEqual(detectors.slice(0, 8));
});

test('a replay gives the same ids, times and words', () => {
  const [first, second] = [run(attacked()).told, run(attacked()).told];
  expect(second.detections).toEqual(first.detections);
  expect(second.alerts).toEqual(first.alerts);
  expect(first.detections.map(({ id }) => id)).toHaveLength(
    new Set(first.detections.map(({ id }) => id)).size,
  );
});
