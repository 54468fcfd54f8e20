import { expect, test } from 'vitest';
import { decodeRecords } from '../../../agent/events/decode.ts';
import type { Container } from '../../../agent/identity/container.ts';
import { Processes } from '../../../agent/identity/processes.ts';
import { execRecord, flowRecord } from '../../builders/records.ts';

const C1 = { id: 'c1', madeAt: null };

function note(processes: Processes, ...records: Buffer[]): void {
  for (const event of decodeRecords(Buffer.concat(records)).events) processes.note(event, C1);
}

test('knows a process by pid and start, what it ran before and what started it', () => {
  const processes = new Processes();
  note(
    processes,
    execRecord({
      pid: 2,
      start: 20n,
      parentPid: 1,
      parentStart: 10n,
      path: '/bin/sh',
      parentExe: 'node',
      time: 21n,
    }),
    execRecord({
      pid: 2,
      start: 20n,
      parentPid: 1,
      parentStart: 10n,
      path: '/usr/bin/python3',
      parentExe: 'node',
      time: 22n,
    }),
    flowRecord({
      pid: 3,
      start: 30n,
      parentPid: 2,
      parentStart: 20n,
      direction: 'connect',
      peer: '1.1.1.1',
      port: 1,
      exe: 'python3',
    }),
  );
  expect(processes.lineage(3, 30n).map(({ pid, exe, before, execAt }) => [pid, exe, before, execAt])).toEqual(
    [
      [3, 'python3', [], null],
      [2, 'python3', ['sh'], 22n],
      [1, 'node', [], null],
    ],
  );
  expect(processes.lineage(2, 99n)).toEqual([]);
});

test('a fork has run its program since that was executed last in its container, or since picket looks', () => {
  const processes = new Processes();
  const exec = (pid: number, path: string, parentExe: string, time: bigint): Buffer =>
    execRecord({ pid, start: time, parentPid: 90 + pid, parentStart: time - 1n, path, parentExe, time });
  note(processes, exec(1, '/bin/first', 'x', 100n), exec(2, '/bin/app', 'first', 500n));
  note(processes, exec(3, '/bin/sh', 'app', 900n), exec(4, '/bin/sh', 'old', 950n));
  const since = (pid: number, start: bigint): (bigint | undefined)[] =>
    processes.lineage(pid, start).map(({ ranSince }) => ranSince);
  expect([since(3, 900n), since(4, 950n)]).toEqual([
    [900n, 500n],
    [950n, 100n],
  ]);
  processes.forget([{ container: { id: 'c1' } as Container, goneAt: 1000n }]);
  note(processes, exec(5, '/bin/sh', 'app', 1100n));
  expect(since(5, 1100n)).toEqual([1100n, 100n]);
});

test('where nobody saw it executed it has run since its container is there, or since picket looks', () => {
  const processes = new Processes();
  const since = (madeAt: bigint | null, pid: number): bigint | undefined => {
    const at = { pid, start: 5000n, parentPid: 90 + pid, parentStart: 4999n, time: 5000n };
    for (const event of decodeRecords(execRecord({ ...at, path: '/bin/sh', parentExe: 'server' })).events)
      processes.note(event, { id: `of ${pid}`, madeAt });
    return processes.lineage(pid, 5000n)[1]?.ranSince;
  };
  note(processes, execRecord({ pid: 9, start: 50n, path: '/bin/first', time: 100n }));
  expect([since(null, 1), since(70n, 2), since(4000n, 3)]).toEqual([100n, 100n, 4000n]);
});

test('a container that executes very much takes away no time of another', () => {
  const processes = new Processes();
  const exec = (pid: number, time: bigint, exe: string, parentExe = ''): Buffer =>
    execRecord({
      pid,
      start: time,
      parentPid: 7,
      parentStart: time - 1n,
      path: `/bin/${exe}`,
      parentExe,
      time,
    });
  note(processes, exec(1, 100n, 'first'), exec(2, 500n, 'app'));
  const other = Array.from({ length: 17_000 }, (_, n) => exec(3, BigInt(600 + n), `x${n}`));
  for (const event of decodeRecords(Buffer.concat(other)).events)
    processes.note(event, { id: 'c2', madeAt: null });
  note(processes, exec(4, 90_000n, 'sh', 'app'));
  expect(processes.lineage(4, 90_000n)[1]?.ranSince).toBe(500n);
});

test('what a program of many in one file was started as stays known when it becomes another', () => {
  const processes = new Processes();
  const one = { pid: 2, start: 20n };
  note(processes, execRecord({ ...one, path: '/bin/busybox', args: ['/bin/sh', '-c', 'x'], time: 21n }));
  note(processes, flowRecord({ ...one, direction: 'connect', peer: '1.1.1.1', port: 1, exe: 'busybox' }));
  const said = () => processes.lineage(2, 20n).map(({ exe, program, before }) => [exe, program, before])[0];
  expect(said()).toEqual(['busybox', 'sh', []]);
  note(processes, execRecord({ ...one, path: '/usr/bin/python3', time: 22n }));
  expect(said()).toEqual(['python3', 'python3', ['sh']]);
});

test('a lineage that runs in a circle ends', () => {
  const processes = new Processes();
  note(processes, execRecord({ pid: 2, start: 20n, parentPid: 2, parentStart: 20n, path: '/bin/sh' }));
  expect(processes.lineage(2, 20n)).toHaveLength(1);
});

test('keeps a bounded number, the latest', () => {
  const processes = new Processes();
  for (let pid = 1; pid <= 20_000; pid++)
    note(processes, execRecord({ pid, start: 1n, parentPid: 0, path: '/bin/true' }));
  expect([processes.size, processes.lineage(1, 1n).length, processes.lineage(20_000, 1n).length]).toEqual([
    16_384, 0, 1,
  ]);
});

test('what started a first process or the runtime is outside; what started anything else is where its child is', () => {
  const processes = new Processes();
  const child = { start: 20n, parentStart: 10n, path: '/app/run', parentExe: 'python3.11' };
  note(processes, execRecord({ ...child, pid: 2, innerPid: 1, parentPid: 1 }));
  note(processes, execRecord({ ...child, pid: 3, innerPid: 3, parentPid: 4, path: '/usr/bin/crun' }));
  note(processes, execRecord({ ...child, pid: 5, innerPid: 7, parentPid: 6 }));
  expect(processes.lineage(2, 20n).map(({ home }) => home)).toEqual(['c1', 'host']);
  expect(processes.lineage(3, 20n).map(({ home }) => home)).toEqual(['c1', 'host']);
  expect(processes.lineage(5, 20n).map(({ home }) => home)).toEqual(['c1', 'c1']);
});

test('what ran in a container that is gone is forgotten; who has its id now stays, and so do others', () => {
  const processes = new Processes();
  const at = (pid: number, start: bigint) => execRecord({ pid, start, path: '/bin/sh', time: start });
  note(processes, at(2, 20n), at(3, 30n));
  for (const event of decodeRecords(at(4, 10n)).events) processes.note(event, { ...C1, id: 'c2' });
  processes.forget([{ container: { id: 'c1' } as Container, goneAt: 25n }]);
  const known = (pid: number, start: bigint): boolean => processes.lineage(pid, start).length > 0;
  expect([known(2, 20n), known(3, 30n), known(4, 10n)]).toEqual([false, true, true]);
});
