/** Whose an action is: containers that live a moment, nested ones, nodes that are containers, and cgroup v1. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ownerOf } from '../../../agent/identity/cgroup.ts';
import { findCgroups } from '../../../agent/source/cgroups.ts';
import {
  cleanUp,
  constant,
  containerName,
  findCgroup2,
  makeCgroup,
  moveTo,
  openTestProbe,
  skipReason,
  startDoer,
  type TestProbe,
  until,
} from '../kernel-fixtures.ts';

const skip = skipReason('attribution');
const root2 = findCgroup2() ?? '';

/** One program in a cgroup, which opens a watched file and ends. */
function readShadow(folder: string): void {
  const script = `echo $$ > ${folder}/cgroup.procs && exec cat /etc/shadow`;
  execFileSync('sh', ['-c', script], { stdio: 'ignore' });
}

/** Cgroup of the containers that did something of a kind, with the path they were told under. */
const pathOf = (test: TestProbe, cgroup: number): string | undefined =>
  test.of('RECORD_CGROUP', cgroup)[0]?.text('path', 512);

describe.skipIf(skip !== null)('attribution', () => {
  afterEach(cleanUp);

  it('attributes what containers of some milliseconds did, 100 of 100', async () => {
    const test = await openTestProbe({ slots: 256, liveSlots: 128, recordsPerSecond: 1e6, recordBurst: 1e6 });
    const made = Array.from({ length: 100 }, () => {
      const name = containerName();
      const path = join(root2, name);
      const begin = performance.now();
      mkdirSync(path);
      const id = statSync(path).ino;
      readShadow(path);
      rmdirSync(path);
      return { id, name, ms: performance.now() - begin };
    });
    const lives = made.map(({ ms }) => ms).toSorted((a, b) => a - b);
    console.log(
      `100 containers that lived ${lives[50]?.toFixed(0)} ms (${lives[0]?.toFixed(0)} to ${lives[99]?.toFixed(0)})`,
    );
    await until(() => made.every(({ id }) => test.of('RECORD_OPEN', id).length > 0));
    const told = made.map(({ id }) => ({
      name: ownerOf(pathOf(test, id) ?? '')?.path,
      execs: test.of('RECORD_EXEC', id).map((record) => record.path().split('/').at(-1)),
      opens: test.of('RECORD_OPEN', id).map((record) => record.path()),
      ends: test.of('RECORD_CGROUP', id).length,
    }));
    expect(told).toEqual(
      made.map(({ name }) => ({ name: `/${name}`, execs: ['cat'], opens: ['/etc/shadow'], ends: 2 })),
    );
    const slots = new Set(made.map(({ id }) => test.of('RECORD_OPEN', id)[0]?.slot));
    expect(slots.size).toBe(100);
  });

  it('takes a pod’s slice of podman for no container, and what is in it for two', async () => {
    const test = await openTestProbe();
    const pod = makeCgroup(`machine-libpod_pod_${'a'.repeat(64)}.slice`);
    const [one, two] = ['b', 'c'].map((digit) => makeCgroup(`libpod-${digit.repeat(64)}.scope`, pod.path));
    for (const container of [one, two]) readShadow(container?.path ?? '');
    await until(() => [one, two].every((each) => test.of('RECORD_OPEN', each?.id ?? 0).length === 1));
    expect(test.of('RECORD_CGROUP', pod.id)).toEqual([]);
  });

  it('gives an action to the owner that the agent finds by the path', async () => {
    const test = await openTestProbe();
    const top = makeCgroup(`picket-agree-${process.pid}`);
    const [id, other, uid] = ['1'.repeat(64), '2'.repeat(64), '1b2c3d4e_0000_4aaa_8bbb_123456789abc'];
    const paths = [
      `user@1000.service/user.slice/libpod-${id}.scope/container`,
      `user@1000.service/app.slice/app.service`,
      `containerd.service/kubepods-burstable-pod${uid}.slice:cri-containerd:${id}`,
      `docker-${id}.scope/docker/${other}`,
      `docker-${id}.scope/system.slice/nginx.service`,
      `machine.slice/libpod-conmon-${id}.scope`,
      `kubepods/burstable/pod${uid}/${id}`,
      `ssh.service/session/x.service`,
      `my.slice/session-1.scope`,
    ];
    for (const path of paths) {
      let folder = top.path;
      for (const name of path.split('/')) {
        folder = join(folder, name);
        mkdirSync(folder, { recursive: true });
      }
      readShadow(folder);
    }
    const expected = paths.map((path) => {
      const own = `/picket-agree-${process.pid}/${path}`;
      const owner = ownerOf(own);
      return [path, owner === null ? 'host' : 'slot', statSync(join(root2, owner?.path ?? own)).ino];
    });
    // Others on this machine open such files, too.
    const ours = new Set(expected.map(([, , cgroup]) => cgroup));
    const opens = () =>
      test.records.filter(({ kind, cgroup }) => kind === constant('RECORD_OPEN') && ours.has(cgroup));
    await until(() => opens().length === paths.length);
    const told = opens().map(({ slot, cgroup }, n) => [paths[n], slot === 1 ? 'host' : 'slot', cgroup]);
    expect(told).toEqual(expected);
  });

  it('looks below the root that it was given: a node that is a container has containers of its own', async () => {
    const node = makeCgroup();
    const test = await openTestProbe({ cgroupRoot: node.path });
    const inner = makeCgroup(containerName(), node.path);
    const outside = makeCgroup();
    for (const { path } of [inner, outside, node]) readShadow(path);
    for (const { id } of [inner, outside, node]) await until(() => test.of('RECORD_OPEN', id).length === 1);
    const opens = (id: number) => test.of('RECORD_OPEN', id).map(({ slot }) => slot);
    expect(opens(inner.id)[0]).toBeGreaterThan(constant('SLOT_HOST'));
    expect([opens(outside.id), opens(node.id)]).toEqual([[constant('SLOT_HOST')], [constant('SLOT_HOST')]]);
    // Its path begins at another root: it is looked up by its id.
    expect(pathOf(test, inner.id)).toBe('');
  });
});

const v1 = (() => {
  try {
    return findCgroups('v1', '');
  } catch {
    return null;
  }
})();
if (skip === null && v1 === null)
  console.log('skipped: attribution by cgroup v1: no memory controller of v1 here');

describe.skipIf(skip !== null || v1 === null)('attribution by cgroup v1', () => {
  afterEach(cleanUp);
  const tree = v1 ?? { version: 1, root: '', hierarchy: 0 };
  const open = () => openTestProbe({ cgroupRoot: tree.root, cgroupHierarchy: tree.hierarchy });

  it('knows a container by its cgroup of the memory controller', async () => {
    const test = await open();
    const container = makeCgroup(containerName(), tree.root);
    readShadow(container.path);
    await until(() => test.of('RECORD_OPEN', container.id).length === 1);
    const [record] = test.of('RECORD_OPEN', container.id);
    expect(record?.slot).toBeGreaterThan(constant('SLOT_HOST'));
    expect(pathOf(test, container.id)).toBe(container.path.slice(tree.root.length));
    expect(test.counts(container.id).execs).toBe(1n);
    const { slot } = test.counts(container.id);
    await container.remove();
    await until(() => test.of('RECORD_CGROUP', container.id).length === 2);
    test.probe.freeSlot(slot, container.id);
  });

  it('follows a process that is moved, and what is nested is the container’s', async () => {
    const test = await open();
    const container = makeCgroup(containerName(), tree.root);
    const nested = makeCgroup('inner', container.path);
    const doer = await startDoer(null);
    moveTo(nested, doer.pid);
    await doer.ask('open /etc/shadow');
    await until(() => test.of('RECORD_OPEN', container.id).length === 1);
    await doer.end();
  });

  it('is not misled by a cgroup of another hierarchy', async () => {
    const test = await open();
    const elsewhere = makeCgroup(containerName(), root2);
    readShadow(elsewhere.path);
    await until(() => test.records.some((record) => record.kind === constant('RECORD_OPEN')));
    const opens = test.records.filter((record) => record.kind === constant('RECORD_OPEN'));
    expect(opens.map(({ slot }) => slot)).toEqual([constant('SLOT_HOST')]);
    // Others on this machine make containers too; one of this name there is none.
    const made = test.records.filter((record) => record.kind === constant('RECORD_CGROUP'));
    expect(made.map((record) => record.text('path', 512))).not.toContain(`/${basename(elsewhere.path)}`);
  });
});
