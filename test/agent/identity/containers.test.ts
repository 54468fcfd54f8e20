import { beforeEach, expect, test } from 'vitest';
import type { Container } from '../../../agent/identity/container.ts';
import { Containers, LATE_NS } from '../../../agent/identity/containers.ts';
import { readPodList } from '../../../agent/identity/pods.ts';
import { SECOND } from '../../builders/records.ts';
import { cgroupPath, ID, podList, UID } from '../../builders/world.ts';

const path = cgroupPath(UID('a'), ID('a'));
const pods = readPodList(
  podList([{ name: 'api-1', uid: UID('a'), ip: '10.0.0.1', containers: [{ name: 'api', id: ID('a') }] }]),
).pods;
let told: string[] = [];
let containers: Containers;
const make = (podsExpected: boolean): Containers =>
  new Containers({
    cluster: 'c',
    node: 'n',
    podsExpected,
    onNew: (c: Container) => told.push(`new ${c.cgroup}`),
    onGone: (c: Container) => told.push(`gone ${c.cgroup}`),
  });
beforeEach(() => {
  told = [];
  containers = make(true);
});
const find = (cgroup: number, slot = 9): Container | null => containers.find(cgroup, slot, 1);

test('a container is settled once its pod is known, and then carries its names', () => {
  containers.made(500, path, 7n * SECOND);
  expect(find(500)?.settled).toBe(false);
  containers.pods(pods, 8n * SECOND);
  expect(find(500)).toEqual({
    id: ID('a'),
    kind: 'container',
    cgroup: 500,
    path,
    runtime: 'containerd',
    madeAt: 7n * SECOND,
    settled: true,
    identity: {
      name: 'api',
      pod: 'api-1',
      podUid: UID('a'),
      namespace: 'shop',
      workload: 'c/shop/Pod/api-1/api',
      image: 'registry.example/api:1',
      imageDigest: `sha256:${'d'.repeat(64)}`,
    },
  });
  expect(containers.nameOfAddress('10.0.0.1')).toBe('shop/Pod/api-1');
});

test("what is in a pod and not in its list, such as its sandbox, is one workload with those of the pod's siblings", () => {
  containers.made(501, cgroupPath(UID('a'), ID('f')), 7n * SECOND);
  containers.pods(pods, 8n * SECOND);
  const sandbox = find(501);
  // The list may be older than the container.
  expect(sandbox?.settled).toBe(false);
  expect(sandbox === null ? null : containers.giveUp(sandbox).identity).toMatchObject({
    pod: 'api-1',
    namespace: 'shop',
    workload: 'c/shop/Pod/api-1/-',
  });
  const later = readPodList(
    podList([{ name: 'api-1', uid: UID('a'), ip: '10.0.0.1', containers: [{ name: 'late', id: ID('f') }] }]),
  ).pods;
  containers.pods(later, 9n * SECOND);
  expect(find(501)?.identity.workload).toBe('c/shop/Pod/api-1/late');
});

test('without lists of pods nobody waits: the id is the name', () => {
  containers = make(false);
  containers.found(500, path);
  expect(find(500)).toMatchObject({
    settled: true,
    identity: { workload: 'c/-/Container/containerd/aaaaaaaaaaaa' },
  });
});

test('services and the host have keys of their own', () => {
  containers.found(600, '/system.slice/ssh.service');
  containers.found(601, '/user.slice');
  expect(find(600)?.identity.workload).toBe('c/-/Service/ssh.service/ssh.service');
  expect(find(601)?.identity.workload).toBe('c/-/Node/n/host');
  expect(find(12345, 1)?.identity.workload).toBe('c/-/Node/n/host');
  expect(find(12345)).toBeNull();
});

test('a nested cgroup leads to the container; a slot does not, as it is given again', () => {
  containers.made(500, path, 1n);
  containers.found(501, `${path}/inner`);
  expect([find(501)?.cgroup, find(99, 2)]).toEqual([500, null]);
  expect(told).toEqual(['new 500']);
});

test('a removed container is kept for late records, then forgotten', () => {
  containers.made(500, path, SECOND);
  containers.removed(500, 2n * SECOND);
  expect(containers.forget(2n * SECOND + LATE_NS - 1n)).toEqual([]);
  expect([find(500)?.id, containers.live()]).toEqual([ID('a'), []]);
  const forgotten = containers.forget(2n * SECOND + LATE_NS);
  expect(forgotten.map(({ container, goneAt }) => [container.id, goneAt])).toEqual([[ID('a'), 2n * SECOND]]);
  expect(find(500)).toBeNull();
  expect(told).toEqual(['new 500', 'gone 500']);
});

test('a cgroup id that is used again is another container; what was before is the one before’s', () => {
  containers.made(500, path, SECOND);
  containers.made(500, `/system.slice/docker-${ID('b')}.scope`, 3n * SECOND);
  expect(find(500)?.id).toBe(ID('b'));
  const at = (time: bigint) => containers.find(500, 2, 1, time)?.id;
  expect([at(2n * SECOND), at(3n * SECOND - 1n), at(3n * SECOND)]).toEqual([ID('a'), ID('a'), ID('b')]);
  expect(told).toEqual(['new 500', 'gone 500', 'new 500']);
  containers.forget(3n * SECOND + LATE_NS);
  expect(at(2n * SECOND)).toBe(ID('b'));
});

test('a cgroup that came without a path is known once it is found, as one that was there before', () => {
  containers.made(500, null, 3n * SECOND);
  expect(find(500)).toBeNull();
  containers.found(500, path);
  expect(find(500)).toMatchObject({ cgroup: 500, madeAt: null });
});

test('a cgroup that was made just now without a path has its age once it is found; what had its id is gone', () => {
  containers.made(500, `/system.slice/docker-${ID('b')}.scope`, SECOND);
  containers.begun(500, 3n * SECOND);
  expect(find(500)).toBeNull();
  containers.found(500, path);
  expect(find(500)).toMatchObject({ id: ID('a'), madeAt: 3n * SECOND });
  expect(containers.find(500, 2, 1, 2n * SECOND)?.id).toBe(ID('b'));
  expect(told).toEqual(['new 500', 'gone 500', 'new 500']);
});

test('a deleted pod’s names stay for late records', () => {
  containers.pods(pods, SECOND);
  containers.pods([], 2n * SECOND);
  containers.made(500, path, 3n * SECOND);
  expect(find(500)?.identity.pod).toBe('api-1');
  containers.pods([], 2n * SECOND + LATE_NS);
  containers.made(510, cgroupPath(UID('a'), ID('a')), 2n * SECOND + LATE_NS);
  expect(find(510)?.identity.pod).toBe('');
});

test('a pod of which nothing was said for hours is as young a memory when it goes', () => {
  containers.pods(pods, SECOND);
  containers.pods([], 100n * LATE_NS);
  containers.made(500, path, 100n * LATE_NS + SECOND);
  expect(find(500)?.identity.pod).toBe('api-1');
});

test('memory is bounded: thousands of containers leave the gone ones behind', () => {
  for (let n = 0; n < 6000; n++) {
    containers.made(1000 + n, `/docker/${n.toString(16).padStart(64, '0')}`, BigInt(n));
    containers.removed(1000 + n, BigInt(n));
  }
  expect([find(1000), find(6999)?.cgroup]).toEqual([null, 6999]);
});
