import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  findHierarchies,
  foldersOf,
  type Hierarchies,
  type Hierarchy,
  pathIn,
} from '../../../agent/resources/hierarchies.ts';

const V2 = 'cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0\n';
const MIXED = [
  'tmpfs /sys/fs/cgroup tmpfs ro,mode=755 0 0',
  'cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nsdelegate 0 0',
  'cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0',
  'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0',
  'cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0',
  'cgroup /sys/fs/cgroup/blkio cgroup rw,blkio 0 0',
  'cgroup /with\\040space cgroup rw,pids 0 0',
].join('\n');
const v1 = (mount: string, ...controllers: string[]): Hierarchy => ({ version: 1, mount, controllers });
const v2 = (mount: string): Hierarchy => ({ version: 2, mount, controllers: [] });

describe('where each controller is', () => {
  test('on v2 all are in one place', () => {
    const all = v2('/sys/fs/cgroup');
    expect(findHierarchies(V2)).toEqual({
      cpu: all,
      cpuacct: all,
      memory: all,
      blkio: all,
      pids: all,
      core: all,
    });
  });

  test('on a mixed host v1 has what is mounted there, v2 the rest', () => {
    const cpu = v1('/sys/fs/cgroup/cpu,cpuacct', 'cpu', 'cpuacct');
    expect(findHierarchies(MIXED)).toEqual({
      cpu,
      cpuacct: cpu,
      memory: v1('/sys/fs/cgroup/memory', 'memory'),
      blkio: v1('/sys/fs/cgroup/blkio', 'blkio'),
      pids: v1('/with space', 'pids'),
      core: v2('/sys/fs/cgroup/unified'),
    });
  });

  test('without v2 there is nothing of its core, and no hierarchy is guessed', () => {
    expect(findHierarchies('cgroup /m cgroup rw,memory 0 0\n')).toEqual({ memory: v1('/m', 'memory') });
    expect(findHierarchies('')).toEqual({});
  });
});

test('a process names its cgroup in each hierarchy; one of another namespace means nothing', () => {
  const text = '12:cpu,cpuacct:/a/b:c\n4:memory:/../other\n1:name=systemd:/s\n0::/u\n';
  expect(pathIn(v1('/x', 'cpu', 'cpuacct'), text)).toBe('/a/b:c');
  expect(pathIn(v1('/x', 'memory'), text)).toBeNull();
  expect(pathIn(v1('/x', 'pids'), text)).toBeNull();
  expect(pathIn(v2('/x'), text)).toBe('/u');
});

describe('a container’s folder', () => {
  const root = mkdtempSync(join(tmpdir(), 'picket-hierarchies-'));
  afterAll(() => rmSync(root, { recursive: true }));
  const memory = v1(join(root, 'memory'), 'memory');
  const pids = v1(join(root, 'pids'), 'pids');
  const all: Hierarchies = { memory, pids };
  mkdirSync(join(root, 'memory/docker/one'), { recursive: true });
  mkdirSync(join(root, 'pids'));

  test('has the same path in each hierarchy', () => {
    expect(foldersOf(all, '/docker/one')(memory)).toBe(join(root, 'memory/docker/one'));
  });

  test('is nowhere when neither the path nor a process leads to it', () => {
    expect(foldersOf(all, '/docker/one')(pids)).toBeNull();
    writeFileSync(join(root, 'memory/docker/one/cgroup.procs'), '999999999\n');
    expect(foldersOf(all, '/docker/one')(pids)).toBeNull();
  });

  test('is where its process says, when nobody else is there', () => {
    const put = (path: string, text: string): void => {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    const proc = join(root, 'proc');
    const known = v2(join(root, 'unified'));
    const mixed: Hierarchies = { pids, core: known };
    put('unified/node/two/cgroup.procs', '7\n');
    put('pids/elsewhere/two/cgroup.procs', '7\n8\n9\n');
    for (const pid of [7, 8]) put(`proc/${pid}/cgroup`, '3:pids:/elsewhere/two\n0::/outer/node/two/sub\n');
    const folder = join(root, 'pids/elsewhere/two');
    expect(foldersOf(mixed, '/node/two', proc)(pids)).toBe(folder); // 9 has ended
    // Of a pid namespace that is not seen into, and one that may not be looked at: whose they are is not known.
    put('pids/elsewhere/two/cgroup.procs', '7\n0\n');
    expect(foldersOf(mixed, '/node/two', proc)(pids)).toBeNull();
    put('pids/elsewhere/two/cgroup.procs', '7\n10\n');
    mkdirSync(join(root, 'proc/10/cgroup'), { recursive: true });
    expect(foldersOf(mixed, '/node/two', proc)(pids)).toBeNull();
    put('pids/elsewhere/two/cgroup.procs', '7\n8\n9\n');
    put('proc/9/cgroup', '3:pids:/elsewhere/two\n0::/outer/node/twofold\n');
    expect(foldersOf(mixed, '/node/two', proc)(pids)).toBeNull();
  });
});
