import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { Frame, Tick } from '../../../agent/events/frame.ts';
import { LAYOUT } from '../../../agent/events/layout.ts';
import { findCgroups, listCgroups, ownCgroup, scanCgroups } from '../../../agent/source/cgroups.ts';
import { CountDifferences, LOSS_NAMES } from '../../../agent/source/counts.ts';
import { LiveSource } from '../../../agent/source/live.ts';
import { givenClock } from '../../../kit/clock.ts';
import { resources } from '../../builders/messages.ts';
import { fakeProbe, slotCounts } from '../../fakes/probe.ts';

const root = mkdtempSync(join(tmpdir(), 'picket-cgroups-'));
const sources: LiveSource[] = [];
afterEach(async () => {
  for (const source of sources.splice(0)) await source.stop();
});
afterAll(() => rmSync(root, { recursive: true }));

const idOf = (path: string): number => statSync(join(root, path)).ino;
function make(path: string): number {
  mkdirSync(join(root, path), { recursive: true });
  return idOf(path);
}

function removal(slot: number, cgroup: number): Buffer {
  const bytes = Buffer.alloc(LAYOUT['sizeof cgroup_record']);
  bytes.writeUInt32LE(LAYOUT.RECORD_CGROUP, LAYOUT['record_header.kind']);
  bytes.writeUInt32LE(bytes.length, LAYOUT['record_header.size']);
  bytes.writeUInt32LE(slot, LAYOUT['record_header.slot']);
  bytes.writeBigUInt64LE(BigInt(cgroup), LAYOUT['record_header.cgroup']);
  bytes.writeUInt32LE(LAYOUT.CGROUP_REMOVED, LAYOUT['cgroup_record.event']);
  return bytes;
}

function start(scanMs = 60_000) {
  const frames: Frame[] = [];
  const errors: unknown[] = [];
  const probe = fakeProbe();
  const overflow = { records: 0 };
  const clock = givenClock({ bootNs: 7n, wallMs: 8 });
  const source = new LiveSource({
    probe,
    clock,
    cgroupRoot: root,
    windowMs: 60_000,
    scanMs,
    emit: (frame) => frames.push(frame),
    overflow: () => overflow.records,
    onError: (error) => errors.push(error),
  });
  sources.push(source);
  const ticks = (): Tick[] => frames.flatMap((frame) => (frame.kind === 'tick' ? [frame.tick] : []));
  return { source, probe, frames, ticks, errors, overflow };
}

test('names the cgroups that are there, owners before what is nested in them', async () => {
  make('/a.service/nested');
  for (const found of [await scanCgroups(root), listCgroups(root)])
    expect(found).toEqual([
      { id: idOf('/a.service'), path: '/a.service' },
      { id: idOf('/a.service/nested'), path: '/a.service/nested' },
    ]);
  expect(listCgroups(join(root, 'gone'))).toEqual([]);
});

test('a tick tells what was added since the one before, with flows, losses and both clocks', async () => {
  const { source, probe, ticks, overflow } = start();
  overflow.records = 3;
  probe.counts = [slotCounts(2, 42, { calls: { 0: 100n }, execs: 5n })];
  source.start();
  probe.counts = [slotCounts(2, 42, { calls: { 0: 103n, 257: 2n ** 33n }, execs: 6n, lost: 4n })];
  probe.flows = Buffer.from('flows');
  probe.lost[1] = 9n;
  source.tick();
  source.tick();
  const lost = {
    'queue-full': 0,
    'frame-queue': 3,
    'missed-runs': 0,
    ...Object.fromEntries(LOSS_NAMES.map((name) => [name, 0])),
    'bulk-full': 9,
  };
  const slot = {
    slot: 2,
    cgroup: 42,
    numbers: [0, 257],
    counts: [3, 2 ** 33],
    forks: 0,
    execs: 1,
    exits: 0,
    lost: 4,
    compatNumbers: [],
    compatCounts: [],
    losses: { 'urgent-full': 4 },
    pairs: [],
  };
  expect(ticks()).toEqual([
    { bootNs: 7n, wallMs: 8, slots: [slot], flows: Buffer.from('flows'), flowSize: 104, lost },
    { bootNs: 7n, wallMs: 8, slots: [], flows: Buffer.from('flows'), flowSize: 104, lost },
  ]);
});

test('a slot that went to another cgroup begins at 0', () => {
  const differences = new CountDifferences();
  differences.take([slotCounts(2, 42, { calls: { 1: 100n } })]);
  expect(differences.take([slotCounts(2, 43, { calls: { 1: 3n } })])).toMatchObject([
    { numbers: [1], counts: [3] },
  ]);
});

test('calls with 32-bit numbering are told by their number, what was added', () => {
  const differences = new CountDifferences();
  const counted = (compat: { number: number; count: bigint }[]) =>
    differences.take([{ ...slotCounts(2, 42, { calls: { 511: compat[0]?.count ?? 0n } }), compat }])[0];
  counted([{ number: 11, count: 3n }]);
  expect(
    counted([
      { number: 11, count: 4n },
      { number: 5, count: 2n },
      { number: 6, count: 0n },
    ]),
  ).toMatchObject({
    compatNumbers: [5, 11],
    compatCounts: [2, 1],
  });
});

test('tells why records of a slot were lost, and of what kind those were that its budget did not let through', () => {
  const differences = new CountDifferences();
  const counted = (throttled: bigint, exec: bigint, pair: bigint) => {
    const now = slotCounts(2, 42, { lost: 3n });
    now.lost[LAYOUT.LOSS_THROTTLED] = throttled;
    now.throttled[LAYOUT.RECORD_EXEC] = exec;
    now.throttled[LAYOUT.RECORD_PAIR] = pair;
    return differences.take([now])[0];
  };
  expect(counted(10n, 7n, 3n)).toMatchObject({
    lost: 13,
    losses: { 'urgent-full': 3, 'throttled/exec': 7, 'throttled/pair': 3 },
  });
  // A kind that was read before its total: the total is told once.
  expect(counted(10n, 9n, 3n)).toMatchObject({ lost: 2, losses: { 'throttled/exec': 2 } });
  expect(counted(15n, 9n, 3n)).toMatchObject({ lost: 3, losses: { throttled: 3 } });
});

test('reads the pairs of slots that learn and did something, and of those only', async () => {
  const { source, probe, ticks } = start();
  source.start();
  probe.pairs[1] = 0b101;
  const counts = (n: bigint) => [
    slotCounts(0, 0, { calls: { 0: n } }),
    slotCounts(1, 0, { calls: { 0: n } }),
    slotCounts(2, 42, { calls: { 0: n } }),
    slotCounts(3, 43, {}),
  ];
  probe.counts = counts(1n);
  source.tick();
  expect(probe.asked.splice(0)).toEqual(['seen 1 0 0', 'take 1 0', 'seen 2 42 0', 'take 2 42']);
  expect(ticks()[0]?.slots.map(({ slot, pairs }) => [slot, pairs])).toEqual([
    [0, []],
    [1, [8, 10]],
    [2, [8, 10]],
  ]);

  source.profile({
    slot: 2,
    cgroup: 42,
    mode: 'guard',
    pairs: new Uint8Array(8192),
    seen: BigUint64Array.of(7n),
  });
  // What it did between its last window and guard is told with the next.
  expect(probe.asked.splice(0)).toEqual(['take 2 42', 'load 2 42', 'seen 2 42 1', 'guard 2 42']);
  for (const n of [2n, 3n]) {
    probe.counts = counts(n);
    source.tick();
  }
  const ofGuard = ticks().map(({ slots }) => slots.find(({ slot }) => slot === 2)?.pairs);
  expect(ofGuard).toEqual([[8, 10], [8, 10], []]);
  expect(probe.asked.splice(0)).toEqual(['seen 1 0 0', 'take 1 0', 'seen 1 0 0', 'take 1 0']);

  source.profile({
    slot: 2,
    cgroup: 42,
    mode: 'guard',
    pairs: new Uint8Array(8192),
    seen: BigUint64Array.of(7n),
  });
  expect(probe.asked.splice(0)).toEqual(['load 2 42', 'seen 2 42 1', 'guard 2 42']);
  source.profile({ slot: 2, cgroup: 42, mode: 'learn', pairs: null, seen: null });
  probe.counts = counts(4n);
  source.tick();
  expect(probe.asked).toEqual(['learn 2 42', 'seen 1 0 0', 'take 1 0', 'seen 2 42 0', 'take 2 42']);
});

test('a slot that went to another meanwhile is left alone; another failure is told', async () => {
  const { source, probe, ticks, errors } = start();
  source.start();
  probe.refusal = Object.assign(new Error("slot 2 is not cgroup 42's"), { code: 'PICKET_ARGUMENT' });
  source.profile({
    slot: 2,
    cgroup: 42,
    mode: 'guard',
    pairs: new Uint8Array(8192),
    seen: BigUint64Array.of(7n),
  });
  probe.counts = [slotCounts(2, 42, { calls: { 0: 1n } })];
  source.tick();
  expect([errors, ticks()[0]?.slots[0]?.pairs]).toEqual([[], []]);
  probe.refusal = Object.assign(new Error('no memory'), { code: 'PICKET_BPF_REFUSED' });
  source.profile({
    slot: 2,
    cgroup: 42,
    mode: 'guard',
    pairs: new Uint8Array(8192),
    seen: BigUint64Array.of(7n),
  });
  expect(errors).toEqual([probe.refusal]);
  probe.refusal = null;
});

test('what is told when it is next done is no loss of the window', () => {
  const differences = new CountDifferences();
  const now = slotCounts(2, 42, { execs: 1n });
  now.lost[LAYOUT.LOSS_SEEN_FULL] = 7n;
  now.lost[LAYOUT.LOSS_FOLDERS_LATER] = 1000n;
  now.throttled[LAYOUT.RECORD_NOVEL] = 1000n;
  now.lost[LAYOUT.LOSS_THROTTLED] = 2n;
  now.throttled[LAYOUT.BUCKET_NOVEL_FEW] = 2n;
  expect(differences.take([now])[0]).toMatchObject({ lost: 2, losses: { 'throttled/novel': 2 } });
});

test('gives a slot back after its last counts were told', async () => {
  const { source, probe, frames } = start();
  source.start();
  probe.counts = [slotCounts(2, 42, { execs: 1n })];
  source.records(removal(2, 42));
  expect(probe.freed).toEqual([]);
  source.tick();
  expect(probe.freed).toEqual(['2 42']);
  expect(frames.map(({ kind }) => kind)).toEqual(['cgroups', 'records', 'tick']);
});

test('never gives back the slot of the host', async () => {
  const { source, probe } = start();
  source.start();
  source.records(removal(LAYOUT.SLOT_HOST, 42));
  source.tick();
  expect(probe.freed).toEqual([]);
});

test('a slot whose removal was not told is given back once two looks at all cgroups missed it', async () => {
  const there = make('/there.service');
  const { source, probe } = start(20);
  probe.counts = [slotCounts(2, there, {}), slotCounts(3, 999_999_999, {})];
  source.start();
  source.tick();
  expect(probe.freed).toEqual([]);
  await vi.waitFor(() => {
    source.tick();
    expect(probe.freed).toContain('3 999999999');
  });
  expect(probe.freed).not.toContain(`2 ${there}`);
});

test('looks up cgroups that are asked for, together', async () => {
  const { source, frames } = start();
  source.start();
  frames.length = 0;
  const [one, two] = [make('/one.service'), make('/two.service')];
  source.lookup(one);
  source.lookup(two);
  source.lookup(123_456_789);
  const asked = (): number[][] =>
    frames.flatMap((frame) => (frame.kind === 'cgroups' ? [frame.found.map(({ id }) => id)] : []));
  await vi.waitFor(() => expect(asked()).toEqual([expect.arrayContaining([one, two])]));
});

test('looks through all cgroups at once when a record of a new one may be among the lost, and only then', async () => {
  const { source, probe, frames } = start();
  source.start();
  frames.length = 0;
  const fresh = make('/untold.service');
  probe.lost[LOSS_NAMES.indexOf('bulk-full')] = 1n;
  source.tick();
  expect(frames.map(({ kind }) => kind)).toEqual(['tick']);
  probe.lost[LOSS_NAMES.indexOf('no-slot')] = 1n;
  source.tick();
  const found = (): number[] =>
    frames.flatMap((frame) => (frame.kind === 'cgroups' ? frame.found.map(({ id }) => id) : []));
  await vi.waitFor(() => expect(found()).toContain(fresh));
  frames.length = 0;
  source.tick();
  await sleep(50);
  expect(frames.map(({ kind }) => kind)).toEqual(['tick']);
});

test('tells the window that was open when it stops, once', async () => {
  const { source, ticks } = start();
  source.start();
  await source.stop();
  await source.stop();
  expect(ticks()).toHaveLength(1);
});

test('tells what containers used before the tick that ends their window', async () => {
  const frames: string[] = [];
  const reading = { cgroup: 500, resources };
  const source = new LiveSource({
    probe: fakeProbe(),
    clock: givenClock({ bootNs: 7n, wallMs: 8 }),
    cgroupRoot: root,
    windowMs: 10,
    emit: (frame) => frames.push(frame.kind),
    resources: async () => [reading],
    onError: (error) => frames.push(String(error)),
  });
  sources.push(source);
  source.start();
  await vi.waitFor(() => expect(frames.slice(1, 5)).toEqual(['resources', 'tick', 'resources', 'tick']));
});

describe('the hierarchy that containers are known by', () => {
  const v1 = [
    'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0',
    'cgroup /with\\040space/memory cgroup rw,memory 0 0',
  ].join('\n');
  const v2 = 'cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0';
  const own = '9:name=systemd:/\n4:memory:/a:b\n1:cpu,cpuacct:/\n0::/u\n';
  const unified = { version: 2, root: '/sys/fs/cgroup/unified', hierarchy: 0 };
  const memory = { version: 1, root: '/with space/memory', hierarchy: 4 };

  test.each([
    ['auto', '', v2, unified],
    ['auto', '', `${v1}\n${v2}`, unified],
    ['auto', '', v1, memory],
    ['v1', '', `${v1}\n${v2}`, memory],
    ['v2', '', `${v1}\n${v2}`, unified],
    ['auto', '/sys/fs/cgroup/unified/node', v2, { ...unified, root: '/sys/fs/cgroup/unified/node' }],
    ['v1', '/elsewhere', v1, { ...memory, root: '/elsewhere' }],
  ] as const)('%s, root %j', (choice, root, mounts, found) => {
    expect(findCgroups(choice, root, { mounts, own })).toEqual(found);
  });

  test('that is not there is said', () => {
    const nothing = { mounts: 'proc /proc proc rw 0 0', own };
    expect(() => findCgroups('auto', '', nothing)).toThrow("neither cgroup2 nor v1's memory controller");
    expect(() => findCgroups('v2', '', { mounts: v1, own })).toThrow('cgroup2 is not mounted');
    expect(() => findCgroups('v1', '', { mounts: v2, own })).toThrow('neither');
  });
});

test('the own cgroup is that of version 2', () => {
  expect(ownCgroup('1:cpu:/x\n0::/system.slice/picket.service\n')).toBe('/system.slice/picket.service');
});
