import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { PodEntry } from '../../../central/audit/watch.ts';
import { APART_MS, type EnteredContainer, nameOf, sentenceOf } from '../../../central/correlate/sessions.ts';

const T0 = 1_800_000_000_000;
const hash = (...command: string[]): string =>
  createHash('sha256').update(command.join('\0')).digest('hex').slice(0, 16);

function session(command: string[], change: Partial<EnteredContainer> = {}): EnteredContainer {
  return {
    ...{ cluster: 'local', node: 'n1', boot: 'b', root: '7:1', container: 'c'.repeat(64), namespace: 'shop' },
    ...{
      pod: 'web-0',
      name: 'web',
      workload: 'w',
      atMs: T0,
      pid: 7,
      exe: 'sh',
      argsSha256: hash(...command),
    },
    argsCount: command.length,
    argsBytes: command.reduce((sum, word) => sum + word.length + 1, 0),
    argsCut: false,
    ...change,
  };
}
function entry(user: string, command: string[], change: Partial<PodEntry> = {}): PodEntry {
  return {
    ...{ id: `id-${user}-${command.join()}`, cluster: 'local', atMs: T0 + 900, kind: 'exec', user },
    ...{ groups: ['team'], sources: ['192.0.2.7'], userAgent: 'kubectl', namespace: 'shop', pod: 'web-0' },
    ...{ container: 'web', command, outcome: 'done', from: 'kubernetes' },
    ...change,
  };
}
const users = (of: EnteredContainer, entries: PodEntry[]) => {
  const named = nameOf(of, entries);
  return named === null ? null : [named.by, ...named.identities.map(({ user }) => user)];
};

test('two who enter one pod at one time are told apart by their commands', () => {
  const entries = [entry('ada', ['sh', '-c', 'id']), entry('eve', ['sh', '-c', 'cat /etc/shadow'])];
  expect(users(session(['sh', '-c', 'id']), entries)).toEqual(['command', 'ada']);
  expect(users(session(['sh', '-c', 'cat /etc/shadow']), entries)).toEqual(['command', 'eve']);
});

test('two with the same command are both named, and that it is one of them', () => {
  const named = nameOf(session(['sh']), [entry('eve', ['sh']), entry('ada', ['sh'])]);
  expect(named?.identities.map(({ user }) => user)).toEqual(['ada', 'eve']);
  expect(named === null ? '' : sentenceOf(session(['sh']), named)).toBe(
    'One of ada from 192.0.2.7, eve from 192.0.2.7 entered shop/web-0/web and started sh (process 7); all of them asked with this command.',
  );
});

test('the same user twice is one', () => {
  expect(users(session(['sh']), [entry('ada', ['sh']), entry('ada', ['sh'], { id: 'other' })])).toEqual([
    'command',
    'ada',
  ]);
});

test('of a long command the shape counts', () => {
  const command = ['sh', '-c', 'x'.repeat(9000)];
  const long = session(command, { argsCut: true, argsSha256: 'f'.repeat(16) });
  expect(users(long, [entry('ada', command), entry('eve', ['sh', '-c', 'y'])])).toEqual(['shape', 'ada']);
});

test('where the request has no command, pod and time count', () => {
  expect(users(session(['sh']), [entry('ada', [])])).toEqual(['time', 'ada']);
  expect(users(session(['sh']), [entry('ada', []), entry('eve', ['sh'])])).toEqual(['command', 'eve']);
});

test.each<[string, Partial<PodEntry>]>([
  ['another pod', { pod: 'web-1' }],
  ['another namespace', { namespace: 'other' }],
  ['another container', { container: 'proxy' }],
  ['another cluster', { cluster: 'other' }],
  ['a refused request', { outcome: 'refused' }],
  ['a way that starts no process', { kind: 'portforward' }],
  ['too long before', { atMs: T0 - APART_MS - 1 }],
  ['too long after', { atMs: T0 + APART_MS + 1 }],
  ['another command', { command: ['bash'] }],
])('%s names nobody', (_, change) => {
  expect(users(session(['sh']), [entry('ada', ['sh'], change)])).toBeNull();
});

test('a request before its process names it as one after it does', () => {
  expect(users(session(['sh']), [entry('ada', ['sh'], { atMs: T0 - 2000 })])).toEqual(['command', 'ada']);
});
