/** What is private stands in nothing that is told, whatever detector told it. */
import { expect, test } from 'vitest';
import { alertLine } from '../../../agent/alerts/alert.ts';
import { detectionLine } from '../../../agent/alerts/detection.ts';
import { type How, Privacy } from '../../../agent/alerts/privacy.ts';
import { alertMessage, detectionMessage } from '../../../agent/uplink/shapes.ts';
import { hashKey } from '../../../kit/sketch/hash-key.ts';
import { NODE_PROCESS, ordinary, quiet, shop } from '../../builders/shop.ts';
import { run } from '../../builders/world.ts';

const KEY = hashKey('5a'.repeat(32));
const OTHER = hashKey('6b'.repeat(32));
const WHERE = { node: 'node-a', cluster: 'c1' };
const privacyOf = (how: How, except: readonly string[] = []) => new Privacy({ how, except, own: () => KEY });

/** A workload that does what it never did: programs, files, peers of names that nothing else has. */
function told() {
  const world = shop();
  quiet(world, 40);
  for (let n = 0; n < 6; n++) {
    ordinary(world);
    const child = { parentPid: NODE_PROCESS.pid, parentStart: NODE_PROCESS.start, parentExe: 'node' };
    const shell = { slot: 2, pid: 8000 + n, start: world.now, ...child };
    world.exec({ ...shell, path: '/bin/sh', args: ['sh', '-c', 'zq7arg'] });
    world.exec({
      ...{
        slot: 2,
        pid: 9000 + n,
        start: world.now,
        parentPid: NODE_PROCESS.pid,
        parentStart: NODE_PROCESS.start,
      },
      ...{ path: `/zq7path/zq7tool${n}`, args: ['zq7arg', '--zq7'], parentExe: 'node' },
    });
    world.tick();
  }
  return run(world).told;
}
const { detections, alerts } = told();
const json = (value: unknown): string =>
  JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner));
const allOf = (privacy: Privacy): string => {
  const masked = detections.map((one) => privacy.detection(one));
  const raised = alerts.map((one) => privacy.alert(one));
  return json([
    masked.map((one) => [detectionLine(one, WHERE), detectionMessage(one)]),
    raised.map((one) => [alertLine(one, WHERE), alertMessage(one)]),
  ]);
};

test('told, they are as they were', () => {
  expect(detections.length).toBeGreaterThan(0);
  expect(alerts.length).toBeGreaterThan(0);
  expect(allOf(privacyOf('told'))).toContain('zq7tool');
  expect(detections.map((one) => privacyOf('told').detection(one))).toEqual(detections);
});

test.each(['hashed', 'dropped'] as const)('%s, no value and no sentence made of it is left', (how) => {
  const text = allOf(privacyOf(how));
  expect(text).not.toContain('zq7');
  // Nor what stands in any fact or sentence of any detector, whatever it is called.
  const values = detections.flatMap(({ facts, summary, process }) => [
    ...Object.values(facts).filter((value) => value.length > 5 && !/^[\d.:]+$/.test(value)),
    summary,
    process?.exe ?? '',
  ]);
  const sentences = alerts.flatMap(({ title, explanation, context }) => [title, ...explanation, ...context]);
  const clear = [...values, ...sentences].filter(
    (value) => value.length > 5 && text.includes(json(value).slice(1, -1)),
  );
  expect(clear).toEqual([]);
});

test('hashed, the same value is the same everywhere, and another under another key', () => {
  const [privacy, again] = [privacyOf('hashed'), privacyOf('hashed')];
  const value = privacy.value('path', '/bin/sh');
  expect(value).toMatch(/^hash:[0-9a-f]{16}$/);
  expect([again.value('exe', '/bin/sh'), again.value('path', '/bin/ash') === value]).toEqual([value, false]);
  expect(privacy.value('fact', 'program /bin/sh')).toBe(`program ${value}`);
  privacy.use([OTHER]);
  expect(privacy.value('path', '/bin/sh')).not.toBe(value);
});

test('dropped, a fact is not there; harmless ones and exceptions are', () => {
  const privacy = privacyOf('dropped', ['peer']);
  const [any] = detections;
  if (any === undefined) throw new Error('no detection');
  const facts = { path: '/bin/sh', peer: '10.0.0.7', session: '7:8', lost: '3', made_up_later: 'x' };
  expect(privacy.detection({ ...any, facts }).facts).toEqual({ peer: '10.0.0.7', session: '7:8', lost: '3' });
});

test.each([
  'hashed',
  'dropped',
] as const)('%s, ids cannot be tried without the key, and still join', (how) => {
  const idsOf = (privacy: Privacy) => ({
    found: detections.map((one) => privacy.detection(one)).map(({ id, alert }) => [id, alert]),
    raised: alerts.map((one) => privacy.alert(one).id),
  });
  const privacy = privacyOf(how);
  const ids = idsOf(privacy);
  const before = new Set([
    ...detections.flatMap(({ id, alert }) => [id, alert]),
    ...alerts.map(({ id }) => id),
  ]);
  const all = [...ids.found.flat(), ...ids.raised].filter((id) => id !== '');
  expect(all.filter((id) => before.has(id) || !/^(?:det|alr)-[0-9a-f]{20}$/.test(id))).toEqual([]);
  expect(new Set(ids.raised).size).toBe(new Set(alerts.map(({ id }) => id)).size);
  const causes = new Set(ids.found.map(([, alert]) => alert));
  expect(ids.raised.filter((id) => !causes.has(id))).toEqual([]);
  privacy.use([OTHER]);
  expect(idsOf(privacy)).toEqual(ids);
  expect(idsOf(new Privacy({ how, except: [], own: () => OTHER })).raised).not.toEqual(ids.raised);
});
