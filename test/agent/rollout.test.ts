import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Detection } from '../../agent/alerts/detection.ts';
import { cgroupRecord, SECOND } from '../builders/records.ts';
import { cgroupPath, ID, makePipeline, UID, World } from '../builders/world.ts';

const [OLD, NEW] = ['api', 'api-next'];
const WORKLOAD = 'c1/shop/Deployment/api/api';
/** Letter of the pod → slot. */
const SLOTS: Readonly<Record<string, number>> = { a: 2, b: 3, c: 4, e: 5, f: 6 };

const digestOf = (image: string): string => `sha256:${createHash('sha256').update(image).digest('hex')}`;

const podOf = (letter: string, image: string) => ({
  name: `api-5d9c7b8f6d-${letter.repeat(5)}`,
  uid: UID(letter),
  owner: { kind: 'ReplicaSet', name: 'api-5d9c7b8f6d' },
  hash: '5d9c7b8f6d',
  containers: [{ name: 'api', id: ID(letter), image }],
});
const slotOf = (letter: string): number => SLOTS[letter] ?? 0;
const cgroupOf = (letter: string): number => 500 + slotOf(letter);

/** A node on which pods come and go. */
class Rollouts {
  readonly world = new World();
  readonly #running = new Map<string, string>();

  constructor() {
    this.world.found(
      ['a', 'b'].map((l) => ({ cgroup: cgroupOf(l), slot: slotOf(l), path: cgroupPath(UID(l), ID(l)) })),
    );
    for (const letter of ['a', 'b']) this.#running.set(letter, OLD);
    this.#list();
  }

  start(letter: string, image: string): void {
    const [slot, cgroup] = [slotOf(letter), cgroupOf(letter)];
    this.#running.set(letter, image);
    this.#list();
    const path = cgroupPath(UID(letter), ID(letter));
    this.world.records(cgroupRecord({ time: this.world.later(), slot, cgroup, path, made: true }));
    this.world.slot(slot, cgroup);
  }

  stop(letter: string): void {
    const [slot, cgroup] = [slotOf(letter), cgroupOf(letter)];
    this.#running.delete(letter);
    this.world.records(cgroupRecord({ time: this.world.later(), slot, cgroup, path: null, made: false }));
    this.world.gone(slot);
  }

  /** All pods of another version, as a Deployment would. */
  roll(from: readonly string[], to: readonly string[], image: string): void {
    for (const [i, letter] of to.entries()) {
      this.start(letter, image);
      const old = from[i];
      if (old !== undefined) this.stop(old);
    }
    for (const letter of from.slice(to.length)) this.stop(letter);
  }

  /** Windows in which each does what its version does. */
  live(windows: number, does: (letter: string, image: string) => void = () => {}): void {
    for (let n = 0; n < windows; n++) {
      for (const [letter, image] of this.#running) {
        this.world.flow({
          slot: slotOf(letter),
          pid: 200 + slotOf(letter),
          exe: 'node',
          direction: 'connect',
          peer: '10.0.9.9',
          port: 5432,
        });
        does(letter, image);
      }
      this.world.tick();
    }
  }

  runs(letter: string, path: string): void {
    const slot = slotOf(letter);
    this.world.exec({
      slot,
      pid: 3000 + this.world.frames.length,
      start: this.world.now,
      parentPid: 200 + slot,
      parentStart: 900n * SECOND,
      path,
      parentExe: 'node',
    });
  }

  run(): {
    detections: readonly Detection[];
    alerts: number;
    pipeline: ReturnType<typeof makePipeline>['pipeline'];
  } {
    const { pipeline, told } = makePipeline();
    for (const frame of this.world.frames) pipeline.frame(frame);
    return { detections: told.detections, alerts: told.alerts.length, pipeline };
  }

  #list(): void {
    this.world.pods([...this.#running].map(([letter, image]) => podOf(letter, image)));
  }
}

const reports = (detections: readonly Detection[]): readonly Detection['facts'][] =>
  detections.filter(({ detector }) => detector === 'rollout').map(({ facts }) => facts);

const newer =
  (shop: Rollouts) =>
  (letter: string, image: string): void => {
    if (image === NEW) shop.runs(letter, '/opt/bin/compress');
  };

test('a rolling restart of the same image raises nothing and is no rollout', () => {
  const shop = new Rollouts();
  shop.live(40);
  shop.roll(['a', 'b'], ['c', 'e'], OLD);
  shop.live(30);
  const { detections, alerts, pipeline } = shop.run();
  // Of a container that ends, the last numbers are low: those are told, and are too little for an alert.
  const strange = detections.filter(({ detector }) => detector !== 'volume');
  expect([alerts, strange.map(({ summary }) => summary)]).toEqual([0, []]);
  expect(pipeline.overview.workloads().find(({ workload }) => workload === WORKLOAD)?.versions).toBe(1);
});

test('what a new image does that the old one did not alerts nobody and is told in one report', () => {
  const shop = new Rollouts();
  shop.live(40);
  shop.roll(['a', 'b'], ['c', 'e'], NEW);
  shop.live(30, newer(shop));
  const { detections, alerts } = shop.run();
  expect(alerts).toBe(0);
  const fresh = detections.find(({ facts }) => facts['fact'] === 'exec node > /opt/bin/compress');
  expect([fresh?.severity, fresh?.facts['rollout']]).toEqual([
    'low',
    `A rollout is under way: image ${digestOf(NEW).slice(0, 19)} came after ${digestOf(OLD).slice(0, 19)} and was looked at for 0 of 20 windows; what a release may bring counts for less until then.`,
  ]);
  const [report, ...more] = reports(detections);
  expect([report?.['from'], report?.['to'], report?.['new'], report?.['held'], more]).toEqual([
    digestOf(OLD),
    digestOf(NEW),
    'exec node > /opt/bin/compress',
    '',
    [],
  ]);
});

test('the same program is an alert where no image changed', () => {
  const shop = new Rollouts();
  shop.live(60);
  shop.runs('a', '/opt/bin/compress');
  shop.world.flow({ slot: 2, pid: 202, exe: 'node', direction: 'connect', peer: '198.51.100.7', port: 4444 });
  shop.live(5);
  expect(shop.run().alerts).toBeGreaterThan(0);
});

test('a break-in during a rollout alerts and is not learnt, in whatever number of replicas and windows it comes', () => {
  const shop = new Rollouts();
  shop.live(40);
  shop.roll(['a', 'b'], ['c', 'e'], NEW);
  shop.live(40, (letter, image) => {
    if (image !== NEW) return;
    shop.runs(letter, '/bin/sh');
    shop.world.open({ slot: slotOf(letter), pid: 3000, path: '/etc/shadow', exe: 'sh' });
  });
  const { detections, alerts, pipeline } = shop.run();
  expect(alerts).toBeGreaterThan(0);
  const rules = detections.filter(({ detector }) => detector === 'server-spawns-shell');
  expect(new Set(rules.map(({ severity }) => severity))).toEqual(new Set(['high']));
  const baseline = pipeline.registry.baseline(WORKLOAD);
  for (const { fact } of rules.map(({ facts }) => facts)) {
    const [kind = '', ...value] = String(fact).split(' ');
    expect(baseline.seen({ kind: kind as 'exec', value: value.join(' ') })).toBe(0);
  }
  expect(reports(detections)[0]?.['held']).toContain('exec node > /bin/sh');
});

test('after a rollback the version of before is judged by its own facts, which is told once', () => {
  const shop = new Rollouts();
  shop.live(40);
  shop.roll(['a', 'b'], ['c', 'e'], NEW);
  shop.live(30, newer(shop));
  shop.roll(['c', 'e'], ['f'], OLD);
  shop.live(10);
  shop.runs('f', '/opt/bin/compress');
  shop.live(2);
  const { detections } = shop.run();
  const back = detections.filter(({ summary }) => summary.includes('is back after'));
  expect(back.map(({ severity, facts }) => [severity, facts['from'], facts['to']])).toEqual([
    ['info', digestOf(NEW), digestOf(OLD)],
  ]);
  const told = detections.filter(({ facts }) => facts['fact'] === 'exec node > /opt/bin/compress').at(-1);
  expect([told?.severity, told?.facts['rollout']]).toEqual(['medium', undefined]);
});

test('what the new image no longer does is told as stopped, and stands out when it comes again', () => {
  const shop = new Rollouts();
  shop.live(60, (letter) => shop.runs(letter, '/opt/bin/report'));
  shop.roll(['a', 'b'], ['c', 'e'], NEW);
  shop.live(30);
  shop.runs('c', '/opt/bin/report');
  shop.live(2);
  const { detections } = shop.run();
  expect(reports(detections)[0]?.['stopped']).toContain('exec node > /opt/bin/report');
  const again = detections.filter(({ facts }) => facts['fact'] === 'exec node > /opt/bin/report').at(-1);
  expect([again?.detector, again?.severity]).toEqual(['rarity', 'medium']);
});
