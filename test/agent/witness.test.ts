import { expect, test } from 'vitest';
import { cgroupRecord, execRecord, SECOND } from '../builders/records.ts';
import { NODE_PROCESS, quiet, shop } from '../builders/shop.ts';
import { cgroupPath, ID, makePipeline, podList, run, START, UID } from '../builders/world.ts';

test('a peer that is a workload is known by its name: a new pod of it is nothing new', () => {
  const db = (ip: string, name: string, uid: string) => ({
    name,
    uid,
    owner: { kind: 'StatefulSet', name: 'db' },
    ip,
    containers: [],
  });
  const world = shop();
  world.pods([db('10.0.1.50', 'db-0', UID('d'))]);
  const call = (peer: string): void =>
    world.flow({ slot: 2, direction: 'connect', peer, port: 5432, exe: 'node', ...NODE_PROCESS });
  for (let n = 0; n < 30; n++) {
    call('10.0.1.50');
    world.tick();
  }
  world.pods([db('10.0.1.51', 'db-0', UID('e'))]);
  call('10.0.1.51');
  world.tick();
  expect(run(world).told.detections).toEqual([]);
});

test('events of a pod not yet listed wait, and are judged under its name', () => {
  const { pipeline, told } = makePipeline();
  const path = cgroupPath(UID('a'), ID('a'));
  const time = START.bootNs + SECOND;
  pipeline.records(cgroupRecord({ made: true, path, cgroup: 500, slot: 2, time }));
  pipeline.records(
    execRecord({ path: '/bin/sh', parentExe: 'node', cgroup: 500, time: time + SECOND, parentStart: SECOND }),
  );
  expect([told.detections, pipeline.waiting()]).toEqual([[], [500]]);
  pipeline.pods(podList([{ name: 'api-1', uid: UID('a'), containers: [{ name: 'api', id: ID('a') }] }]));
  expect(
    told.detections.map(({ container, timeNs, wallMs }) => [container.identity.workload, timeNs, wallMs]),
  ).toEqual([['c1/shop/Pod/api-1/api', time + SECOND, START.wallMs + 2000]]);
  expect(told.fresh.map(({ cgroup }) => cgroup)).toEqual([500]);
});

test('asks for a cgroup it does not know once, and finds it by its path', () => {
  const { pipeline, told } = makePipeline();
  for (let n = 0n; n < 3n; n++)
    pipeline.records(
      execRecord({
        path: '/bin/sh',
        parentExe: 'nginx',
        cgroup: 900,
        slot: 7,
        time: START.bootNs + 20n * SECOND + n,
      }),
    );
  expect(told.lookups).toEqual([900]);
  pipeline.cgroups([
    { id: 901, path: '/system.slice/nginx.service/inner' },
    { id: 900, path: '/system.slice/nginx.service' },
  ]);
  const service = 'c1/-/Service/nginx.service/nginx.service';
  expect(told.detections.map(({ container }) => container.identity.workload)).toEqual([
    service,
    service,
    service,
  ]);
});

test('a gone container’s last window is told and it is forgotten', () => {
  const world = shop();
  quiet(world, 2);
  world.records(cgroupRecord({ made: false, path: null, cgroup: 510, slot: 3, time: world.later() }));
  world.tick();
  world.tick();
  const { told, pipeline } = run(world);
  expect(told.gone.map(({ cgroup }) => cgroup)).toEqual([510]);
  expect(told.windows.filter(({ container }) => container.cgroup === 510)).toHaveLength(3);
  expect(pipeline.containers().map(({ cgroup }) => cgroup)).toEqual([0, 500, 520]);
});

test('what ran in a container is forgotten with it, after records may still have come', () => {
  const ended = (gone: boolean, ticks: number): number => {
    const world = shop();
    for (let pid = 700; pid < 720; pid++)
      world.exec({ slot: 3, pid, start: world.now, path: '/bin/sh', parentExe: 'node' });
    const time = world.later();
    if (gone) world.records(cgroupRecord({ made: false, path: null, cgroup: 510, slot: 3, time }));
    quiet(world, ticks);
    return run(world).pipeline.counts().processes;
  };
  const [there, late, left] = [ended(false, 65), ended(true, 50), ended(true, 65)];
  expect([there - late, there - left >= 20]).toEqual([0, true]);
});
