import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { callIds } from '../../../agent/features/call-ids.ts';
import type { Probe, ProbeOptions } from '../../../native/index.ts';
import {
  cleanUp,
  constant,
  type Doer,
  makeCgroup,
  makeGrounds,
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

const sumOf = (counts: Uint32Array): number => counts.reduce((sum, count) => sum + count, 0);
const sumOfBig = (counts: BigUint64Array): bigint => counts.reduce((sum, count) => sum + count, 0n);
const bucketOf = (previous: number, current: number): number =>
  Math.imul(previous * 512 + current, 2_654_435_761) >>> 20;

/** Calls without effect when their arguments are 0: getpgid, getsid, sched_getscheduler and the like. */
const HARMLESS = ARM
  ? [120, 121, 124, 141, 153, 155, 156, 168, 172, 173, 174, 175, 176, 177, 178]
  : [24, 39, 96, 102, 104, 107, 108, 110, 111, 121, 124, 140, 145, 186, 201, 228, 309];

/** Two pairs of calls that stand in the same line of the cache of pairs: see pairs.h. */
function collision(slot: number): readonly [Pair, Pair] {
  const seen = new Map<number, Pair>();
  for (const a of HARMLESS)
    for (const b of HARMLESS) {
      const line = Math.imul((2 ** 31 + slot * 2 ** 18 + a * 512 + b) | 0, 2_654_435_761) >>> 20;
      const other = seen.get(line);
      if (other !== undefined && new Set([a, b, ...other]).size === 4) return [other, [a, b]];
      seen.set(line, [a, b]);
    }
  throw new Error('no two pairs share a line');
}

interface Scene {
  readonly test: TestProbe;
  readonly probe: Probe;
  make(): TestCgroup;
  readonly cgroup: TestCgroup;
  readonly slot: number;
  readonly doer: Doer;
  known(): Set<string>;
  guard(): void;
  records(): (readonly [number, number, number, number])[];
}

/** With containers of its own only, so that a slot that is given back is the next one's. */
async function scene(options: Partial<ProbeOptions> = {}): Promise<Scene> {
  const { cgroupRoot, make } = makeGrounds();
  const test = await openTestProbe({ cgroupRoot, ...options });
  const { probe } = test;
  const cgroup = make();
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
  return { test, probe, make, cgroup, slot, doer, known, guard, records };
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
    const { test, probe, make, slot, cgroup, guard } = await scene({ slots: 3 });
    guard();
    expect(pairsIn(probe.readPairs(slot, cgroup.id)).size).toBeGreaterThan(0);
    await cgroup.remove();
    probe.freeSlot(slot, cgroup.id);
    expect(() => probe.readPairs(slot, cgroup.id)).toThrow(/is not cgroup/);
    expect(() => probe.setMode(slot, cgroup.id, 'guard')).toThrow(/is not cgroup/);
    const next = make();
    expect(test.counts(next.id).slot).toBe(slot);
    expect(pairsIn(probe.readPairs(slot, next.id)).size).toBe(0);
    expect(probe.readBigrams(slot, next.id).every((count) => count === 0)).toBe(true);
    await startDoer(next.path);
    await sleep(120);
    expect(test.of('RECORD_PAIR', next.id)).toHaveLength(0);
    expect(pairsIn(probe.readPairs(slot, next.id)).size).toBeGreaterThan(10);
  });

  it('of containers that alternate on one CPU are each their own, counted exactly', async () => {
    const test = await openTestProbe();
    const pinned = async () => {
      const cgroup = makeCgroup();
      return { cgroup, doer: await startDoer(cgroup.path, ['taskset', '-c', '0']) };
    };
    const [one, other] = [await pinned(), await pinned()];
    for (let i = 0; i < 50; i++) {
      await one.doer.ask(`sequence ${getppid},${getuid},${gettid}`);
      await other.doer.ask(`sequence ${getuid},${getppid},${getegid}`);
    }
    await sleep(20);
    for (const { cgroup } of [one, other]) {
      const { slot, calls } = test.counts(cgroup.id);
      expect(sumOf(test.probe.readBigrams(slot, cgroup.id))).toBe(Number(sumOfBig(calls)));
    }
    const of = ({ cgroup }: { cgroup: TestCgroup }) =>
      pairsIn(test.probe.readPairs(test.counts(cgroup.id).slot, cgroup.id));
    for (const [pair, mine, theirs] of [
      [[getppid, getuid], true, false],
      [[getuid, gettid], true, false],
      [[getuid, getppid], false, true],
      [[getppid, getegid], false, true],
    ] as const) {
      const name = [...named([pair])][0] ?? '';
      expect([of(one).has(name), of(other).has(name)]).toEqual([mine, theirs]);
    }
  });

  it('that push each other out of their line lose no count', async () => {
    const { probe, slot, cgroup, doer } = await scene();
    const [[a, b], [c, d]] = collision(slot);
    const made = [
      [a, b],
      [b, c],
      [c, d],
      [d, a],
    ] as const;
    const before = probe.readBigrams(slot, cgroup.id);
    const times = 100;
    await doer.ask(`sequence ${Array(times).fill([a, b, c, d].join()).join()}`);
    await sleep(20);
    const after = probe.readBigrams(slot, cgroup.id);
    const expected = new Map<number, number>();
    for (const [index, [previous, current]] of made.entries()) {
      const at = bucketOf(previous, current);
      expected.set(at, (expected.get(at) ?? 0) + times - (index === 3 ? 1 : 0));
    }
    for (const [at, count] of expected) expect((after[at] ?? 0) - (before[at] ?? 0)).toBe(count);
  });

  it('are all told again in the first reading after they were taken, if they are made again', async () => {
    const { probe, slot, cgroup, doer, known } = await scene();
    await doer.ask(`sequence ${getuid},${gettid}`);
    const first = pairsIn(probe.takePairs(slot, cgroup.id));
    expect(known()).toEqual(new Set());
    expect(first.size).toBeGreaterThan(10);
    for (let i = 0; i < 3; i++) {
      await doer.ask(`sequence ${getuid},${gettid}`);
      await sleep(20);
      const again = pairsIn(probe.takePairs(slot, cgroup.id));
      for (const pair of named([
        [read, getuid],
        [getuid, gettid],
        [gettid, write],
        [write, read],
      ]))
        expect(again).toContain(pair);
      expect(again.size).toBe(4);
    }
  });

  it('of a container are not counted for the next one of its slot, whatever stands in lines', async () => {
    const { test, probe, make, slot, cgroup, doer } = await scene({ slots: 3 });
    const [[a, b], [c, d]] = collision(slot);
    await doer.ask(`sequence ${a},${b}`);
    await cgroup.remove();
    probe.freeSlot(slot, cgroup.id);
    const next = make();
    const after = await startDoer(next.path, ['taskset', '-c', '0,1']);
    for (let i = 0; i < 20; i++) await after.ask(`sequence ${c},${d}`); // pushes (a, b) out
    await sleep(20);
    const { calls } = test.counts(next.id);
    expect(sumOf(probe.readBigrams(slot, next.id))).toBe(Number(sumOfBig(calls)));
  });

  it('of 256 containers and all else take at most 24 MiB', async () => {
    const sizes = { slots: 1024, liveSlots: 256, flows: 8192, urgentBytes: 1 << 22 };
    const { probe } = await openTestProbe(sizes);
    const maps = probe.maps();
    expect(Object.keys(maps).toSorted()).toEqual(['flows', 'other', 'pairs', 'rings', 'slots']);
    expect(Object.values(maps).reduce((sum, bytes) => sum + bytes)).toBeLessThanOrEqual(24 * 1024 * 1024);
  });
});
