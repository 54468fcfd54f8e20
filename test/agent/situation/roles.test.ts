import { expect, test } from 'vitest';
import type { Event, ExecEvent } from '../../../agent/events/event.ts';
import type { Container } from '../../../agent/identity/container.ts';
import { Roles } from '../../../agent/situation/roles.ts';
import { SECOND } from '../../builders/records.ts';

const container = (madeAt: bigint | null, cgroup = 5): Container => ({
  id: `c${cgroup}`,
  kind: 'container',
  cgroup,
  path: '/x',
  runtime: 'containerd',
  madeAt,
  settled: true,
  identity: { name: 'api', pod: 'p', podUid: 'u', namespace: 'n', workload: 'w', image: '', imageDigest: '' },
});
const HOST: Container = { ...container(null, 0), id: 'host', kind: 'host' };

interface Fields {
  pid: number;
  parent: number;
  at: number;
  exe?: string;
  parentExe?: string;
  innerPid?: number;
  args?: string[];
  start?: number;
}
const process = ({ pid, parent, start, at }: Fields) => ({
  pid,
  start: BigInt(start ?? Math.min(at, pid)) * SECOND,
  parentPid: parent,
  parentStart: BigInt(parent) * SECOND,
  uid: 0,
});
/** Processes start at the second of their number, so that a parent is found by it. */
const exec = (fields: Fields): ExecEvent =>
  ({
    kind: 'exec',
    time: BigInt(fields.at) * SECOND,
    process: process({ ...fields, start: fields.start ?? fields.pid }),
    path: `/usr/bin/${fields.exe}`,
    exe: fields.exe ?? '',
    parentExe: fields.parentExe ?? '',
    innerPid: fields.innerPid ?? fields.pid,
    args: fields.args ?? [fields.exe ?? ''],
  }) as unknown as ExecEvent;
const act = (fields: Fields): Event =>
  ({
    kind: 'action',
    action: 'setns',
    time: BigInt(fields.at) * SECOND,
    process: process({ ...fields, start: fields.start ?? fields.pid }),
    exe: fields.exe ?? '',
  }) as unknown as Event;

test('a container’s first program is its own, however often the runtime enters to start it', () => {
  const roles = new Roles(0n);
  const made = container(100n * SECOND);
  roles.of(act({ pid: 90, parent: 1, at: 90, exe: 'runtimed' }), HOST);
  expect(
    roles.of(exec({ pid: 101, parent: 90, at: 101, exe: 'crun', parentExe: 'runtimed' }), made).kind,
  ).toBe('setup');
  expect(roles.of(act({ pid: 102, parent: 90, at: 102, exe: 'crun' }), made).kind).toBe('setup');
  expect(
    roles.of(exec({ pid: 103, parent: 102, at: 103, exe: 'nginx', parentExe: 'crun', innerPid: 1 }), made)
      .kind,
  ).toBe('own');
  expect(roles.of(act({ pid: 104, parent: 103, at: 104, exe: 'nginx' }), made).kind).toBe('own');
});

test('who comes later from outside is a session, with all that descends from it', () => {
  const roles = new Roles(200n * SECOND);
  const old = container(null);
  roles.of(act({ pid: 90, parent: 1, at: 201, exe: 'shim' }), HOST);
  expect(roles.of(act({ pid: 103, parent: 90, at: 201, exe: 'nginx' }), old).kind).toBe('own'); // there before us
  expect(roles.of(act({ pid: 301, parent: 90, at: 301, exe: 'runc' }), old).kind).toBe('setup');
  const shell = roles.of(
    exec({ pid: 302, parent: 301, at: 303, exe: 'bash', parentExe: 'runc', innerPid: 40 }),
    old,
  );
  expect(shell).toMatchObject({ kind: 'session', reason: expect.stringContaining('started /usr/bin/bash') });
  expect(
    roles.of(exec({ pid: 303, parent: 302, at: 304, exe: 'psql', parentExe: 'bash', innerPid: 41 }), old),
  ).toEqual(shell);
  // A record that comes late, of what the runtime did before the shell ran.
  expect(roles.of(act({ pid: 302, parent: 301, at: 302, exe: 'runc' }), old).kind).toBe('setup');
});

test('a workload cannot pass for an operator, nor for the runtime, by names', () => {
  const roles = new Roles(200n * SECOND);
  const old = container(null);
  roles.of(act({ pid: 103, parent: 90, at: 201, exe: 'nginx' }), old);
  for (const exe of ['runc', 'containerd-shim', 'crun'])
    expect(
      roles.of(exec({ pid: 310, parent: 103, at: 310, exe, parentExe: 'nginx', innerPid: 7 }), old).kind,
    ).toBe('own');
  expect(
    roles.of(exec({ pid: 311, parent: 310, at: 311, exe: 'bash', parentExe: 'runc', innerPid: 8 }), old).kind,
  ).toBe('own');
  // Nor does a session become the runtime by running something of that name inside.
  roles.of(act({ pid: 90, parent: 1, at: 320, exe: 'shim' }), HOST);
  roles.of(exec({ pid: 321, parent: 90, at: 321, exe: 'sh', parentExe: 'shim', innerPid: 50 }), old);
  expect(
    roles.of(exec({ pid: 322, parent: 321, at: 322, exe: 'runc', parentExe: 'sh', innerPid: 51 }), old).kind,
  ).toBe('session');
  expect(
    roles.of(exec({ pid: 330, parent: 90, at: 330, exe: 'runc', parentExe: 'shim', innerPid: 52 }), old).kind,
  ).toBe('session');
});

test('who comes after the first program is a session though a helper of the runtime hid whose that was', () => {
  const roles = new Roles(200n * SECOND);
  const made = container(210n * SECOND);
  roles.of(act({ pid: 90, parent: 1, at: 205, exe: 'runtimed' }), HOST);
  roles.of(exec({ pid: 211, parent: 90, at: 211, exe: 'runc', parentExe: 'runtimed' }), made);
  // 212 did nothing that was told.
  roles.of(act({ pid: 213, parent: 212, at: 213, exe: 'runc' }), made);
  expect(
    roles.of(exec({ pid: 213, parent: 212, at: 214, exe: 'node', parentExe: 'runc', innerPid: 1 }), made)
      .kind,
  ).toBe('own');
  roles.of(act({ pid: 228, parent: 90, at: 228, exe: 'runc' }), made);
  expect(
    roles.of(exec({ pid: 229, parent: 228, at: 229, exe: 'sh', parentExe: 'runc', innerPid: 15 }), made).kind,
  ).toBe('session');
});

test('a runtime that enters is a session’s though whoever started it was never seen or is forgotten', () => {
  const roles = new Roles(200n * SECOND);
  const made = container(210n * SECOND);
  roles.of(act({ pid: 90, parent: 1, at: 205, exe: 'runtimed' }), HOST);
  roles.of(exec({ pid: 211, parent: 90, at: 211, exe: 'runc', parentExe: 'runtimed' }), made);
  roles.of(exec({ pid: 212, parent: 211, at: 212, exe: 'node', parentExe: 'runc', innerPid: 1 }), made);
  // Its first deed is no start of a program, and its parent did nothing that was told.
  roles.of(act({ pid: 228, parent: 80, at: 228, exe: 'kubectl' }), made);
  expect(
    roles.of(exec({ pid: 228, parent: 80, at: 229, exe: 'runc', parentExe: 'kubectl' }), made).kind,
  ).toBe('setup');
  expect(
    roles.of(exec({ pid: 230, parent: 228, at: 230, exe: 'sh', parentExe: 'runc', innerPid: 15 }), made).kind,
  ).toBe('session');
  // In a container whose own programs have the node's numbers anybody may have such a number and name.
  const sharing = container(240n * SECOND, 6);
  roles.of(exec({ pid: 241, parent: 90, at: 241, exe: 'runc', parentExe: 'runtimed' }), sharing);
  roles.of(exec({ pid: 242, parent: 241, at: 242, exe: 'agent', parentExe: 'runc' }), sharing);
  expect(roles.of(exec({ pid: 260, parent: 1, at: 260, exe: 'runc', parentExe: 'init' }), sharing).kind).toBe(
    'own',
  );
});

test('what a process becomes whose parent turns out to act outside is a session’s, though a mere action of it came first', () => {
  const roles = new Roles(200n * SECOND);
  const made = container(210n * SECOND);
  roles.of(act({ pid: 90, parent: 1, at: 205, exe: 'runtimed' }), HOST);
  roles.of(exec({ pid: 211, parent: 90, at: 211, exe: 'runc', parentExe: 'runtimed' }), made);
  roles.of(exec({ pid: 212, parent: 211, at: 212, exe: 'node', parentExe: 'runc', innerPid: 1 }), made);
  const shell = { exe: 'sh', innerPid: 15, parentExe: 'runc' };
  roles.of(act({ pid: 228, parent: 227, at: 228, exe: 'runc' }), made);
  roles.of(act({ pid: 227, parent: 90, at: 227, exe: 'runc' }), HOST);
  expect(roles.of(exec({ ...shell, pid: 228, parent: 227, at: 229 }), made).kind).toBe('session');
  // A child of what is inside, whatever its parent calls itself, and what was there for long.
  roles.of(act({ pid: 230, parent: 212, at: 230, exe: 'node' }), made);
  expect(roles.of(exec({ ...shell, pid: 230, parent: 212, at: 231 }), made).kind).toBe('own');
  roles.of(act({ pid: 232, parent: 226, at: 232, exe: 'node' }), made);
  roles.of(act({ pid: 226, parent: 90, at: 226, exe: 'runc' }), HOST);
  expect(roles.of(exec({ ...shell, pid: 232, parent: 226, at: 260 }), made).kind).toBe('own');
});

test('the container’s first program is its own though its runtime proves to act outside only later', () => {
  const roles = new Roles(200n * SECOND);
  const made = container(210n * SECOND);
  roles.of(exec({ pid: 212, parent: 211, at: 212, exe: 'start.sh', parentExe: 'runc', innerPid: 1 }), made);
  roles.of(act({ pid: 211, parent: 90, at: 211, exe: 'runc' }), HOST);
  const node = exec({ pid: 212, parent: 211, at: 213, exe: 'node', parentExe: 'runc', innerPid: 1 });
  expect(roles.of(node, made).kind).toBe('own');
});

test.each([
  ['before the agent', null],
  ['while we watched', 210n],
])('a fork of a copy named runc, of which no record tells, makes nobody a session in a container made %s', (_, at) => {
  const roles = new Roles(200n * SECOND);
  const home = container(at === null ? null : at * SECOND);
  roles.of(act({ pid: 90, parent: 1, at: 205, exe: 'runtimed' }), HOST);
  const main = { pid: 212, parent: 90, at: 212, exe: 'node', parentExe: 'runc', innerPid: 1, start: 195 };
  roles.of(exec(at === null ? main : { ...main, start: 212 }), home);
  roles.of(exec({ pid: 300, parent: 212, at: 300, exe: 'runc', parentExe: 'node', innerPid: 30 }), home);
  // 301 is a fork of 300, and 302 and 303 are of 301: one acts and then executes, the other executes at once.
  const child = { parent: 301, parentExe: 'runc', exe: 'sh' };
  roles.of(act({ pid: 302, parent: 301, at: 302, exe: 'runc' }), home);
  expect(roles.of(exec({ ...child, pid: 302, at: 303, innerPid: 32 }), home).kind).toBe('own');
  expect(roles.of(exec({ ...child, pid: 303, at: 304, innerPid: 33 }), home).kind).toBe('own');
});

test('a child whose records come before those of its parent is of its parent’s session', () => {
  const roles = new Roles(200n * SECOND);
  const old = container(null);
  roles.of(act({ pid: 90, parent: 1, at: 201, exe: 'shim' }), HOST);
  roles.of(act({ pid: 302, parent: 301, at: 302, exe: 'runc' }), old);
  roles.of(exec({ pid: 301, parent: 90, at: 301, exe: 'runc', parentExe: 'shim' }), old);
  const shell = exec({ pid: 302, parent: 301, at: 303, exe: 'sh', parentExe: 'runc', innerPid: 9 });
  expect(roles.of(shell, old).kind).toBe('session');
  // What the workload itself started stays its own.
  roles.of(exec({ pid: 304, parent: 250, at: 304, exe: 'ls', parentExe: 'node', innerPid: 10 }), old);
  expect(roles.of(act({ pid: 304, parent: 250, at: 305, exe: 'ls' }), old).kind).toBe('own');
});

test('the same command from outside at a regular time is a probe, until it stays away', () => {
  const roles = new Roles(200n * SECOND);
  const old = container(null);
  roles.of(act({ pid: 90, parent: 1, at: 201, exe: 'shim' }), HOST);
  const kinds = [300, 310, 320, 330, 340, 900].map(
    (at) =>
      roles.of(exec({ pid: at, parent: 90, at, exe: 'pg_isready', parentExe: 'runc', innerPid: 9 }), old)
        .kind,
  );
  expect(kinds).toEqual(['session', 'session', 'session', 'probe', 'probe', 'session']);
});

test('the node’s own processes are the node’s', () => {
  expect(new Roles(0n).of(act({ pid: 9, parent: 1, at: 9, exe: 'bash' }), HOST).kind).toBe('node');
});

test('a late record of where a process was before does not take it out of its container again', () => {
  const roles = new Roles(0n);
  const made = container(100n * SECOND);
  roles.of(act({ pid: 103, parent: 90, at: 103, exe: 'runtimed' }), HOST);
  expect(
    roles.of(exec({ pid: 103, parent: 90, at: 105, exe: 'nginx', parentExe: 'runtimed' }), made).kind,
  ).toBe('own');
  // What it did on the node before comes by the slower way.
  expect(roles.of(act({ pid: 103, parent: 90, at: 104, exe: 'runtimed' }), HOST).kind).toBe('node');
  expect(roles.of(act({ pid: 103, parent: 90, at: 106, exe: 'nginx' }), made).kind).toBe('own');
});

test('who enters, runs no program and stays is no runtime for ever', () => {
  const roles = new Roles(200n * SECOND);
  const old = container(null);
  roles.of(act({ pid: 90, parent: 1, at: 201, exe: 'shim' }), HOST);
  const at = (time: number) =>
    roles.of(act({ pid: 301, parent: 90, at: time, exe: 'tool', start: 301 }), old);
  expect([at(301).kind, at(310).kind, at(317).kind]).toEqual(['setup', 'setup', 'session']);
  expect(at(318).reason).toMatch(/^It belongs to a session: tool entered from outside the container, as/);
});

test('processes of containers that are gone are forgotten, those of others are not', () => {
  const roles = new Roles(0n);
  const [one, two] = [container(100n * SECOND, 5), container(100n * SECOND, 6)];
  for (const [each, pid] of [
    [one, 101],
    [two, 102],
  ] as const)
    roles.of(exec({ pid, parent: 90, at: pid, exe: 'api' }), each);
  roles.of(act({ pid: 90, parent: 1, at: 110, exe: 'runtimed' }), HOST);
  roles.of(exec({ pid: 120, parent: 90, at: 120, exe: 'sh', parentExe: 'runc' }), two);
  const before = roles.size;
  roles.forget([one]);
  expect([before, roles.size]).toEqual([4, 3]);
  expect(roles.of(exec({ pid: 121, parent: 120, at: 121, exe: 'cat' }), two).kind).toBe('session');
});
