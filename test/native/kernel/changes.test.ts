import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeRecords } from '../../../agent/events/decode.ts';
import { atEnd, cleanUp, constant, skipReason, temporaryFolder, until } from '../kernel-fixtures.ts';
import {
  doTimes,
  EPERM,
  NOTHING,
  ROOTLESS,
  type Scene,
  SHARED_PIDS,
  said,
  scene,
  TIMES,
  USER,
} from './scene.ts';

const CLAIMED = constant('PATH_CLAIMED') | constant('ACTION_CLAIMED');

interface Files extends Scene {
  readonly folder: string;
  /** Of a watched name. */
  readonly shadow: string;
  /** Of no watched name. */
  readonly plain: string;
}

async function files(prefix?: readonly string[]): Promise<Files> {
  const here = await scene(prefix === undefined ? {} : { prefix: [...prefix] });
  const folder = temporaryFolder();
  chmodSync(folder, 0o777);
  const make = (name: string) => {
    writeFileSync(join(folder, name), 'x', { mode: 0o666 });
    chmodSync(join(folder, name), 0o666);
    return join(folder, name);
  };
  return { ...here, folder, shadow: make('shadow'), plain: make('plain') };
}

/** How many records of the action a command makes that is done once. */
async function made(here: Files, command: string, action: string): Promise<number> {
  const before = here.of(action).length;
  await here.doer.ask(`do ${command}`);
  await sleep(50);
  return here.of(action).length - before;
}

describe.skipIf(skipReason('changes') !== null)('changes of files', () => {
  afterEach(cleanUp);

  it('tells other names of watched files, old and new, done and refused', async () => {
    const here = await files();
    const { shadow, plain, folder } = here;
    for (const [command, action, name, path] of [
      [`link ${shadow}`, 'ACTION_LINK', shadow, `${shadow}.new`],
      [`symlink ${shadow}`, 'ACTION_SYMLINK', shadow, `${shadow}.new`],
      [`symlink-at ${shadow}`, 'ACTION_SYMLINK', shadow, 'harmless'],
    ] as const) {
      const [record] = await doTimes(here, command, action);
      expect(said(record)).toMatchObject({ result: 0, flags: CLAIMED, name, path, args: [0n, 0n, 0n, 0n] });
    }
    for (let i = 0; i < TIMES; i++) {
      expect(await here.doer.ask(`do ${i % 2 ? 'rename' : 'rename-at'} ${shadow}`)).toBe(0);
      expect(await here.doer.ask(`do rename-back ${shadow}`)).toBe(0);
    }
    await until(() => here.of('ACTION_RENAME').length >= 2 * TIMES);
    const [first, back, other] = here.of('ACTION_RENAME').map(said);
    expect(first).toMatchObject({ result: 0, name: 'shadow', path: `${shadow}.new` });
    expect(back).toMatchObject({ result: 0, name: `${shadow}.new`, path: shadow });
    expect(other).toMatchObject({ name: shadow, path: `${shadow}.new` });
    chmodSync(folder, 0o755);
    const [refused] = await doTimes(here, `user:rename ${shadow}`, 'ACTION_RENAME', 13);
    expect(said(refused)).toMatchObject({ result: -13, name: shadow });
    expect(refused?.uid).toBe(USER);
    const [unlinked] = await doTimes(here, `user:unlink ${shadow}`, 'ACTION_UNLINK', 13);
    expect(said(unlinked)).toMatchObject({ result: -13, flags: constant('PATH_CLAIMED'), path: shadow });
    for (const [command, action] of [
      [`rename ${plain}`, 'ACTION_RENAME'],
      [`rename-back ${plain}`, 'ACTION_RENAME'],
      [`link ${plain}`, 'ACTION_LINK'],
      [`symlink ${plain}`, 'ACTION_SYMLINK'],
      [`unlink ${plain}`, 'ACTION_UNLINK'],
    ] as const)
      expect(await made(here, command, action)).toBe(0);
    expect(await made(here, `unlink-at ${shadow}`, 'ACTION_UNLINK')).toBe(1);
    expect(said(here.of('ACTION_UNLINK').at(-1))).toMatchObject({ result: 0, path: 'shadow' });
  });

  it('tells capabilities that are given to any file, done and refused', async () => {
    const here = await files();
    const named = { name: 'security.capability', path: here.plain, flags: CLAIMED };
    const [given] = await doTimes(here, `give-capability ${here.plain}`, 'ACTION_SETXATTR');
    expect(said(given)).toMatchObject({ result: 0, ...named });
    const [refused] = await doTimes(here, `user:give-capability ${here.plain}`, 'ACTION_SETXATTR', EPERM);
    expect(said(refused)).toMatchObject({ result: -EPERM, ...named });
  });

  it('tells rights, owners, lengths and attributes of watched files, by path and by descriptor', async () => {
    const here = await files();
    const { shadow, plain, folder } = here;
    symlinkSync(shadow, join(folder, 'harmless'));
    for (const [what, action, number, args] of [
      ['chmod', 'ACTION_CHMOD', 0o640, [0o640n, 0n, 0n, 0n]],
      ['chown', 'ACTION_CHOWN', 12, [12n, 12n, 0n, 0n]],
      ['truncate', 'ACTION_TRUNCATE', 5, [5n, 0n, 0n, 0n]],
      ['setxattr', 'ACTION_SETXATTR', 0, [0n, 0n, 0n, 0n]],
    ] as const) {
      const name = what === 'setxattr' ? 'user.picket' : '';
      const answer = what === 'setxattr' ? await here.doer.ask(`do setxattr ${plain}`) : 0;
      await sleep(30);
      const named = name === '' ? 0 : constant('ACTION_CLAIMED');
      const result = 0 - answer;
      const [byPath] = await doTimes(here, `${what} ${shadow} ${number}`, action, answer);
      expect(said(byPath)).toMatchObject({
        result,
        args,
        name,
        path: shadow,
        flags: named | constant('PATH_CLAIMED'),
      });
      // What is behind a descriptor is known, whatever it was opened by.
      const [byFile] = await doTimes(here, `${what}-file ${folder}/harmless ${number}`, action, answer);
      expect(said(byFile)).toMatchObject({ result, args, name, path: shadow, flags: named });
      expect(await made(here, `${what} ${plain} ${number}`, action)).toBe(0);
      expect(await made(here, `${what}-file ${plain} ${number}`, action)).toBe(0);
    }
    expect(statSync(shadow).size).toBe(5);
    for (const what of ['chmod-at', 'chown-at']) {
      const action = what === 'chmod-at' ? 'ACTION_CHMOD' : 'ACTION_CHOWN';
      const [record] = await doTimes(here, `${what} ${shadow} 1`, action);
      expect(said(record)).toMatchObject({ result: 0, path: 'shadow' });
    }
    const [refused] = await doTimes(here, `user:chmod ${shadow} 511`, 'ACTION_CHMOD', EPERM);
    expect(said(refused)).toMatchObject({ result: -EPERM, args: [0o777n, 0n, 0n, 0n] });
  });

  it('tells rights that hand on ids each time, and the first file that a program makes executable', async () => {
    const here = await files();
    const [suid] = await doTimes(here, `chmod ${here.plain} ${0o4755}`, 'ACTION_CHMOD');
    expect(said(suid)).toMatchObject({ args: [0o4755n, 0n, 0n, 0n], path: here.plain });
    const [byFile] = await doTimes(here, `chmod-file ${here.plain} ${0o2755}`, 'ACTION_CHMOD');
    expect(said(byFile)).toMatchObject({ args: [0o2755n, 0n, 0n, 0n], flags: 0 });
    await doTimes(here, `chmod ${here.plain} ${0o755}`, 'ACTION_CHMOD'); // each in a process of its own
    expect(await made(here, `chmod ${here.plain} ${0o644}`, 'ACTION_CHMOD')).toBe(0);
  });

  it('knows files in watched folders, names without folders, and long paths to them', async () => {
    const here = await files();
    const cron = join(here.folder, 'cron.d');
    mkdirSync(cron);
    chmodSync(cron, 0o777);
    writeFileSync(join(cron, 'job'), '');
    await doTimes(here, `chmod ${cron}/job 438`, 'ACTION_CHMOD');
    const [record] = await doTimes(here, `chmod-at ${cron}/job 438`, 'ACTION_CHMOD');
    expect(said(record)).toMatchObject({ path: 'job' });
    const long = `${here.folder}/${'./'.repeat(1500)}shadow`;
    await doTimes(here, `chmod ${long} 438`, 'ACTION_CHMOD');
    expect(await made(here, `chmod ${here.folder}/shadow2 438`, 'ACTION_CHMOD')).toBe(0);
    expect(await made(here, `chmod ${cron}/ 511`, 'ACTION_CHMOD')).toBe(1);
  });

  it('tells devices, attributes of mounts, personalities, faults and sockets to the kernel', async () => {
    const here = await files();
    const CHARACTER = 0o020666;
    const [device] = await doTimes(here, `mknod ${here.plain} ${CHARACTER}`, 'ACTION_MAKE_DEVICE');
    expect(said(device)).toMatchObject({ result: 0, args: [BigInt(CHARACTER), 0x103n, 0n, 0n] });
    expect(said(device)?.path).toBe(`${here.plain}.new`);
    const [refused] = await doTimes(
      here,
      `user:mknod ${here.plain} ${CHARACTER}`,
      'ACTION_MAKE_DEVICE',
      EPERM,
    );
    expect(said(refused)).toMatchObject({ result: -EPERM });
    expect(await made(here, `mknod ${here.plain} ${0o010666}`, 'ACTION_MAKE_DEVICE')).toBe(0); // a pipe
    expect(await here.doer.ask(`do mount-attr ${here.plain}`)).toBe(22); // it is no mount: not done, not refused
    const [attribute] = await doTimes(here, `user:mount-attr ${here.plain}`, 'ACTION_MOUNT_ATTR', EPERM);
    expect(said(attribute)).toMatchObject({ result: -EPERM, path: here.plain });
    const [fixed] = await doTimes(here, `personality - ${0x0040000}`, 'ACTION_PERSONALITY');
    expect(said(fixed)).toEqual({
      ...NOTHING,
      number: said(fixed)?.number,
      result: 0,
      args: [0x0040000n, 0n, 0n, 0n],
    });
    expect(await made(here, 'personality - 8', 'ACTION_PERSONALITY')).toBe(0);
    const fault = await here.doer.ask('do userfault');
    if (fault === 0 || fault === EPERM) {
      await sleep(30);
      await doTimes(here, 'userfault', 'ACTION_USERFAULT', fault);
    } else console.log(`skipped: userfaultfd answers ${fault}`);
    const [audit] = await doTimes(here, 'kernel-socket - 9', 'ACTION_KERNEL_SOCKET');
    expect(said(audit)).toMatchObject({ args: [16n, 3n, 9n, 0n] });
    expect(said(audit)?.result).toBeGreaterThan(0);
    expect(await made(here, 'kernel-socket - 0', 'ACTION_KERNEL_SOCKET')).toBe(0);
    if (process.arch === 'x64') {
      const ports = await here.doer.ask('do user:io-ports - 3');
      if (ports === EPERM) await doTimes(here, 'user:io-ports - 3', 'ACTION_IO_PORTS', EPERM);
      else console.log(`skipped: iopl answers ${ports}`);
    }
  });

  it('tells what a ring does to names, and whom it connects to', async () => {
    for (const prefix of [undefined, ROOTLESS]) {
      const here = await files(prefix);
      const socket = join(here.folder, 'docker.sock');
      const server = createServer((client) => client.destroy()).listen(socket);
      atEnd(() => new Promise<void>((resolve) => server.close(() => resolve())));
      await sleep(50);
      chmodSync(socket, 0o666);
      const operations = () => here.of('ACTION_URING_OP').map(said);
      const [connected] = await doTimes(here, `ring-connect ${socket}`, 'ACTION_URING_OP');
      expect(said(connected)).toMatchObject({
        args: [16n, 1n, 0n, 0n],
        path: socket,
        flags: constant('PATH_CLAIMED'),
      });
      await doTimes(here, 'ring-send', 'ACTION_URING_OP');
      expect(operations().at(-1)?.args[0]).toBe(26n);
      // Two a time: there and back.
      const before = operations().length;
      for (let i = 0; i < TIMES; i++) expect(await here.doer.ask(`do ring-rename ${here.shadow}`)).toBe(0);
      await until(() => operations().length === before + 2 * TIMES);
      expect(operations().at(-1)).toMatchObject({
        args: [35n, 0n, 0n, 0n],
        name: `${here.shadow}.new`,
        path: here.shadow,
        flags: CLAIMED,
      });
      expect(await made(here, `ring-unlink ${here.shadow}`, 'ACTION_URING_OP')).toBe(1);
      expect(operations().at(-1)).toMatchObject({ args: [36n, 0n, 0n, 0n], path: here.shadow });
    }
  });

  it('tells a connection that a ring opened, as a flow of the container', async () => {
    const here = await scene({ prefix: SHARED_PIDS });
    const server = createServer((client) => client.destroy()).listen(0, '127.0.0.1');
    atEnd(() => new Promise<void>((resolve) => server.close(() => resolve())));
    await until(() => server.listening);
    const { port } = server.address() as AddressInfo;
    const [operation] = await doTimes(here, `ring-tcp - ${port}`, 'ACTION_URING_OP');
    expect(said(operation)).toMatchObject({ args: [16n, 2n, 0n, 0n], flags: 0, path: '' });
    await until(() => here.kind('RECORD_FLOW').length > 0);
    const bytes = Buffer.concat(here.kind('RECORD_FLOW').map((record) => record.bytes));
    expect(decodeRecords(bytes).events[0]).toMatchObject({
      kind: 'flow',
      direction: 'connect',
      peer: '127.0.0.1',
      port,
      exe: 'doer',
      slot: here.slot,
    });
  });
});
