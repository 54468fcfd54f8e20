import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  atEnd,
  cleanUp,
  constant,
  makeCgroup,
  skipReason,
  startDoer,
  temporaryFolder,
  until,
} from '../kernel-fixtures.ts';
import { doTimes, EPERM, NOTHING, ROOTLESS, SHARED_PIDS, said, scene, TIMES, USER } from './scene.ts';

const pair = (id: number) => BigInt(id) | (BigInt(id) << 32n);
const NUMBERS: Record<string, number> =
  process.arch === 'arm64'
    ? { mount: 40, umount: 39, setuid: 146, chroot: 51, setns: 268, socket: 198, connect: 203, bpf: 280 }
    : { mount: 165, umount: 166, setuid: 105, chroot: 161, setns: 308, socket: 41, connect: 42, bpf: 321 };

/** cap_net_raw, to whoever executes it; false where the file system keeps no capabilities. */
function giveCapability(file: string): boolean {
  try {
    execFileSync('setcap', ['cap_net_raw+ep', file], { stdio: 'ignore' });
    return true;
  } catch (error) {
    console.log(`skipped: setcap: ${(error as Error).message}`);
    return false;
  }
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

  it('tells capabilities that an executable gave, to an ordinary user', async () => {
    const here = await scene();
    const folder = temporaryFolder();
    const file = join(folder, 'gives-capabilities');
    chmodSync(folder, 0o755);
    copyFileSync('/bin/true', file);
    chmodSync(file, 0o755);
    if (!giveCapability(file)) return;
    const [given] = await doTimes(here, `user:exec ${file}`, 'ACTION_EXEC_CAPS');
    expect(said(given)).toEqual({
      ...NOTHING,
      number: constant('ACTION_NO_CALL'),
      result: 0,
      args: [0n, 1n << 13n, 1n << 13n, 0n],
      exe: 'gives-capabilities',
      path: file,
    });
    expect(given?.uid).toBe(USER);
    expect(here.of('ACTION_STOLEN_ID')).toHaveLength(0);
    expect(await here.doer.ask('do user:exec /bin/true')).toBe(0);
    await sleep(50);
    expect(here.of('ACTION_EXEC_CAPS')).toHaveLength(TIMES);
  });

  it('tells tracing and writing of the memory of others, with whose it is', async () => {
    const here = await scene({ prefix: SHARED_PIDS });
    for (const [command, action] of [
      ['trace', 'ACTION_PTRACE'],
      ['write-child', 'ACTION_VM_WRITE'],
      ['read-child', 'ACTION_VM_READ'],
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

  it('finds the process that a number means in a pid namespace of its own', async () => {
    const here = await scene();
    for (const [command, action, at] of [
      ['trace', 'ACTION_PTRACE', 1],
      ['write-child', 'ACTION_VM_WRITE', 0],
    ] as const) {
      for (const record of await doTimes(here, command, action)) {
        const inner = Number(said(record)?.args[at]);
        expect(inner).toBeLessThan(100);
        expect(record.field('target_pid')).toBeGreaterThan(inner);
        expect(record.field('target_slot')).toBe(here.slot);
        expect(said(record)).toMatchObject({ name: 'doer', exe: 'doer' });
      }
    }
  });

  it('tells what an ordinary user does who is root in namespaces of its own', async () => {
    const here = await scene({ prefix: ROOTLESS });
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    for (const [command, action] of [
      [`mount ${folder}`, 'ACTION_MOUNT'],
      [`chroot ${folder}`, 'ACTION_CHROOT'],
      ['packet-socket', 'ACTION_RAW_SOCKET'],
      ['trace', 'ACTION_PTRACE'],
      [`clone - ${0x1000_0000}`, 'ACTION_CLONE_NS'],
      ['capset', 'ACTION_CAPSET'],
    ] as const) {
      for (const record of await doTimes(here, command, action)) {
        expect(record.uid).toBe(USER);
        expect(said(record)?.exe).toBe('doer');
        expect(said(record)?.result).toBeGreaterThanOrEqual(0);
      }
    }
    const errno = await here.doer.ask('do bpf');
    await sleep(50);
    const [program] = await doTimes(here, 'bpf', 'ACTION_BPF_LOAD', errno);
    expect(program?.uid).toBe(USER);
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
    const [unopened] = await doTimes(here, `user:mount-anew ${folder}/root`, 'ACTION_FSMOUNT', EPERM);
    expect(said(unopened)).toMatchObject({ flags: constant('ACTION_CLAIMED'), name: 'tmpfs' });
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
    const here = await scene({ prefix: SHARED_PIDS });
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
    const here = await scene({ prefix: SHARED_PIDS });
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
