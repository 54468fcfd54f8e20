import { expect, test } from 'vitest';
import { decodeRecords } from '../../../agent/events/decode.ts';
import type { Event } from '../../../agent/events/event.ts';
import { Attribution, HOLD_NS } from '../../../agent/identity/attribute.ts';
import type { Container } from '../../../agent/identity/container.ts';
import { Containers } from '../../../agent/identity/containers.ts';
import { readPodList } from '../../../agent/identity/pods.ts';
import { exitRecord, SECOND } from '../../builders/records.ts';
import { cgroupPath, ID, podList, UID } from '../../builders/world.ts';

const pods = readPodList(
  podList([{ name: 'api-1', uid: UID('a'), containers: [{ name: 'api', id: ID('a') }] }]),
).pods;

function setUp() {
  const emitted: [number, string][] = [];
  const containers = new Containers({ cluster: 'c', node: 'n', podsExpected: true, onNew() {}, onGone() {} });
  const attribution = new Attribution({
    lookup: containers,
    hostSlot: 1,
    emit: (event: Event, container: Container) =>
      emitted.push([event.process.pid, container.identity.workload]),
  });
  return { emitted, containers, attribution };
}
function exit(pid: number, time: bigint, cgroup = 500): Event {
  const [event] = decodeRecords(exitRecord({ pid, time, cgroup, slot: 9 })).events;
  if (event === undefined) throw new Error('not decoded');
  return event;
}

test('holds what has no pod yet and emits it in order once the pod is known', () => {
  const { emitted, containers, attribution } = setUp();
  containers.made(500, cgroupPath(UID('a'), ID('a')), 0n);
  attribution.event(exit(1, SECOND));
  attribution.event(exit(2, SECOND + 1n));
  expect([emitted, attribution.waiting()]).toEqual([[], [500]]);
  containers.pods(pods, 0n);
  attribution.event(exit(3, SECOND + 2n));
  expect(emitted).toEqual([1, 2, 3].map((pid) => [pid, 'c/shop/Pod/api-1/api']));
  expect(attribution.counts).toEqual({ held: 3, expired: 0, overflow: 0 });
});

test('lets it go on under its id after two seconds of recorded time, and names it later', () => {
  const { emitted, containers, attribution } = setUp();
  containers.made(500, cgroupPath(UID('a'), ID('a')), 0n);
  attribution.event(exit(1, SECOND));
  attribution.advance(SECOND + HOLD_NS - 1n);
  expect(emitted).toEqual([]);
  attribution.advance(SECOND + HOLD_NS);
  attribution.event(exit(2, SECOND + HOLD_NS + 1n));
  containers.pods(pods, 0n);
  attribution.event(exit(3, SECOND + HOLD_NS + 2n));
  const unknown = 'c/-/Container/containerd/aaaaaaaaaaaa';
  expect(emitted).toEqual([
    [1, unknown],
    [2, unknown],
    [3, 'c/shop/Pod/api-1/api'],
  ]);
  expect(attribution.counts.expired).toBe(1);
});

test('a cgroup that nobody can name is given a container of its own', () => {
  const { emitted, attribution } = setUp();
  attribution.event(exit(1, SECOND, 4711));
  attribution.advance(SECOND + HOLD_NS);
  expect(emitted).toEqual([[1, 'c/-/Container/unknown/cgroup-4711']]);
});

test('holds a bounded number and counts what went on early', () => {
  const { emitted, attribution } = setUp();
  for (let pid = 1; pid <= 4097; pid++) attribution.event(exit(pid, SECOND, pid));
  expect([emitted.length, attribution.counts.overflow]).toEqual([1, 1]);
});

test('is never told without a workload, however late its pod comes or whether it does', () => {
  const { emitted, containers, attribution } = setUp();
  containers.made(500, cgroupPath(UID('a'), ID('a')), 0n);
  for (let pid = 0; pid < 3000; pid++) attribution.event(exit(pid, SECOND + BigInt(pid), 500 + (pid % 3)));
  attribution.advance(SECOND + 2999n + HOLD_NS);
  expect(emitted).toHaveLength(3000);
  expect(emitted.filter(([, workload]) => workload.split('/').some((part) => part === ''))).toEqual([]);
  expect([attribution.waiting(), attribution.counts.expired]).toEqual([[], 3000]);
});

test('each event is held for two seconds of its own and no longer', () => {
  const { emitted, containers, attribution } = setUp();
  containers.made(500, cgroupPath(UID('a'), ID('a')), 0n);
  attribution.event(exit(1, SECOND, 500));
  attribution.event(exit(2, 2n * SECOND, 777));
  attribution.advance(SECOND + HOLD_NS);
  expect(emitted.map(([pid]) => pid)).toEqual([1]);
  attribution.advance(2n * SECOND + HOLD_NS);
  expect(emitted.map(([pid]) => pid)).toEqual([1, 2]);
});

test('what comes late of a container whose cgroup id is another’s now is still its own', () => {
  const { emitted, containers, attribution } = setUp();
  containers.made(500, `/docker/${ID('1')}`, SECOND);
  containers.removed(500, 3n * SECOND);
  containers.made(500, `/docker/${ID('2')}`, 5n * SECOND);
  for (const [pid, second] of [2n, 6n, 2n, 5n].entries()) attribution.event(exit(pid, second * SECOND));
  const [one, two] = ['1', '2'].map((digit) => `c/-/Container/docker/${digit.repeat(12)}`);
  expect(emitted).toEqual([
    [0, one],
    [1, two],
    [2, one],
    [3, two],
  ]);
});
