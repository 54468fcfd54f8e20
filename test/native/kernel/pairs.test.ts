import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { callIds } from '../../../agent/features/call-ids.ts';
import type { Probe, ProbeOptions } from '../../../native/index.ts';
import {
  cleanUp,
  constant,
  type Doer,
  makeCgroup,
  openTestProbe,
  skipReason,
  startDoer,
  type TestCgroup,
  type TestProbe,
  until,
} from '../kernel-fixtures.ts';

const ARM = process.arch === 'arm64';
const IDS = callIds(ARM ? 'arm64' : 'x64');
const CALL = ARM
  ? { read: 63, write: 64, getppid: 173, getuid: 174, gettid: 178, getegid: 177 }
  : { read: 0, write: 1, getppid: 110, getuid: 102, gettid: 186, getegid: 108 };
const { read, write, getppid, getuid, gettid, getegid } = CALL;

type Pair = readonly [number, number];

/** Pairs of ids whose bits are set, as `previous current`. */
function pairsIn(bits: Buffer): Set<string> {
  const pairs = new Set<string>();
  for (let index = 0; index < bits.length * 8; index++)
    if (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) pairs.add(`${index >> 8} ${index & 255}`);
  return pairs;
}

const named = (pairs: readonly Pair[]): Set<string> =>
  new Set(pairs.map(([previous, current]) => `${IDS[previous]} ${IDS[current]}`));

interface Scene {
  readonly test: TestProbe;
  readonly probe: Probe;
  readonly cgroup: TestCgroup;
  readonly slot: number;
  readonly doer: Doer;
  known(): Set<string>;
  guard(): void;
  records(): (readonly [number, number, number, number])[];
}

async function scene(options: Partial<ProbeOptions> = {}): Promise<Scene> {
  const test = await openTestProbe(options);
  const { probe } = test;
  const cgroup = makeCgroup();
  const doer = await startDoer(cgroup.path);
  await doer.ask(`sequence ${getppid}`);
  await doer.ask(`sequence ${getppid}`);
  const { slot } = test.counts(cgroup.id);
  const known = () => pairsIn(probe.readPairs(slot, cgroup.id));
  const guard = () => probe.setMode(slot, cgroup.id, 'guard');
  const records = () =>
    test
      .of('RECORD_PAIR', cgroup.id)
      .map(
        (record) =>
          [
            record.field('previous'),
            record.field('current'),
            record.pid,
            record.bytes.readUInt32LE(constant('record_header.tid')),
          ] as const,
      );
  return { test, probe, cgroup, slot, doer, known, guard, records };
}

describe.skipIf(skipReason('pairs') !== null)('pairs', () => {
  afterEach(cleanUp);

  it('are learnt exactly: those that a known program made, and no others', async () => {
    const { doer, known, records } = await scene();
    const before = known();
    expect(before.size).toBeGreaterThan(10); // of the shell and the doer's start
    await doer.ask(`sequence ${getuid},${gettid},${gettid},${getegid}`);
    await sleep(20);
    const added = new Set([...known()].filter((pair) => !before.has(pair)));
    expect(added).toEqual(
      named([
        [read, getuid],
        [getuid, gettid],
        [gettid, gettid],
        [gettid, getegid],
        [getegid, write],
      ]),
    );
    expect(records()).toEqual([]); // learn is silent
  });

  it('make one record each in guard, with the numbers and the thread; learnt ones make none', async () => {
    const { doer, known, guard, records } = await scene();
    guard();
    for (let i = 0; i < 50; i++) await doer.ask(`sequence ${getppid}`);
    await sleep(120);
    expect(records()).toEqual([]);
    for (let i = 0; i < 5; i++) await doer.ask(`sequence ${getppid},${getuid},${getppid}`);
    await until(() => records().length >= 2);
    await sleep(120);
    expect(records()).toEqual([
      [getppid, getuid, doer.pid, doer.pid],
      [getuid, getppid, doer.pid, doer.pid],
    ]);
    for (const pair of named([
      [getppid, getuid],
      [getuid, getppid],
    ]))
      expect(known()).toContain(pair);
  });

  it('of two threads do not mix', async () => {
    const { doer, known } = await scene();
    await doer.ask('beside 200000');
    const all = known();
    for (const pair of named([
      [getppid, getppid],
      [getuid, getuid],
    ]))
      expect(all).toContain(pair);
    for (const pair of named([
      [getppid, getuid],
      [getuid, getppid],
    ]))
      expect(all).not.toContain(pair);
  });

  it('name the thread that made them', async () => {
    const { doer, guard, records } = await scene();
    await doer.ask('threads 10'); // two threads that call getppid, so that threads themselves are known
    await doer.ask('threads 10');
    guard();
    await doer.ask('beside 100');
    await until(() => records().some(([previous, current]) => previous === getuid && current === getuid));
    const [found] = records().filter(([previous, current]) => previous === getuid && current === getuid);
    expect(found?.[2]).toBe(doer.pid);
    expect(found?.[3]).not.toBe(doer.pid);
    expect(records().filter(([, current]) => current === getuid)).toHaveLength(2); // the first of the thread, and this
  });

  it('stay unknown until a record of them was reserved', async () => {
    const { test, cgroup, doer, known, guard, records } = await scene({
      recordsPerSecond: 1,
      recordBurst: 1,
    });
    guard();
    await doer.ask(`sequence ${getuid}`); // (read, getuid) is told, (getuid, write) throttled
    await until(() => records().length === 1);
    expect(known()).not.toContain([...named([[getuid, write]])][0]);
    expect(test.counts(cgroup.id).throttled[constant('RECORD_PAIR')]).toBe(1n);
    await sleep(1100);
    await doer.ask(`sequence ${getuid}`);
    await until(() => records().length === 2);
    expect(records().map(([previous, current]) => [previous, current])).toEqual([
      [read, getuid],
      [getuid, write],
    ]);
    expect(known()).toContain([...named([[getuid, write]])][0]);
  });

  it('that were read can be loaded again, and what is not in them is told again', async () => {
    const { probe, slot, cgroup, doer, guard, records } = await scene();
    const good = probe.readPairs(slot, cgroup.id);
    guard();
    for (let times = 1; times <= 3; times++) {
      probe.loadPairs(slot, cgroup.id, good);
      await doer.ask(`sequence ${gettid}`);
      await until(() => records().length === 2 * times);
    }
    expect(records().map(([previous]) => previous)).toEqual([read, gettid, read, gettid, read, gettid]);
  });

  it('are counted by hash, every call once', async () => {
    const { test, probe, slot, cgroup, doer } = await scene();
    const at = Math.imul(getppid * 512 + getppid, 2_654_435_761) >>> 20;
    const before = probe.readBigrams(slot, cgroup.id)[at] ?? 0;
    await doer.ask('getppid 50001');
    expect((probe.readBigrams(slot, cgroup.id)[at] ?? 0) - before).toBe(50_000);
    await sleep(20);
    const sum = probe.readBigrams(slot, cgroup.id).reduce((total, count) => total + count, 0);
    // exit_group of a process that ended is counted as a call but is no return of one.
    expect(BigInt(sum)).toBe(test.counts(cgroup.id).calls.reduce((total, count) => total + count, 0n));
  });

  it('are gone when the slot is freed, and the next container learns', async () => {
    const { test, probe, slot, cgroup, guard } = await scene({ slots: 3 });
    guard();
    expect(pairsIn(probe.readPairs(slot, cgroup.id)).size).toBeGreaterThan(0);
    await cgroup.remove();
    probe.freeSlot(slot, cgroup.id);
    expect(() => probe.readPairs(slot, cgroup.id)).toThrow(/is not cgroup/);
    expect(() => probe.setMode(slot, cgroup.id, 'guard')).toThrow(/is not cgroup/);
    const next = makeCgroup();
    expect(test.counts(next.id).slot).toBe(slot);
    expect(pairsIn(probe.readPairs(slot, next.id)).size).toBe(0);
    expect(probe.readBigrams(slot, next.id).every((count) => count === 0)).toBe(true);
    await startDoer(next.path);
    await sleep(120);
    expect(test.of('RECORD_PAIR', next.id)).toHaveLength(0);
    expect(pairsIn(probe.readPairs(slot, next.id)).size).toBeGreaterThan(10);
  });

  it('of 256 slots and all else take at most 24 MiB', async () => {
    const { probe } = await openTestProbe({ slots: 256, flows: 8192, urgentBytes: 1 << 22 });
    expect(probe.counters().mapBytes).toBeLessThanOrEqual(24 * 1024 * 1024);
  });
});
