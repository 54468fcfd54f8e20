import { expect, test } from 'vitest';
import { decodeAudit } from '../../../central/audit/decode.ts';
import type { AuditEvent } from '../../../central/audit/event.ts';
import { generalName, NOVELTY, Novelty, tupleOf } from '../../../central/audit/novelty.ts';

function event(username: string, verb: string, resource: string, more: object = {}): AuditEvent {
  const base = {
    kind: 'Event',
    verb,
    user: { username },
    objectRef: { resource },
    responseStatus: { code: 200 },
  };
  const decoded = decodeAudit({ ...base, ...more });
  if (decoded === null) throw new Error('not decoded');
  return decoded;
}
const letter = (n: number): string => String.fromCharCode(97 + (n % 26));
const steady = (i: number): AuditEvent =>
  event(`system:node:n${i % 40}`, 'watch', ['pods', 'secrets', 'nodes'][i % 3] ?? '');

test('what nobody did before is told once things are quiet, and only the first time', () => {
  const novelty = new Novelty();
  for (let i = 0; i < 2000; i += 1) novelty.learn(steady(i), i * 100);
  const strange = event('ada', 'delete', 'pods');
  expect(novelty.learn(strange, 300_000)).toMatchObject({ begins: true, tuple: 'ada delete /pods' });
  expect(novelty.learn(strange, 900_000)).toBeNull();
});

test('while everything is new nothing is, but what is risky by itself', () => {
  const novelty = new Novelty();
  const crowd = Array.from({ length: 200 }, (_, i) =>
    event(`user-${letter(i)}`, 'create', `kind${letter(i * 7)}`),
  );
  const told = crowd.filter((one, i) => novelty.learn(one, i * 10) !== null);
  expect(told.length).toBeLessThan(3);
  const more = { requestObject: { roleRef: { name: 'cluster-admin' } } };
  const binding = event('mallory', 'create', 'clusterrolebindings', more);
  expect(novelty.learn(binding, 5000)?.risk).toBeGreaterThan(NOVELTY.risk);
});

test('all that is new within a minute is one group', () => {
  const novelty = new Novelty();
  for (let i = 0; i < 4000; i += 1) novelty.learn(steady(i), i);
  const told = ['a', 'b', 'c', 'd'].map((name, i) =>
    novelty.learn(event(`person-${name}`, 'delete', 'pods'), 10_000 + i * 25_000),
  );
  expect(told.map((entry) => entry?.begins)).toEqual([true, false, false, true]);
});

test('old counts fade: a cluster that became quiet is surprised again', () => {
  const novelty = new Novelty({ ...NOVELTY, halfLife: 100 });
  for (let i = 0; i < 50; i += 1)
    novelty.learn(event(`person-${letter(i)}${letter(i / 26)}`, 'get', 'pods'), i);
  const lively = novelty.surprise;
  for (let i = 0; i < 2000; i += 1) novelty.learn(steady(i), i);
  expect(lively).toBeLessThan(2);
  expect(novelty.surprise).toBeGreaterThan(5);
});

test('nodes, ways of reading and names that controllers make up are one; what was refused is another', () => {
  expect(tupleOf(event('system:node:a', 'get', 'pods'))).toBe(
    tupleOf(event('system:node:b', 'watch', 'pods')),
  );
  expect(generalName('web-5d9c7b8f6d-x7k2p')).toBe(generalName('web-7f6c9d8b5c-q9w4z'));
  expect(generalName('web')).not.toBe(generalName('api'));
  const denied = event('ada', 'get', 'pods', { responseStatus: { code: 403 } });
  expect(tupleOf(denied)).not.toBe(tupleOf(event('ada', 'get', 'pods')));
});

test('keeps a bounded number of tuples', () => {
  const novelty = new Novelty({ ...NOVELTY, limit: 50 });
  for (let i = 0; i < 500; i += 1) novelty.learn(event(`u${letter(i)}${letter(i / 26)}`, 'get', 'pods'), i);
  expect(novelty.size).toBe(50);
});
