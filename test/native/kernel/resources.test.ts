/** What a container really used, read from this machine's cgroups, whichever version they are. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { findHierarchies } from '../../../agent/resources/hierarchies.ts';
import { ResourceReader, type Subject } from '../../../agent/resources/reader.ts';
import { atEnd, cleanUp, containerName, skipReason } from '../kernel-fixtures.ts';

const hierarchies = findHierarchies(readFileSync('/proc/self/mounts', 'utf8'));
const mounts = [...new Set(Object.values(hierarchies).map(({ mount }) => mount))];

/** A cgroup of that name in every hierarchy, as a runtime makes it. */
function makeEverywhere(name = containerName()): Subject {
  const folders = mounts.map((mount) => join(mount, name)).filter((folder) => !existsSync(folder));
  for (const folder of folders) mkdirSync(folder);
  atEnd(() => {
    for (const folder of folders) if (existsSync(folder)) rmdirSync(folder);
  });
  return { cgroup: 1, path: `/${name}`, madeAt: 1n };
}

/** Runs a program in it, to its end. */
function runIn({ path }: Subject, ...program: string[]): void {
  const enter = mounts.map((mount) => `echo $$ > ${join(mount, path)}/cgroup.procs`).join(' && ');
  execFileSync('sh', ['-c', `${enter} && exec "$@"`, 'sh', ...program], { stdio: 'ignore' });
}

describe.skipIf(skipReason('resources') !== null)('resources', () => {
  afterEach(cleanUp);

  it('reads processor time and processes that a container had, in the window in which it had them', async () => {
    const container = makeEverywhere();
    const reader = new ResourceReader(hierarchies, () => [container]);
    atEnd(() => reader.close());
    const [before] = await reader.read();
    expect(before?.resources.cpuUs).toBeLessThan(10_000);
    runIn(container, 'sh', '-c', 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done');
    const [during] = await reader.read();
    expect(during?.resources.cpuUs).toBeGreaterThan(20_000);
    const [after] = await reader.read();
    expect(after?.resources.cpuUs).toBe(0);
    if (hierarchies.pids !== undefined) expect(after?.resources.pids).toBe(0);
  });

  it('reads memory while it is held', async () => {
    const container = makeEverywhere();
    const reader = new ResourceReader(hierarchies, () => [container]);
    atEnd(() => reader.close());
    const enter = mounts.map((mount) => `echo $$ > ${join(mount, container.path)}/cgroup.procs`).join(' && ');
    const hold = 'const held = Buffer.alloc(30_000_000, 1); setInterval(() => held, 1000)';
    const holder = spawn('sh', ['-c', `${enter} && exec "$@"`, 'sh', process.execPath, '-e', hold], {
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    atEnd(async () => {
      holder.kill('SIGKILL');
      await ended;
    });
    await expect
      .poll(async () => (await reader.read())[0]?.resources.memoryBytes ?? 0, { timeout: 5000 })
      .toBeGreaterThan(20_000_000);
    const [reading] = await reader.read();
    expect(reading?.resources.pids).toBeGreaterThanOrEqual(1);
    expect(reading?.resources.memoryLimitBytes).toBeNull();
  });

  it('keeps no descriptor of a cgroup that is gone, and reads nothing of it', async () => {
    const container = makeEverywhere();
    const reader = new ResourceReader(hierarchies, () => [container]);
    atEnd(() => reader.close());
    await reader.read();
    expect(reader.counts.openFiles).toBeGreaterThan(0);
    for (const mount of mounts) rmdirSync(join(mount, container.path));
    expect(await reader.read()).toEqual([]);
    expect(reader.counts.openFiles).toBe(0);
    const open = readdirSync('/proc/self/fd').length;
    await reader.read();
    expect(readdirSync('/proc/self/fd').length).toBe(open);
  });
});
