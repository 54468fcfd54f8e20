import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  atEnd,
  cleanUp,
  constant,
  type Doer,
  makeCgroup,
  openTestProbe,
  skipReason,
  startDoer,
  type TestRecord,
  temporaryFolder,
  until,
} from '../kernel-fixtures.ts';

const TIMES = 7;
const USER = 4242;
const EPERM = 1;
const pair = (id: number) => BigInt(id) | (BigInt(id) << 32n);
const NUMBERS: Record<string, number> =
  process.arch === 'arm64'
    ? { mount: 40, umount: 39, setuid: 146, chroot: 51, setns: 268, socket: 198, connect: 203, bpf: 280 }
    : { mount: 165, umount: 166, setuid: 105, chroot: 161, setns: 308, socket: 41, connect: 42, bpf: 321 };

/** What an action record says, without its header. */
function said(record: TestRecord | undefined) {
  if (record === undefined) return undefined;
  const at = (name: string) => constant(`action_record.${name}`);
  return {
    number: record.field('number'),
    result: Number(record.bytes.readBigInt64LE(at('result'))),
    args: [0, 8, 16, 24].map((offset) => record.bytes.readBigUInt64LE(at('args') + offset)),
    flags: record.field('flags'),
    target: [record.field('target_pid'), record.field('target_slot')],
    exe: record.text('exe', 32),
    name: record.text('name', 64),
    path:
      (record.field('flags') & constant('PATH_CLAIMED')) !== 0
        ? record.text('path', 256)
        : record.field('path_bytes') === 0
          ? ''
          : record.path(),
  };
}

const NOTHING = { flags: 0, target: [0, 0], exe: 'doer', name: '', path: '' };

interface Scene {
  readonly doer: Doer;
  readonly slot: number;
  /** Records of one action so far. */
  of(action: string): TestRecord[];
}

async function scene(): Promise<Scene> {
  const { of, counts } = await openTestProbe({
    watchedNames: [
      { name: 'shadow', where: 'file' },
      { name: 'docker.sock', where: 'file' },
    ],
  });
  const cgroup = makeCgroup();
  // Mounts are made in a namespace of its own.
  const doer = await startDoer(cgroup.path, ['unshare', '-m']);
  const actions = (action: string) =>
    of('RECORD_ACTION', cgroup.id).filter((record) => record.field('action') === constant(action));
  // unshare(1) also makes its mounts private, after it has said what it did.
  await until(() => actions('ACTION_UNSHARE').length === 1 && actions('ACTION_MOUNT').length === 1);
  return { doer, slot: counts(cgroup.id).slot, of: actions };
}

/** Does it TIMES times and gives the records of the action that these made, all of the same slot. */
async function doTimes({ doer, of, slot }: Scene, command: string, action: string, answer = 0) {
  const before = of(action).length;
  for (let i = 0; i < TIMES; i++) expect(await doer.ask(`do ${command}`)).toBe(answer);
  await until(() => of(action).length - before >= TIMES);
  await sleep(30);
  const records = of(action).slice(before);
  expect(records).toHaveLength(TIMES);
  for (const record of records) {
    expect(record.slot).toBe(slot);
    expect(record.parentPid).toBe(doer.pid);
    const { target, args } = said(record) ?? {};
    expect(said(record)).toEqual({ ...said(records[0]), target, args });
  }
  return records;
}

describe.skipIf(skipReason('actions') !== null)('actions', () => {
  afterEach(cleanUp);

  it('tells changes of ids with what they were before, by either entry, and refused ones', async () => {
    const here = await scene();
    const changed = { ...NOTHING, result: 0, args: [0n, pair(USER), 0n, 0n] };
    const [plain] = await doTimes(here, `setuid - ${USER}`, 'ACTION_SET_ID');
    expect(said(plain)).toEqual({ ...changed, number: NUMBERS['setuid'] });
    expect(plain?.uid).toBe(USER);
    if (process.arch === 'x64') {
      const [compat] = await doTimes(here, `compat-setuid - ${USER}`, 'ACTION_SET_ID');
      expect(said(compat)).toEqual({ ...changed, number: 213, flags: constant('ACTION_COMPAT') });
    }
    const before = here.of('ACTION_SET_ID').length;
    expect(await here.doer.ask('do setuid - 0')).toBe(0);
    await sleep(50);
    expect(here.of('ACTION_SET_ID')).toHaveLength(before);
    for (let i = 0; i < TIMES; i++) expect(await here.doer.ask('do user:setuid - 0')).toBe(EPERM);
    await until(() => here.of('ACTION_SET_ID').length === before + 3 * TIMES);
    const refused = here.of('ACTION_SET_ID').filter((record) => said(record)?.result === -EPERM);
    expect(refused).toHaveLength(TIMES);
    expect(refused[0]?.uid).toBe(USER);
  });

  it('tells capabilities before and after', async () => {
    const here = await scene();
    const [record] = await doTimes(here, 'capset', 'ACTION_CAPSET');
    const args = said(record)?.args ?? [];
    expect((args[0] ?? 0n) & ~(args[1] ?? 0n)).toBe(1n << 13n);
    expect(args[2]).toBe(args[0]);
    const [refused] = await doTimes(here, 'user:raise', 'ACTION_CAPSET', EPERM);
    expect(said(refused)).toMatchObject({ result: -EPERM, args: [0n, 0n, 0n, 0n] });
  });

  it('tells ids that an executable gave', async () => {
    const here = await scene();
    const file = join(temporaryFolder(), 'gives-ids');
    copyFileSync('/bin/true', file);
    chownSync(file, USER, USER);
    chmodSync(file, 0o4755);
    for (let i = 0; i < TIMES; i++) expect(await here.doer.ask(`exec ${file}`)).toBe(0);
    await until(() => here.of('ACTION_EXEC_ID').length === TIMES);
    expect(said(here.of('ACTION_EXEC_ID')[0])).toEqual({
      ...NOTHING,
      number: constant('ACTION_NO_CALL'),
      result: 0,
      args: [0n, BigInt(USER), 0n, 0n],
      exe: 'gives-ids',
      path: file,
    });
  });

  it('tells tracing and writing of the memory of others, with whose it is', async () => {
    const here = await scene();
    for (const [command, action] of [
      ['trace', 'ACTION_PTRACE'],
      ['write-child', 'ACTION_VM_WRITE'],
    ] as const) {
      const records = await doTimes(here, command, action);
      const [target] = new Set(records.map((record) => record.field('target_pid')));
      expect(target).toBeGreaterThan(0);
      for (const record of records) {
        expect(said(record)).toMatchObject({
          name: 'doer',
          exe: 'doer',
          result: action === 'ACTION_PTRACE' ? 0 : 1,
        });
        expect(record.field('target_slot')).toBe(here.slot);
        expect(Number(said(record)?.args[action === 'ACTION_PTRACE' ? 1 : 0])).toBe(
          record.field('target_pid'),
        );
      }
    }
    const [refused] = await doTimes(here, `user:attach - ${process.pid}`, 'ACTION_PTRACE', EPERM);
    expect(said(refused)).toMatchObject({ result: -EPERM, target: [process.pid, 1] });
    await here.doer.ask('do write-self');
    await sleep(50);
    expect(here.of('ACTION_VM_WRITE')).toHaveLength(TIMES);
    const traced = await doTimes(here, 'traceme', 'ACTION_PTRACE');
    expect(said(traced[0])).toMatchObject({ target: [here.doer.pid, here.slot] });
  });

  it('tells mounts, roots and trees, done and refused', async () => {
    const here = await scene();
    const folder = temporaryFolder();
    chmodSync(folder, 0o755); // the ordinary user looks into it
    const claimed = constant('ACTION_CLAIMED') | constant('PATH_CLAIMED');
    const [mounted] = await doTimes(here, `mount ${folder}`, 'ACTION_MOUNT');
    expect(said(mounted)).toMatchObject({
      number: NUMBERS['mount'],
      result: 0,
      flags: claimed,
      name: 'picket-tmpfs',
      path: folder,
    });
    expect(here.of('ACTION_UMOUNT')).toHaveLength(TIMES);
    expect(said(here.of('ACTION_UMOUNT')[0])).toMatchObject({
      result: 0,
      path: folder,
      number: NUMBERS['umount'],
    });
    const [refused] = await doTimes(here, `user:try-mount ${folder}`, 'ACTION_MOUNT', EPERM);
    expect(said(refused)).toMatchObject({ result: -EPERM, name: '/dev/sda1', path: folder });
    expect(refused?.uid).toBe(USER);
    mkdirSync(join(folder, 'root'));
    const [root] = await doTimes(here, `chroot ${folder}/root`, 'ACTION_CHROOT');
    expect(said(root)).toEqual({
      ...NOTHING,
      number: NUMBERS['chroot'],
      result: 0,
      args: [0n, 0n, 0n, 0n],
      path: join(folder, 'root'),
    });
    const [denied] = await doTimes(here, `user:chroot ${folder}`, 'ACTION_CHROOT', EPERM);
    expect(said(denied)).toMatchObject({ flags: constant('PATH_CLAIMED'), path: folder });
    const [tree] = await doTimes(here, `open-tree ${folder}/root`, 'ACTION_OPEN_TREE');
    expect(said(tree)).toMatchObject({ flags: 0, path: join(folder, 'root') });
    const [anew] = await doTimes(here, `mount-anew ${folder}/root`, 'ACTION_FSMOUNT');
    expect(said(anew)).toMatchObject({ flags: 0, name: 'tmpfs' });
    expect(here.of('ACTION_MOVE_MOUNT')).toHaveLength(TIMES);
    expect(said(here.of('ACTION_MOVE_MOUNT')[0])).toMatchObject({ result: 0, path: `${folder}/root` });
    const [pivot] = await doTimes(here, `user:pivot-root ${folder}`, 'ACTION_PIVOT_ROOT', EPERM);
    expect(said(pivot)).toMatchObject({ result: -EPERM, path: folder });
  });

  it('tells files opened by their handle, and files taken from another process', async () => {
    const here = await scene();
    const folder = temporaryFolder();
    const [opened] = await doTimes(here, `open-handle ${folder}`, 'ACTION_OPEN_HANDLE');
    expect(said(opened)).toMatchObject({ flags: 0, path: folder });
    const [taken] = await doTimes(here, 'take-file', 'ACTION_TAKE_FD');
    expect(said(taken)?.path).not.toBe('');
    const errno = await here.doer.ask('do user:kexec'); // ENOSYS where the kernel has none
    await sleep(50);
    const [kernel] = await doTimes(here, 'user:kexec', 'ACTION_KEXEC', errno);
    expect(said(kernel)).toMatchObject({ result: -errno });
  });

  it('tells new and entered namespaces, also of clone3', async () => {
    const here = await scene();
    const uts = 0x04000000;
    const [unshared] = await doTimes(here, `unshare - ${uts}`, 'ACTION_UNSHARE');
    expect(said(unshared)).toMatchObject({ result: 0, name: '' });
    expect(said(unshared)?.args[0]).toBe(BigInt(uts));
    await doTimes(here, `user:unshare - ${uts}`, 'ACTION_UNSHARE', EPERM);
    const [entered] = await doTimes(here, 'setns uts', 'ACTION_SETNS');
    expect(said(entered)).toMatchObject({ number: NUMBERS['setns'], result: 0, name: 'uts' });
    for (const command of ['clone', 'clone3']) {
      const [made] = await doTimes(here, `${command} - ${uts}`, 'ACTION_CLONE_NS');
      expect(said(made)).toMatchObject({
        number: constant('ACTION_NO_CALL'),
        args: [BigInt(uts), 0n, 0n, 0n],
      });
      expect(made?.field('target_pid')).toBeGreaterThan(0);
    }
    await doTimes(here, `user:clone - ${uts}`, 'ACTION_CLONE_NS', EPERM);
    await here.doer.ask('do clone - 0');
    await here.doer.ask('do unshare - 512'); // CLONE_FS: no namespace
    await sleep(50);
    expect(here.of('ACTION_CLONE_NS')).toHaveLength(3 * TIMES);
    expect(here.of('ACTION_UNSHARE')).toHaveLength(2 * TIMES + 1); // one by the program that entered
  });

  it('tells modules, programs and counters given to the kernel', async () => {
    const here = await scene();
    const file = join(temporaryFolder(), 'rootkit.ko');
    writeFileSync(file, 'none');
    const answer = async (command: string) => {
      const result = await here.doer.ask(`do ${command}`);
      await sleep(50); // its record is not one of those counted next
      return result;
    };
    const errno = await answer('module');
    const [module] = await doTimes(here, 'module', 'ACTION_MODULE_LOAD', errno);
    expect(said(module)?.result).toBe(-errno);
    const byFile = await answer(`module-file ${file}`);
    const [loaded] = await doTimes(here, `module-file ${file}`, 'ACTION_MODULE_LOAD', byFile);
    expect(said(loaded)).toMatchObject({ path: file, result: -byFile });
    const unloading = await answer('module-unload nothing');
    const [unloaded] = await doTimes(here, 'module-unload nothing', 'ACTION_MODULE_UNLOAD', unloading);
    expect(said(unloaded)).toMatchObject({ name: 'nothing', flags: constant('ACTION_CLAIMED') });
    const [program] = await doTimes(here, 'bpf', 'ACTION_BPF_LOAD');
    expect(said(program)).toMatchObject({
      number: NUMBERS['bpf'],
      args: [5n, 1n, 0n, 0n],
      name: 'tried',
      flags: 0,
    });
    const perf = await answer('perf');
    if (perf === 0 || perf === EPERM || perf === 13) await doTimes(here, 'perf', 'ACTION_PERF_OPEN', perf);
    else console.log(`skipped: perf_event_open answers ${perf}`);
  });

  it('tells memory files, and memory for code once of each process', async () => {
    const here = await scene();
    const [memory] = await doTimes(here, 'memfd stage', 'ACTION_MEMFD');
    expect(said(memory)).toMatchObject({ name: 'memfd:stage', flags: 0 });
    const [both] = await doTimes(here, 'write-exec', 'ACTION_WRITE_EXEC');
    expect(said(both)).toMatchObject({ exe: 'doer', args: [0n, 4096n, 7n, 0n] });
    const [made] = await doTimes(here, 'make-exec', 'ACTION_MAKE_EXEC');
    expect(said(made)).toMatchObject({ result: 0 });
    await here.doer.ask('do file-exec');
    await sleep(50);
    expect(here.of('ACTION_MAKE_EXEC')).toHaveLength(TIMES);
  });

  it('tells raw and packet sockets, and no others', async () => {
    const here = await scene();
    const [packet] = await doTimes(here, 'packet-socket', 'ACTION_RAW_SOCKET');
    expect(said(packet)).toMatchObject({ number: NUMBERS['socket'], args: [17n, 3n, 0n, 0n] });
    const [raw] = await doTimes(here, 'raw-socket', 'ACTION_RAW_SOCKET');
    expect(said(raw)).toMatchObject({ args: [2n, 3n, 1n, 0n] });
    const [refused] = await doTimes(here, 'user:raw-socket', 'ACTION_RAW_SOCKET', EPERM);
    expect(said(refused)).toMatchObject({ result: -EPERM, args: [2n, 3n, 1n, 0n] });
    await here.doer.ask('do plain-sockets');
    await sleep(50);
    expect(here.of('ACTION_RAW_SOCKET')).toHaveLength(3 * TIMES);
  });

  it("tells connects to a runtime's socket by where it is bound, done and refused", async () => {
    const here = await scene();
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    const path = join(folder, 'docker.sock');
    const other = join(folder, 'other.sock');
    for (const at of [path, other]) {
      const server = createServer((socket) => socket.destroy()).listen(at);
      atEnd(() => new Promise<void>((resolve) => server.close(() => resolve())));
    }
    await sleep(50);
    const [used] = await doTimes(here, `connect-unix ${path}`, 'ACTION_SOCKET_USE');
    expect(said(used)).toMatchObject({ number: NUMBERS['connect'], result: 0, flags: 0, path });
    const [refused] = await doTimes(here, `user:connect-unix ${path}`, 'ACTION_SOCKET_USE', 13);
    expect(said(refused)).toMatchObject({ result: -13, flags: constant('PATH_CLAIMED'), path });
    await here.doer.ask(`do connect-unix ${other}`);
    await sleep(50);
    expect(here.of('ACTION_SOCKET_USE')).toHaveLength(2 * TIMES);
  });

  it('tells signals to a process of another container, and none within one', async () => {
    const here = await scene();
    const elsewhere = makeCgroup();
    const victim = await startDoer(elsewhere.path, ['sh', '-c', 'trap "" USR1; exec "$0"']);
    const [sent] = await doTimes(here, `kill - ${victim.pid}`, 'ACTION_SIGNAL');
    expect(said(sent)).toMatchObject({ args: [10n, 0n, 0n, 0n], name: 'doer' });
    expect(sent?.field('target_pid')).toBe(victim.pid);
    expect(sent?.field('target_slot')).not.toBe(here.slot);
    const [refused] = await doTimes(here, `user:kill - ${victim.pid}`, 'ACTION_SIGNAL', EPERM);
    expect(said(refused)).toMatchObject({ result: -EPERM });
    expect(refused?.field('target_pid')).toBe(victim.pid);
    await here.doer.ask('do trace'); // kills its own child
    await sleep(50);
    expect(here.of('ACTION_SIGNAL')).toHaveLength(2 * TIMES);
  });

  const v1 = '/sys/fs/cgroup/memory';
  it.skipIf(!existsSync(join(v1, 'memory.limit_in_bytes')))('tells the victims of an OOM kill', async () => {
    const here = await scene();
    const group = join(v1, `picket-test-${process.pid}`);
    mkdirSync(group);
    atEnd(async () => {
      await here.doer.end();
      await sleep(100);
      rmdirSync(group);
    });
    writeFileSync(join(group, 'memory.limit_in_bytes'), '16777216');
    writeFileSync(join(group, 'cgroup.procs'), String(here.doer.pid));
    const victims = await doTimes(here, 'take-memory - 64', 'ACTION_OOM_KILL', -9);
    expect(said(victims[0])).toEqual({
      ...NOTHING,
      number: constant('ACTION_NO_CALL'),
      result: 0,
      args: [0n, 0n, 0n, 0n],
    });
    expect(new Set(victims.map(({ pid }) => pid)).size).toBe(TIMES);
  });

  it('tells what is opened through io_uring', async () => {
    const here = await scene();
    const [open] = await doTimes(here, 'ring /etc/shadow', 'ACTION_URING_OP');
    const flags = said(open)?.args[1] ?? 0n; // the kernel adds O_LARGEFILE
    expect(flags & 3n).toBe(0n);
    expect(said(open)).toEqual({
      ...NOTHING,
      number: constant('ACTION_NO_CALL'),
      result: 0,
      args: [18n, flags, 0n, 0n],
      flags: constant('PATH_CLAIMED'),
      path: '/etc/shadow',
    });
    expect(here.of('ACTION_URING_SETUP')).toHaveLength(TIMES);
  });
});
