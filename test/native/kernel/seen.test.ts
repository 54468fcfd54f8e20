import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { ProbeOptions } from '../../../native/index.ts';
import {
  atEnd,
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
  type TestRecord,
  temporaryFolder,
  until,
} from '../kernel-fixtures.ts';

const O = { write: 0o1, create: 0o100, truncate: 0o1000, folder: 0o200000, path: 0o10000000 };
/** Until the bulk ring was read twice. */
const BULK_MS = 120;

interface Scene {
  readonly test: TestProbe;
  readonly cgroup: TestCgroup;
  readonly slot: number;
  readonly doer: Doer;
  readonly folder: string;
  /** `r /folder` of each folder told below the test's own, in order. */
  told(): string[];
  novel(): TestRecord[];
  keys(): BigUint64Array;
  load(keys: readonly bigint[]): number;
}

const keyOf = (record: TestRecord): bigint => record.bytes.readBigUInt64LE(constant('novel_record.key'));

const modeOf = (record: TestRecord): string =>
  record.field('what') === constant('NOVEL_FOLDER_READ') ? 'r' : 'w';

const isFolder = (record: TestRecord): boolean =>
  record.field('what') <= constant('NOVEL_FOLDER_WRITE') && record.field('what') > 0;

async function scene(
  options: Partial<ProbeOptions> = {},
  prefix: readonly string[] = [],
  make: () => TestCgroup = makeCgroup,
): Promise<Scene> {
  const test = await openTestProbe(options);
  const cgroup = make();
  const folder = temporaryFolder();
  const doer = await startDoer(cgroup.path, prefix);
  await sleep(BULK_MS);
  const { slot } = test.counts(cgroup.id);
  const novel = () => test.of('RECORD_NOVEL', cgroup.id);
  const told = () =>
    novel()
      .filter((record) => isFolder(record) && record.path().startsWith(folder))
      .map((record) => `${modeOf(record)} ${record.path().slice(folder.length)}`);
  const keys = () => BigUint64Array.from(novel().map(keyOf));
  const load = (list: readonly bigint[]) => test.probe.loadSeen(slot, cgroup.id, BigUint64Array.from(list));
  return { test, cgroup, slot, doer, folder, told, novel, keys, load };
}

/** Folders a0, a1, ... with a file in each. */
function makeFolders(within: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const folder = join(within, `a${index}`);
    mkdirSync(folder);
    writeFileSync(join(folder, 'file'), '');
    return folder;
  });
}

const WAYS = [
  ['by loads', {}],
  ['by helpers, as before Linux 6.2', { byHelpers: true }],
] as const;

describe.skipIf(skipReason('seen') !== null)('folders', () => {
  afterEach(cleanUp);

  for (const [way, options] of WAYS)
    it(`are told once each, with their path, read ${way}`, async () => {
      const { doer, folder, told, novel, cgroup } = await scene(options);
      const folders = makeFolders(folder, 100);
      for (let round = 0; round < 3; round++) for (const path of folders) await doer.ask(`open ${path}/file`);
      await until(() => told().length >= 100);
      await sleep(BULK_MS);
      expect(told()).toEqual(folders.map((_, index) => `r /a${index}`));
      const [first] = novel().filter((record) => record.path() === folders[0]);
      expect(first).toMatchObject({ cgroup: cgroup.id, pid: doer.pid, uid: 0 });
      expect(first?.text('exe', 32)).toBe('doer');
      expect(new Set(novel().map(keyOf)).size).toBe(novel().length);
    });

  for (const [way, options] of WAYS)
    it(`are told apart by reading and writing, whatever the call, ${way}`, async () => {
      const { doer, folder, told } = await scene(options);
      const [a, b, c, d, e, f] = makeFolders(folder, 6);
      await doer.ask(`open ${a}/file`);
      await doer.ask(`open ${a}/file ${O.write}`);
      await doer.ask(`open ${b}/new ${O.create}`); // made, though it is opened to be read
      await doer.ask(`open ${b}/new ${O.create}`);
      await doer.ask(`creat ${c}/file`);
      await doer.ask(`openat2 ${d}/new ${O.write | O.create}`);
      await doer.ask(`open ${e}/file ${O.truncate}`);
      await doer.ask(`open ${f} ${O.folder}`);
      await doer.ask(`open ${f}/file ${O.path}`); // nothing can be read through it
      await until(() => told().length >= 8);
      await sleep(BULK_MS);
      const mine = ['r /a0', 'w /a0', 'w /a1', 'r /a1', 'w /a2', 'w /a3', 'w /a4', 'r /a5'];
      expect(told()).toEqual(mine);
    });

  it('behind a link are the real ones, and renamed ones are known', async () => {
    const { doer, folder, told } = await scene();
    const [a] = makeFolders(folder, 1);
    symlinkSync(`${a}`, join(folder, 'link'));
    await doer.ask(`open ${folder}/link/file`);
    await until(() => told().length === 1);
    renameSync(`${a}`, join(folder, 'b'));
    await doer.ask(`open ${folder}/b/file`);
    mkdirSync(`${a}`);
    writeFileSync(join(`${a}`, 'file'), '');
    await doer.ask(`open ${folder}/link/file`); // the same name, another folder
    await until(() => told().length === 2);
    await sleep(BULK_MS);
    expect(told()).toEqual(['r /a0', 'r /a0']);
  });

  for (const [way, options] of WAYS)
    it(`that are mounted have the path where they are mounted, ${way}`, async () => {
      const around = temporaryFolder();
      const [inner, outer, place] = makeFolders(around, 3);
      const mounts = `mount --bind ${inner} ${outer} && mount --bind ${inner}/file ${place}/file`;
      const { doer, novel } = await scene(options, ['unshare', '-m', 'sh', '-c', `${mounts} && exec "$0"`]);
      const mine = () => novel().filter((record) => record.path().startsWith(around));
      await doer.ask(`open ${place}/file`); // the file alone is mounted: it lies in the folder where it was put
      await doer.ask(`open ${outer}/file`);
      await doer.ask(`open ${inner}/file`); // the same folder
      await until(() => mine().length >= 2);
      await sleep(BULK_MS);
      expect(mine().map((record) => record.path())).toEqual([place, outer]);
    });

  it('without a name any more say so', async () => {
    const { doer, folder, told, novel, load } = await scene();
    const gone = join(folder, 'gone');
    mkdirSync(gone);
    const descriptor = await doer.ask(`keep ${gone} ${O.folder}`);
    rmdirSync(gone);
    load([]);
    await doer.ask(`open /proc/self/fd/${descriptor} ${O.folder}`);
    await until(() => told().length === 2);
    expect(told()).toEqual(['r /gone', 'r /gone']);
    const flags = novel()
      .filter((record) => record.path() === gone)
      .map((record) => record.field('flags') & constant('EXEC_DELETED'));
    expect(flags).toEqual([0, constant('EXEC_DELETED')]);
  });

  it('of processes are one kind, however many processes there are', async () => {
    const { doer, novel } = await scene();
    const inProc = () => novel().filter((record) => record.path().startsWith('/proc/'));
    await doer.ask('open /proc/self/stat');
    await doer.ask(`open /proc/${process.pid}/stat`);
    await doer.ask('open /proc/1/status');
    await doer.ask(`open /proc/self/fd ${O.folder}`);
    await doer.ask(`open /proc/1/fd ${O.folder}`);
    await doer.ask('open /proc/sys/kernel/ostype');
    await doer.ask('open /proc/sys/vm/swappiness');
    await until(() => inProc().length >= 4);
    await sleep(BULK_MS);
    expect(inProc().map((record) => record.path())).toEqual([
      `/proc/${doer.pid}`,
      `/proc/${doer.pid}/fd`,
      '/proc/sys/kernel',
      '/proc/sys/vm',
    ]);
  });

  it('that are loaded are silent, and those that are not are told again', async () => {
    const { doer, folder, told, novel, load } = await scene();
    const folders = makeFolders(folder, 20);
    const openAll = async () => {
      for (const path of folders) await doer.ask(`open ${path}/file`);
    };
    await openAll();
    await until(() => told().length === 20);
    const keys = novel()
      .filter((record) => record.path().startsWith(folder))
      .map(keyOf);
    expect(load(keys.slice(0, 15))).toBe(0);
    await openAll();
    await until(() => told().length === 25);
    await sleep(BULK_MS);
    expect(told().slice(20)).toEqual(['r /a15', 'r /a16', 'r /a17', 'r /a18', 'r /a19']);
    load([]);
    await openAll();
    await until(() => told().length === 45);
  });

  it('that were throttled are told the next time', async () => {
    const { test, cgroup, doer, folder, told, load } = await scene({ recordsPerSecond: 1, recordBurst: 1 });
    const [a, b] = makeFolders(folder, 2);
    await sleep(1100);
    load([]);
    const before = test.counts(cgroup.id).throttled[constant('RECORD_NOVEL')] ?? 0n;
    await doer.ask(`open ${a}/file`);
    await doer.ask(`open ${b}/file`);
    await until(() => told().length === 1);
    expect(test.counts(cgroup.id).throttled[constant('RECORD_NOVEL')]).toBe(before + 1n);
    await sleep(1100);
    await doer.ask(`open ${a}/file`);
    await doer.ask(`open ${b}/file`);
    await until(() => told().length === 2);
    expect(told()).toEqual(['r /a0', 'r /a1']);
  });

  it('beyond the places of the set are told each time, and counted', async () => {
    const { test, cgroup, doer, folder, told } = await scene({
      bulkBytes: 1 << 21,
      recordsPerSecond: 20_000,
      recordBurst: 20_000,
    });
    const folders = makeFolders(folder, 1200);
    for (const path of folders) await doer.ask(`open ${path}/file`);
    await until(() => told().length === 1200);
    const unplaced = Number(test.counts(cgroup.id).lost[constant('LOSS_SEEN_FULL')]);
    expect(unplaced).toBeGreaterThanOrEqual(1200 - 1024);
    expect(unplaced).toBeLessThan(400); // nearly all places are used
    for (const path of folders) await doer.ask(`open ${path}/file`);
    await until(() => told().length === 1200 + unplaced);
  }, 120_000);

  it('are forgotten when the slot is freed', async () => {
    const { cgroupRoot, make } = makeGrounds();
    const { test, cgroup, slot, doer, folder, told } = await scene({ slots: 3, cgroupRoot }, [], make);
    const [a] = makeFolders(folder, 1);
    await doer.ask(`open ${a}/file`);
    await until(() => told().length === 1);
    await cgroup.remove();
    test.probe.freeSlot(slot, cgroup.id);
    expect(() => test.probe.loadSeen(slot, cgroup.id, new BigUint64Array())).toThrow(/is not cgroup/);
    const next = make();
    expect(test.counts(next.id).slot).toBe(slot);
    const other = await startDoer(next.path);
    await other.ask(`open ${a}/file`);
    const again = () => test.of('RECORD_NOVEL', next.id).filter((record) => record.path() === a);
    await until(() => again().length === 1);
  });

  it('made by the ten thousand are bounded and counted, and hide nothing of another container', async () => {
    const { test, cgroup, doer } = await scene({ recordsPerSecond: 100, recordBurst: 1500 });
    const victimCgroup = makeCgroup();
    const victim = await startDoer(victimCgroup.path);
    const own = await startDoer(cgroup.path);
    const quiet = makeFolders(temporaryFolder(), 300);
    const n = 20_000;
    const shared = mkdtempSync('/dev/shm/picket-test-');
    atEnd(() => rmSync(shared, { recursive: true }));
    const flood = doer.ask(`flood ${shared} ${n}`);
    for (const path of quiet) await victim.ask(`open ${path}/file`);
    await own.ask('open /etc/shadow');
    await flood;
    const of = (id: number) => test.of('RECORD_NOVEL', id);
    const seen = () => of(victimCgroup.id).filter((record) => quiet.includes(record.path()));
    await until(() => seen().length === 300);
    const { lost, throttled } = test.counts(cgroup.id);
    expect(Number(throttled[constant('RECORD_NOVEL')])).toBeGreaterThan(n);
    expect(lost[constant('LOSS_FOLDERS_LATER')]).toBe(throttled[constant('RECORD_NOVEL')]);
    expect(lost[constant('LOSS_THROTTLED')]).toBe(0n);
    expect(of(cgroup.id).length + Number(throttled[constant('RECORD_NOVEL')])).toBeGreaterThanOrEqual(2 * n);
    expect(lost[constant('LOSS_URGENT_FULL')]).toBe(0n);
    expect(test.of('RECORD_OPEN', cgroup.id)).toHaveLength(1);
    expect(test.counts(victimCgroup.id).lost.every((count) => count === 0n)).toBe(true);
  }, 120_000);
});

describe.skipIf(skipReason('novelties') !== null)('what is new', () => {
  afterEach(cleanUp);

  const whatOf = (novel: () => TestRecord[], what: string): TestRecord[] =>
    novel().filter((record) => record.field('what') === constant(what));

  it('of libraries is told once, by the file that was mapped', async () => {
    const { doer, novel, load } = await scene();
    const libc = () => whatOf(novel, 'NOVEL_LIBRARY').filter((record) => /\/libc[.-]/.test(record.path()));
    await until(() => libc().length === 1); // of the shell and the doer together
    for (let i = 0; i < 3; i++) await doer.ask('exec /bin/true');
    await sleep(BULK_MS);
    expect(libc()).toHaveLength(1);
    load([]);
    await doer.ask('exec /bin/true');
    await until(() => libc().length === 2);
    expect(new Set(libc().map(keyOf)).size).toBe(1);
  });

  const uses = (novel: () => TestRecord[], capability: number): TestRecord[] =>
    whatOf(novel, 'NOVEL_CAPABILITY').filter((record) => record.field('value') === capability);
  const SYS_CHROOT = 18;

  it('of capabilities is told once when it was granted', async () => {
    const { doer, novel, load } = await scene();
    for (let i = 0; i < 3; i++) await doer.ask('do chroot /tmp');
    await until(() => uses(novel, SYS_CHROOT).length === 1);
    await sleep(BULK_MS);
    expect(uses(novel, SYS_CHROOT)).toHaveLength(1);
    expect(uses(novel, SYS_CHROOT).map(keyOf)).toEqual([BigInt(SYS_CHROOT + 1)]);
    load([BigInt(SYS_CHROOT + 1)]);
    await doer.ask('do chroot /tmp');
    load([]);
    await doer.ask('do chroot /tmp');
    await until(() => uses(novel, SYS_CHROOT).length === 2);
  });

  it('of capabilities is not told when it was refused', async () => {
    const user = ['setpriv', '--reuid', '65534', '--clear-groups', '--'];
    const { doer, novel } = await scene({}, user);
    expect(await doer.ask('do chroot /tmp')).toBe(1); // EPERM
    await sleep(BULK_MS);
    expect(uses(novel, SYS_CHROOT)).toEqual([]);
  });

  it('of listening ports is told once for each port', async () => {
    const { doer, novel } = await scene();
    const listening = () =>
      whatOf(novel, 'NOVEL_LISTEN').map((record) => [
        record.bytes.readUInt8(constant('novel_record.protocol')),
        record.bytes.readUInt16LE(constant('novel_record.port')),
      ]);
    for (const port of [18_441, 18_442, 18_441]) await doer.ask(`listen 127.0.0.1 ${port}`);
    await until(() => listening().length >= 2);
    await sleep(BULK_MS);
    expect(listening()).toEqual([
      [6, 18_441],
      [6, 18_442],
    ]);
  });
});
