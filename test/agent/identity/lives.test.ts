import { beforeEach, expect, test } from 'vitest';
import type { Container } from '../../../agent/identity/container.ts';
import { type Life, Lives } from '../../../agent/identity/lives.ts';
import type { Pipeline } from '../../../agent/pipeline.ts';
import { actionRecord, cgroupRecord, execRecord, exitRecord, SECOND } from '../../builders/records.ts';
import { cgroupPath, ID, makePipeline, podList, type Told, UID } from '../../builders/world.ts';

let pipeline: Pipeline;
let told: Told;
let now = 1000n * SECOND;
beforeEach(() => {
  ({ pipeline, told } = makePipeline());
  now = 1000n * SECOND;
});

/** Containers of one pod, all named `api`, as kubelet lists the one that runs. */
const listed = (id: string): void =>
  pipeline.pods(podList([{ name: 'api-1', uid: UID('a'), containers: [{ name: 'api', id }] }]));
const tick = (): void => {
  now += 5n * SECOND;
  pipeline.tick({
    bootNs: now,
    wallMs: 1_700_000_000_000,
    slots: [],
    flows: Buffer.alloc(0),
    flowSize: 104,
    lost: {},
  });
};
const make = (cgroup: number, path: string): void =>
  pipeline.records(cgroupRecord({ time: now, slot: cgroup, cgroup, made: true, path }));
const remove = (cgroup: number): void =>
  pipeline.records(cgroupRecord({ time: now, slot: cgroup, cgroup, made: false, path: null }));
const start = (cgroup: number, pid: number): void =>
  pipeline.records(execRecord({ time: now, slot: cgroup, cgroup, pid, start: now, path: '/app' }));
const end = (cgroup: number, pid: number, begun: bigint, status: number): void =>
  pipeline.records(exitRecord({ time: now, slot: cgroup, cgroup, pid, start: begun, status }));

function lifeOf(cgroup: number): Life {
  const found = [...told.fresh].reverse().find((container: Container) => container.cgroup === cgroup);
  if (found === undefined) throw new Error(`no container ${cgroup}`);
  return pipeline.lifeOf(found);
}

test('a container of the same pod and name with another id is a restart, and tells how the one before ended', () => {
  for (const [n, digit] of ['1', '2', '3'].entries()) {
    const cgroup = 500 + n;
    listed(ID(digit));
    make(cgroup, cgroupPath(UID('a'), ID(digit)));
    const begun = now;
    start(cgroup, 100 + n);
    now += 3n * SECOND;
    end(cgroup, 999, begun, 5); // another process of it
    end(cgroup, 100 + n, begun, (n + 1) << 8);
    now += SECOND;
    remove(cgroup);
    tick();
  }
  expect([500, 501, 502].map(lifeOf)).toEqual([
    { restarts: 0, last: null },
    { restarts: 1, last: null },
    { restarts: 2, last: { lifetimeMs: 3000, status: 2 << 8, oom: false } },
  ]);
  expect(pipeline.counts()).toMatchObject({ starts: 3, restarts: 2, oomKills: 0 });
});

test('an end whose record comes after the next begin is still of the one before; so is want of memory', () => {
  const begun = now;
  listed(ID('1'));
  make(500, cgroupPath(UID('a'), ID('1')));
  start(500, 100);
  remove(500);
  listed(ID('2'));
  make(501, cgroupPath(UID('a'), ID('2')));
  tick();
  expect(lifeOf(501)).toEqual({ restarts: 1, last: { lifetimeMs: 0, status: null, oom: false } });
  pipeline.records(
    actionRecord({ time: now, slot: 500, cgroup: 500, action: 'OOM_KILL', exe: 'app', call: 0xffffffff }),
  );
  now = begun + 2n * SECOND;
  end(500, 100, begun, 9);
  expect(lifeOf(501).last).toEqual({ lifetimeMs: 2000, status: 9, oom: true });
  expect(pipeline.counts().oomKills).toBe(1);
});

test('what has no pod is known by its id, a service by its unit', () => {
  const docker = `/system.slice/docker-${ID('d')}.scope`;
  for (const [n, path] of [
    docker,
    docker,
    '/system.slice/a.service',
    '/system.slice/a.service',
    '/b.service',
  ].entries()) {
    make(600 + n, path);
    tick();
    remove(600 + n);
  }
  expect([600, 601, 602, 603, 604].map((cgroup) => lifeOf(cgroup).restarts)).toEqual([0, 1, 0, 1, 0]);
});

test('another container of the pod, and the same name in another pod, are no restarts', () => {
  const pods = (a: string, b: string, c: string) =>
    podList([
      {
        name: 'one',
        uid: UID('a'),
        containers: [
          { name: 'api', id: a },
          { name: 'proxy', id: b },
        ],
      },
      { name: 'two', uid: UID('b'), containers: [{ name: 'api', id: c }] },
    ]);
  pipeline.pods(pods(ID('1'), ID('2'), ID('3')));
  for (const [n, uid] of [UID('a'), UID('a'), UID('b')].entries())
    make(500 + n, cgroupPath(uid, ID(String(n + 1))));
  tick();
  expect(pipeline.counts()).toMatchObject({ starts: 3, restarts: 0 });
});

test('of a container that was there before, the end is not known and nothing is made up', () => {
  pipeline.cgroups([{ id: 500, path: cgroupPath(UID('a'), ID('1')) }]);
  listed(ID('1'));
  tick();
  start(500, 777); // not its first process, but the first that we saw
  end(500, 777, now, 0);
  remove(500);
  listed(ID('2'));
  make(501, cgroupPath(UID('a'), ID('2')));
  tick();
  expect(lifeOf(501)).toEqual({ restarts: 1, last: { lifetimeMs: null, status: null, oom: false } });
  expect(pipeline.counts().starts).toBe(1);
});

test('a crash loop of thousands is bounded and still counted', () => {
  for (let n = 0; n < 6000; n++) {
    const id = n.toString(16).padStart(64, '0');
    make(1000 + n, `/docker/${id}`);
    remove(1000 + n);
    if (n % 100 === 0) tick();
  }
  tick();
  expect(pipeline.counts()).toMatchObject({ starts: 6000, restarts: 0 });
});

test('containers whose end is never told are followed up to a number, the longest begun leaving first', () => {
  const lives = new Lives();
  const containers = Array.from({ length: 8193 }, (_, cgroup): Container => {
    const [host] = pipeline.containers();
    if (host === undefined) throw new Error('no host');
    return { ...host, kind: 'container', id: ID('a'), cgroup, madeAt: 0n };
  });
  for (const container of containers) lives.began(container);
  for (const container of containers) lives.gone(container, SECOND);
  const lifetime = (place: number) => lives.endedOf(containers.at(place) as Container).lifetimeMs;
  expect([lifetime(0), lifetime(1), lifetime(-1)]).toEqual([null, 1000, 1000]);
});
