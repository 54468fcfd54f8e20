import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Probe } from '../../../native/index.ts';
import {
  cleanUp,
  constant,
  containerName,
  type Grounds,
  makeCgroup,
  makeGrounds,
  moveTo,
  openTestProbe,
  skipReason,
  startDoer,
  temporaryFolder,
  until,
} from '../kernel-fixtures.ts';

const CALL = process.arch === 'arm64' ? { getppid: 173, exitGroup: 94 } : { getppid: 110, exitGroup: 231 };

/** Makes containers until one finds no slot. */
function takeAllSlots(probe: Probe, { make }: Grounds): void {
  const known = (id: number) => probe.readCounts().some((slot) => slot.cgroup === id);
  while (known(make().id));
}

describe.skipIf(skipReason('probe') !== null)('probe', () => {
  afterEach(cleanUp);

  it('reports each of 23 programs executed in a container, with what it is', async () => {
    const { of, counts } = await openTestProbe();
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    await until(() => of('RECORD_EXEC', cgroup.id).length === 1); // the shell that enters executes the doer
    for (let i = 0; i < 23; i++) expect(await doer.ask('exec /bin/true')).toBe(0);
    await until(() => of('RECORD_EXEC', cgroup.id).length >= 24);
    await sleep(100);
    const execs = of('RECORD_EXEC', cgroup.id).slice(1);
    expect(execs).toHaveLength(23);
    for (const record of execs) {
      expect(record.path()).toMatch(/\/bin\/true$/);
      expect(record.text('text', 256)).toBe('/bin/true');
      expect(record.text('parent_exe', 32)).toBe('doer');
      expect(record.text('comm', 16)).toBe('doer');
      expect(record.parentPid).toBe(doer.pid);
      expect(record.field('flags')).toBe(0);
      expect(record.slot).toBe(counts(cgroup.id).slot);
    }
    await until(() => of('RECORD_EXIT', cgroup.id).length >= 23);
    const { forks, execs: counted, exits } = counts(cgroup.id);
    expect({ forks, counted, exits }).toEqual({ forks: 23n, counted: 24n, exits: 23n });
  });

  it('tells the end of each process of which a record was sent, and of no other', async () => {
    const { of } = await openTestProbe();
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    await doer.ask('open /etc/hostname'); // the folder is told once
    await doer.ask('forked /etc/hostname 23');
    await doer.ask('forked /etc/shadow 23');
    const ends = () => of('RECORD_EXIT', cgroup.id);
    await until(() => of('RECORD_OPEN', cgroup.id).length >= 23 && ends().length >= 23);
    await sleep(300); // bulk records come five times a second
    const opened = of('RECORD_OPEN', cgroup.id).map(({ pid }) => pid);
    expect(ends().map(({ pid }) => pid)).toEqual(opened);
    expect(opened).toHaveLength(23);
  });

  it('tells the end of a caller by whom a flow was seen first, and of no other', async () => {
    const { of, probe } = await openTestProbe();
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    const began = () => of('RECORD_FLOW', cgroup.id).map(({ pid }) => pid);
    const ended = () => of('RECORD_EXIT', cgroup.id).map(({ pid }) => pid);
    for (const window of [1, 2]) {
      await doer.ask('callers 127.0.0.1 17805 23');
      await until(() => began().length >= window && ended().length >= window);
      probe.readFlows(); // a new window, a new first sight
    }
    await sleep(300); // bulk records come five times a second
    expect(began()).toHaveLength(2);
    expect(ended()).toEqual(began());
  });

  it('counts every call of a container exactly, on several threads', async () => {
    const { counts } = await openTestProbe();
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    await doer.ask('getppid 100000');
    expect(counts(cgroup.id).calls[CALL.getppid]).toBe(100_000n);
    await doer.ask('threads 50000');
    expect(counts(cgroup.id).calls[CALL.getppid]).toBe(200_000n);
  });

  it('counts a fork once and the exits that never return', async () => {
    const { counts } = await openTestProbe();
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    const before = counts(cgroup.id).calls;
    await doer.ask('exec /bin/true');
    const after = counts(cgroup.id).calls;
    const forks = process.arch === 'arm64' ? [220, 435] : [56, 57, 58, 435];
    const added = (call: number) => (after[call] ?? 0n) - (before[call] ?? 0n);
    expect(forks.map(added).reduce((sum, n) => sum + n)).toBe(1n);
    expect(added(CALL.exitGroup)).toBe(1n);
  });

  it('reports a memory file as what it is', async () => {
    const { of } = await openTestProbe();
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    expect(await doer.ask('memory /bin/true')).toBe(0);
    await until(() => of('RECORD_EXEC', cgroup.id).length === 2);
    const record = of('RECORD_EXEC', cgroup.id)[1];
    expect(record?.path()).toBe('/memfd:payload');
    expect(record?.field('flags')).toBe(constant('EXEC_MEMFD'));
  });

  it('reports opens of watched names by their real path, and no others', async () => {
    const { of } = await openTestProbe();
    const folder = temporaryFolder();
    mkdirSync(join(folder, '.ssh'));
    writeFileSync(join(folder, '.ssh', 'id_test'), '');
    writeFileSync(join(folder, 'shadow2'), '');
    symlinkSync('/etc/shadow', join(folder, 'harmless'));
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    for (const path of [
      '/etc/shadow',
      join(folder, 'harmless'),
      join(folder, '.ssh/id_test'),
      join(folder, 'shadow2'),
    ]) {
      expect(await doer.ask(`open ${path}`)).toBe(0);
    }
    expect(await doer.ask('open /nowhere/shadow')).toBe(2);
    await until(() => of('RECORD_OPEN', cgroup.id).length >= 3);
    await sleep(100);
    const opens = of('RECORD_OPEN', cgroup.id);
    expect(opens.map((record) => record.path())).toEqual([
      '/etc/shadow',
      '/etc/shadow',
      join(folder, '.ssh/id_test'),
    ]);
    expect(opens.map((record) => record.text('exe', 32))).toEqual(['doer', 'doer', 'doer']);
  });

  it('reports watched names of every length, and none that only begin like one', async () => {
    const names = Array.from({ length: 31 }, (_, index) =>
      'watched-name-of-many-characters'.slice(0, index + 1),
    );
    const files = names.filter((_, index) => index % 2 === 0);
    const folders = names.filter((_, index) => index % 2 === 1);
    const { of } = await openTestProbe({
      watchedNames: [
        ...files.map((name) => ({ name, where: 'file' as const })),
        ...folders.map((name) => ({ name, where: 'folder' as const })),
      ],
    });
    const folder = temporaryFolder();
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    const watched = [...files, ...folders.map((name) => join(name, 'x'))].map((name) => join(folder, name));
    for (const name of folders) mkdirSync(join(folder, name));
    const others = files.map((name) => join(folder, `${name.slice(0, -1)}#`));
    for (const path of [...watched, ...others]) writeFileSync(path, '');
    for (const path of [...others, ...watched]) expect(await doer.ask(`open ${path}`)).toBe(0);
    await until(() => of('RECORD_OPEN', cgroup.id).length >= watched.length);
    expect(of('RECORD_OPEN', cgroup.id).map((record) => record.path())).toEqual(watched);
  });

  it('reports names that everybody reads when they are opened to be changed, and not when they are read', async () => {
    const { of } = await openTestProbe({
      watchedNames: [
        { name: 'passwd', where: 'file', writesOnly: true },
        { name: 'bin', where: 'folder', writesOnly: true },
      ],
    });
    const folder = temporaryFolder();
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    mkdirSync(join(folder, 'bin'));
    const guarded = [join(folder, 'passwd'), join(folder, 'bin/x')];
    for (const path of guarded) {
      writeFileSync(path, '');
      expect(await doer.ask(`open ${path}`)).toBe(0);
      expect(await doer.ask(`open ${path} 1`)).toBe(0); // O_WRONLY
    }
    await until(() => of('RECORD_OPEN', cgroup.id).length >= guarded.length);
    await sleep(100);
    expect(of('RECORD_OPEN', cgroup.id).map((record) => record.path())).toEqual(guarded);
  });

  it('gives a slot as the cgroup is made, and passes it on to nested ones', async () => {
    const { of, counts } = await openTestProbe();
    const name = containerName();
    const cgroup = makeCgroup(name);
    await until(() => of('RECORD_CGROUP', cgroup.id).length === 1);
    const made = of('RECORD_CGROUP', cgroup.id)[0];
    expect(made?.field('event')).toBe(constant('CGROUP_MADE'));
    expect(made?.text('path', 512)).toBe(`/${name}`);
    const nested = makeCgroup('inner.service', cgroup.path);
    const doer = await startDoer(nested.path);
    await doer.ask('getppid 1000');
    expect(counts(cgroup.id).calls[CALL.getppid]).toBe(1000n);
    expect(of('RECORD_CGROUP', nested.id)).toEqual([]);
  });

  it('gives a slot again once it was freed, with its counters at 0', async () => {
    const grounds = makeGrounds();
    const test = await openTestProbe({ slots: 8, cgroupRoot: grounds.cgroupRoot });
    const first = grounds.make();
    const doer = await startDoer(first.path);
    await doer.ask('getppid 1000');
    takeAllSlots(test.probe, grounds);
    const slot = test.counts(first.id).slot;
    await doer.end();
    await first.remove();
    await until(() => test.of('RECORD_CGROUP', first.id).length === 2);
    const events = test.of('RECORD_CGROUP', first.id).map((record) => record.field('event'));
    expect(events).toEqual([constant('CGROUP_BEGUN'), constant('CGROUP_REMOVED')]);
    expect(test.counts(first.id).calls[CALL.getppid]).toBe(1000n); // still to be read
    test.probe.freeSlot(slot, first.id);
    expect(() => test.probe.freeSlot(slot, first.id)).toThrow(/is not cgroup/);
    const next = grounds.make();
    expect(test.counts(next.id).slot).toBe(slot);
    expect(test.counts(next.id).calls[CALL.getppid]).toBe(0n);
  });

  it('gives as changes only slots that counted something since, with all that they counted', async () => {
    const { probe } = await openTestProbe();
    const [busy, idle] = [makeCgroup(), makeCgroup()];
    const doer = await startDoer(busy.path);
    await doer.ask('getppid 1000');
    const changed = () =>
      probe.readChanges().filter(({ cgroup }) => cgroup === busy.id || cgroup === idle.id);
    expect(changed().map(({ cgroup }) => cgroup)).toEqual(expect.arrayContaining([busy.id, idle.id]));
    expect(changed()).toEqual([]);
    await doer.ask('getppid 7');
    const again = changed();
    expect(again.map(({ cgroup, calls }) => [cgroup, calls[CALL.getppid]])).toEqual([[busy.id, 1007n]]);
    expect(changed()).toEqual([]);
    expect(probe.counters().missedRuns).toBe(0n);
  });

  it('finds the slot of a container that was there before the probe', async () => {
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    const { counts, of } = await openTestProbe();
    await doer.ask('getppid 1000');
    expect(counts(cgroup.id).calls[CALL.getppid]).toBe(1000n);
    await until(() => of('RECORD_CGROUP', cgroup.id).length === 1);
    expect(of('RECORD_CGROUP', cgroup.id)[0]?.field('path_bytes')).toBe(0);
  });

  it('counts a moved process in the container that it moved to', async () => {
    const { counts } = await openTestProbe();
    const [from, to] = [makeCgroup(), makeCgroup()];
    const doer = await startDoer(from.path);
    await doer.ask('getppid 1000');
    moveTo(to, doer.pid);
    await doer.ask('getppid 500');
    expect(counts(from.id).calls[CALL.getppid]).toBe(1000n);
    expect(counts(to.id).calls[CALL.getppid]).toBe(500n);
  });

  it('takes a service as a container, and a monitor as none', async () => {
    const { probe, counts } = await openTestProbe();
    const service = makeCgroup('picket-test.service');
    const monitor = makeCgroup(`crio-conmon-${'0123456789abcdef'.repeat(4)}.scope`);
    const plain = makeCgroup('picket-test.slice');
    expect(counts(service.id).slot).toBeGreaterThan(1);
    const known = probe.readCounts().map((slot) => slot.cgroup);
    expect(known).not.toContain(monitor.id);
    expect(known).not.toContain(plain.id);
  });

  it('leaves its own process out', async () => {
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    const { probe, of } = await openTestProbe({ selfPid: doer.pid });
    await doer.ask('threads 1000');
    await doer.ask('open /etc/shadow');
    await sleep(100);
    const counted = probe.readCounts().find((slot) => slot.cgroup === cgroup.id);
    expect(counted?.calls[CALL.getppid] ?? 0n).toBe(0n);
    expect(of('RECORD_OPEN', cgroup.id)).toEqual([]);
  });

  it('counts containers that found no slot', async () => {
    const grounds = makeGrounds();
    const { probe } = await openTestProbe({ slots: 3, cgroupRoot: grounds.cgroupRoot });
    takeAllSlots(probe, grounds);
    const before = probe.counters().lost[constant('LOSS_NO_SLOT')] ?? 0n;
    expect(before).toBeGreaterThan(0n);
    const cgroup = grounds.make();
    const after = probe.counters().lost[constant('LOSS_NO_SLOT')] ?? 0n;
    expect(after).toBeGreaterThan(before);
    expect(probe.readCounts().map((slot) => slot.cgroup)).not.toContain(cgroup.id);
    expect(probe.readCounts().find((slot) => slot.slot === 0)?.lost[constant('LOSS_NO_SLOT')]).toBe(after);
  });

  it('counts records for which the ring had no room, by container', async () => {
    const { probe, counts } = await openTestProbe({ urgentBytes: 4096 });
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    for (let i = 0; i < 50; i++)
      await Promise.all([doer.ask('open /etc/shadow'), doer.ask('open /etc/shadow')]);
    const lost = constant('LOSS_URGENT_FULL');
    // Whatever the reader was quick enough for, none is missing from both.
    await until(() => probe.counters().records + (probe.counters().lost[lost] ?? 0n) >= 100n);
    expect(probe.counters().lost[lost]).toBeGreaterThanOrEqual(counts(cgroup.id).lost[lost] ?? 0n);
  });

  it('counts records for which the queue to JavaScript had no room', async () => {
    const { probe, records } = await openTestProbe({ queueBatches: 1, recordBurst: 5000 });
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    const asked = Array.from({ length: 2000 }, () => doer.ask('open /etc/shadow'));
    const end = Date.now() + 700;
    while (Date.now() < end); // JavaScript is busy, the kernel and the draining thread are not
    await Promise.all(asked);
    await sleep(100);
    const { queueFull, records: delivered } = probe.counters();
    expect(queueFull).toBeGreaterThan(0n);
    expect(delivered).toBe(BigInt(records.length));
  });
});
