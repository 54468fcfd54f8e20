import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  atEnd,
  cleanUp,
  constant,
  makeCgroup,
  openTestProbe,
  PROBE_OPTIONS,
  skipReason,
  startDoer,
  temporaryFolder,
  until,
} from '../kernel-fixtures.ts';
import { doTimes, OWN, said, scene } from './scene.ts';

const EACCES = 13;
const ENOENT = 2;
const ETXTBSY = 26;
const EROFS = 30;
const O_RDWR = 2n;

describe.skipIf(skipReason('failed opens') !== null)('failed opens', () => {
  afterEach(cleanUp);

  it('tells what was refused, whatever its name, with the path that was asked for', async () => {
    const here = await scene();
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, 'plain'), 'x', { mode: 0o600 });
    const [refused] = await doTimes(here, `user:chmod-file ${folder}/plain 0`, 'ACTION_OPEN_FAILED', EACCES);
    expect(said(refused)).toMatchObject({
      result: -EACCES,
      path: `${folder}/plain`,
      flags: constant('PATH_CLAIMED'),
    });
    expect((said(refused)?.args[0] ?? 0n) & 3n).toBe(O_RDWR);
  });

  it('tells of what is not there only names that are watched at every opening', async () => {
    const { of } = await openTestProbe({
      watchedNames: [
        { name: 'shadow', where: 'file' },
        { name: '.ssh', where: 'folder' },
        { name: 'hosts', where: 'file', writesOnly: true },
      ],
    });
    const { path, id } = makeCgroup();
    const doer = await startDoer(path, OWN);
    const folder = temporaryFolder();
    mkdirSync(join(folder, '.ssh'));
    for (const name of ['nothing', 'hosts', 'shadow', '.ssh/id_x', 'shadow2'])
      expect(await doer.ask(`open ${folder}/${name} 0`)).toBe(ENOENT);
    expect(await doer.ask(`openat2 ${folder}/no/shadow 0`)).toBe(ENOENT);
    expect(await doer.ask(`creat ${folder}/no/.ssh/x`)).toBe(ENOENT);
    const told = () =>
      of('RECORD_ACTION', id)
        .filter((record) => record.field('action') === constant('ACTION_OPEN_FAILED'))
        .map((record) => said(record)?.path.slice(folder.length + 1));
    await until(() => told().length >= 4);
    await sleep(50);
    expect(told()).toEqual(['shadow', '.ssh/id_x', 'no/shadow', 'no/.ssh/x']);
  });

  it('tells what may not be written: a program that runs, and watched names on a read-only file system', async () => {
    const folder = temporaryFolder();
    const busy = join(folder, 'busy');
    copyFileSync('/bin/sleep', busy);
    for (const name of ['shadow', 'plain', 'hosts']) writeFileSync(join(folder, name), 'x');
    const { of } = await openTestProbe({
      watchedNames: [
        { name: 'shadow', where: 'file' },
        { name: 'hosts', where: 'file', writesOnly: true },
      ],
    });
    const { path, id } = makeCgroup();
    const readOnly = `mount --bind ${folder} ${folder} && mount -o remount,bind,ro ${folder} && exec "$@"`;
    const doer = await startDoer(path, ['unshare', '-m', 'sh', '-c', readOnly, 'sh']);
    for (const name of ['shadow', 'plain', 'hosts']) {
      expect(await doer.ask(`open ${folder}/${name} 1`)).toBe(EROFS);
      expect(await doer.ask(`open ${folder}/${name} 0`)).toBe(0);
    }
    expect(await doer.ask(`creat ${folder}/shadow`)).toBe(EROFS);
    expect(await doer.ask(`openat2 ${folder}/shadow 2`)).toBe(EROFS);
    const running = spawn(busy, ['60']);
    atEnd(() => void running.kill('SIGKILL'));
    await once(running, 'spawn');
    const other = await startDoer(path, ['unshare', '-m']);
    expect(await other.ask(`open ${busy} 1`)).toBe(ETXTBSY);
    const told = () =>
      of('RECORD_ACTION', id)
        .filter((record) => record.field('action') === constant('ACTION_OPEN_FAILED'))
        .map(said)
        .map((failed) => ({
          result: failed?.result,
          path: failed?.path,
          write: (failed?.args[0] ?? 0n) & 3n,
        }));
    await until(() => told().length >= 4);
    await sleep(50);
    expect(told()).toEqual([
      { result: -EROFS, path: `${folder}/shadow`, write: 1n },
      { result: -EROFS, path: `${folder}/shadow`, write: 1n },
      { result: -EROFS, path: `${folder}/shadow`, write: 2n },
      { result: -ETXTBSY, path: busy, write: 1n },
    ]);
  });

  it('keeps a search from hiding anything else, and counts what it does not tell as told later', async () => {
    const burst = 40;
    const { of, counts } = await openTestProbe({ ...PROBE_OPTIONS, recordsPerSecond: 1, recordBurst: burst });
    const { path, id } = makeCgroup();
    const doer = await startDoer(path, OWN);
    for (let i = 0; i < 100; i++) expect(await doer.ask('open /nowhere/shadow 0')).toBe(ENOENT);
    expect(await doer.ask('do raw-socket')).toBe(0);
    const actions = (action: string) =>
      of('RECORD_ACTION', id).filter((record) => record.field('action') === constant(action));
    await until(() => actions('ACTION_RAW_SOCKET').length === 1);
    const failed = actions('ACTION_OPEN_FAILED').length;
    const { lost, throttled } = counts(id);
    // A second or two of the test bring one more each.
    expect(failed).toBeGreaterThanOrEqual(burst / constant('OPEN_FAILED_TOKENS'));
    expect(failed).toBeLessThan(100);
    expect(Number(lost[constant('LOSS_OPENS_LATER')])).toBe(100 - failed);
    expect(Number(throttled[constant('BUCKET_OPEN_FAILED')])).toBe(100 - failed);
    expect(throttled[constant('RECORD_ACTION')]).toBe(0n);
  });
});
