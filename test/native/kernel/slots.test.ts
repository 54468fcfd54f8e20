import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  constant,
  makeCgroup,
  makeGrounds,
  moveTo,
  openTestProbe,
  skipReason,
  startDoer,
  type TestCgroup,
  type TestProbe,
  until,
} from '../kernel-fixtures.ts';

const GETPPID = process.arch === 'arm64' ? 173 : 110;
/** Of profile.h: slots whose memory is made at once, and free ones below which more is made. */
const [CHUNK, SPARE] = [64, 32];
/** Bytes of a slot that all CPUs share, and of each. */
const [SHARED, OF_CPU] = [36_160, 2112];

const slotOf = ({ probe }: TestProbe, { id }: TestCgroup): number | undefined =>
  probe.readCounts().find(({ cgroup }) => cgroup === id)?.slot;

/** Chunks that this process has open, by the kernel's own numbers. */
function chunksOf(): { id: number; bytes: number }[] {
  const texts = readdirSync('/proc/self/fdinfo').map((fd) => {
    try {
      return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
    } catch {
      return ''; // closed meanwhile: the folder's own
    }
  });
  const field = (text: string, name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return texts
    .filter((text) => field(text, 'max_entries') === CHUNK && field(text, 'value_size') > SHARED)
    .map((text) => ({ id: field(text, 'map_id'), bytes: field(text, 'value_size') }));
}

const bpftool = (...words: (string | number)[]): string =>
  execFileSync('bpftool', ['-j', 'map', ...words.map(String)], {
    encoding: 'utf8',
    maxBuffer: 1 << 24,
  });

describe.skipIf(skipReason('slots') !== null)('slots', () => {
  afterEach(cleanUp);

  it('have memory for the containers that are there, and more as they come', async () => {
    const { cgroupRoot, make } = makeGrounds();
    const test = await openTestProbe({ slots: 1024, cgroupRoot });
    const { probe } = test;
    const bytes = () => Object.values(probe.maps()).reduce((sum, group) => sum + group);
    const first = bytes();
    const made: TestCgroup[] = [];
    for (let n = 0; n < CHUNK - SPARE + 3; n++) made.push(make());
    await until(() => bytes() > first);
    const chunk = bytes() - first;
    for (let n = 0; n < CHUNK; n++) made.push(make());
    await until(() => bytes() === first + 2 * chunk);
    const slots = made.map((cgroup) => slotOf(test, cgroup));
    expect(new Set(slots).size).toBe(made.length);
    expect(slots).not.toContain(undefined);
    expect(probe.counters().lost[constant('LOSS_NO_SLOT')]).toBe(0n);
    const last = made.at(-1)?.path ?? null;
    await (await startDoer(last)).ask('getppid 321');
    expect(test.counts(made.at(-1)?.id ?? 0).calls[GETPPID]).toBe(321n);
  });

  it('that a burst did not find are found as soon as there is memory for them', async () => {
    const test = await openTestProbe({ slots: 1024 });
    const made = Array.from({ length: 2 * CHUNK }, () => makeCgroup()); // faster than the kernel adds a chunk
    const last = made.at(-1);
    const doer = await startDoer(last?.path ?? null);
    await until(() => slotOf(test, last ?? makeCgroup()) !== undefined);
    await doer.ask('getppid 100');
    expect(test.counts(last?.id ?? 0).calls[GETPPID]).toBe(100n);
  });

  it('are used again without anything of the container before', async () => {
    const { cgroupRoot, make } = makeGrounds();
    const test = await openTestProbe({ slots: 3, cgroupRoot });
    const { probe } = test;
    const free = async (cgroup: TestCgroup) => {
      const { slot } = test.counts(cgroup.id);
      await cgroup.remove();
      probe.freeSlot(slot, cgroup.id);
      return slot;
    };
    let before = make();
    for (let n = 1; n <= 5; n++) {
      const doer = await startDoer(before.path);
      await doer.ask(`getppid ${n * 100}`);
      await doer.ask('open /etc/shadow');
      expect(test.counts(before.id).calls[GETPPID]).toBe(BigInt(n * 100));
      const slot = await free(before);
      const next = make();
      const { calls, compat, forks, execs, exits, lost, throttled } = test.counts(next.id);
      expect(test.counts(next.id).slot).toBe(slot);
      expect([...calls, ...lost, ...throttled, forks, execs, exits].every((count) => count === 0n)).toBe(
        true,
      );
      expect(compat).toEqual([]);
      expect(() => probe.readPairs(slot, before.id)).toThrow(/is not cgroup/);
      before = next;
    }
  });

  it('of a container are its nested cgroups’ too, and a move within it changes nothing', async () => {
    const test = await openTestProbe();
    const cgroup = makeCgroup();
    const inner = makeCgroup('inner', cgroup.path);
    const doer = await startDoer(inner.path);
    await doer.ask('getppid 10');
    const deeper = makeCgroup(`${'f'.repeat(64)}.service`, inner.path);
    moveTo(deeper, doer.pid);
    await doer.ask('getppid 10');
    expect(test.counts(cgroup.id).calls[GETPPID]).toBe(20n);
    expect(slotOf(test, inner)).toBeUndefined();
    expect(slotOf(test, deeper)).toBeUndefined();
  });

  it('change with a move from the next call on, and a pair across two is neither’s', async () => {
    const test = await openTestProbe();
    const { probe } = test;
    const [from, to] = [makeCgroup(), makeCgroup()];
    const doer = await startDoer(from.path);
    await doer.ask('getppid 5');
    const pairs = ({ id }: TestCgroup) => probe.readPairs(test.counts(id).slot, id);
    const sum = ({ id }: TestCgroup) => test.counts(id).calls.reduce((total, count) => total + count, 0n);
    const before = sum(from);
    moveTo(to, doer.pid);
    await doer.ask('getppid 5'); // the read that waited for it ends in the new one
    await sleep(20);
    expect(sum(from)).toBe(before);
    expect(test.counts(to.id).calls[GETPPID]).toBe(5n);
    const bits = [...pairs(to)].flatMap((byte, index) =>
      Array.from({ length: 8 }, (_, bit) => (byte >> bit) & 1 && index * 8 + bit).filter(Boolean),
    );
    expect(bits).toHaveLength(3); // read-getppid, getppid-getppid, getppid-write; not the write-read of the move
    expect(sum(to)).toBe(7n);
  });

  it('count on where 32 bits of a CPU end', async () => {
    const test = await openTestProbe({ slots: 64 });
    const { id, path } = makeCgroup();
    const doer = await startDoer(path);
    await doer.ask('getppid 1');
    await sleep(20); // it waits for its next command: nothing is counted while its counts are changed
    const { slot } = test.counts(id);
    const [chunk] = chunksOf();
    const { value } = JSON.parse(bpftool('lookup', 'id', chunk?.id ?? 0, 'key', slot, 0, 0, 0));
    const bytes = Buffer.from(value.map(Number));
    for (let at = SHARED; at < bytes.length; at += OF_CPU)
      bytes.writeUInt32LE(2 ** 32 - 500, at + GETPPID * 4);
    bpftool('update', 'id', chunk?.id ?? 0, 'key', slot, 0, 0, 0, 'value', ...bytes);
    const before = test.counts(id).calls[GETPPID] ?? 0n;
    expect(before).toBeGreaterThanOrEqual(2n ** 32n - 500n);
    await doer.ask('threads 5000');
    expect((test.counts(id).calls[GETPPID] ?? 0n) - before).toBe(10_000n);
  });

  it('take 2,112 bytes more for each CPU: with the cache of pairs, less than 1 MiB at 256 containers', async () => {
    await openTestProbe({ slots: 64 });
    const cpus = Number(execFileSync('nproc', ['--all'], { encoding: 'utf8' }));
    expect(chunksOf().map(({ bytes }) => bytes)).toEqual([SHARED + OF_CPU * cpus]);
    const chunks = Math.ceil((2 + 256 + SPARE) / CHUNK);
    const cacheOfCpu = 4096 * 16;
    expect(chunks * CHUNK * OF_CPU + cacheOfCpu).toBeLessThanOrEqual(1024 * 1024);
  });
});
