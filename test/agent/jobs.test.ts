import { expect, test } from 'vitest';
import type { Detection } from '../../agent/alerts/detection.ts';
import { cgroupRecord, exitRecord } from '../builders/records.ts';
import { cgroupPath, makePipeline, World } from '../builders/world.ts';

const WORKLOAD = 'c1/shop/CronJob/report/report';
const hex = (n: number, length: number): string => n.toString(16).padStart(length, '0');
const uidOf = (n: number): string => `${hex(n, 8)}-0000-0000-0000-${hex(n, 12)}`;
const idOf = (n: number): string => hex(n + 1, 64);

/** A CronJob whose runs each have a pod and a Job of their own. */
class Cron {
  readonly world = new World();
  #n = 0;

  /** One run for so many windows; then nothing until the next is due, 12 windows after it began. */
  run(windows: number, { status = 0, rest = 12 - windows, extra = false } = {}): void {
    const n = this.#n++;
    const [slot, cgroup, path] = [2, 700 + n, cgroupPath(uidOf(n), idOf(n))];
    const job = { kind: 'Job', name: `report-${28_000_000 + n}` };
    this.world.pods([
      {
        name: `report-${28_000_000 + n}-x`,
        uid: uidOf(n),
        owner: job,
        containers: [{ name: 'report', id: idOf(n) }],
      },
    ]);
    const start = this.world.later();
    this.world.records(cgroupRecord({ time: start, slot, cgroup, path, made: true }));
    this.world.slot(slot, cgroup);
    const process = { slot, pid: 4000 + n, start, parentPid: 1, parentStart: 1n };
    this.world.exec({ ...process, path: '/opt/report', parentExe: 'runc' });
    if (extra)
      this.world.exec({
        ...process,
        path: '/opt/other',
        parentExe: 'report',
        pid: 5000 + n,
        parentPid: 4000 + n,
        parentStart: start,
      });
    for (let i = 1; i < windows; i++) this.world.tick();
    this.world.records(exitRecord({ ...process, cgroup, time: this.world.later(), status }));
    this.world.records(cgroupRecord({ time: this.world.later(), slot, cgroup, path: null, made: false }));
    this.world.tick();
    this.world.gone(slot);
    for (let i = 0; i < rest; i++) this.world.tick();
  }

  told(): {
    detections: readonly Detection[];
    alerts: number;
    pipeline: ReturnType<typeof makePipeline>['pipeline'];
  } {
    const { pipeline, told } = makePipeline();
    for (const frame of this.world.frames) pipeline.frame(frame);
    return { detections: told.detections, alerts: told.alerts.length, pipeline };
  }
}

const strange = (detections: readonly Detection[]): string[] =>
  detections.filter(({ detector }) => detector === 'job-run').map(({ summary }) => summary);

test('runs of one CronJob share a baseline, and those like the others are nothing', () => {
  const cron = new Cron();
  for (let n = 0; n < 10; n++) cron.run(2 + (n % 2));
  const { detections, alerts, pipeline } = cron.told();
  expect([strange(detections), alerts]).toEqual([[], 0]);
  const { runs, starts } = pipeline.registry.baseline(WORKLOAD);
  expect([runs.count, starts, runs.describe()]).toEqual([
    10,
    10,
    '10 runs of it are known, 5.0 s to 10 s long, one every 60 s',
  ]);
});

test('the sandbox of a run is no run', () => {
  const cron = new Cron();
  const { world } = cron;
  for (let n = 0; n < 4; n++) {
    // In the pod of the next run, and not in its list of containers.
    const path = cgroupPath(uidOf(n), hex(n + 500, 64));
    world.records(cgroupRecord({ time: world.later(), slot: 3, cgroup: 900 + n, path, made: true }));
    cron.run(2);
    world.records(cgroupRecord({ time: world.later(), slot: 3, cgroup: 900 + n, path: null, made: false }));
    world.tick();
  }
  const { pipeline } = cron.told();
  const runs = pipeline.registry.all().map(({ workload, runs: { count } }) => [workload, count]);
  expect(runs.filter(([workload]) => String(workload).includes('report'))).toEqual([
    [WORKLOAD, 4],
    ['c1/shop/CronJob/report/-', 0],
  ]);
});

test('a run that takes too long, is off its schedule or does not finish is told once and alerts nobody by itself', () => {
  const cron = new Cron();
  for (let n = 0; n < 10; n++) cron.run(2);
  cron.run(8);
  cron.run(2, { rest: 4 });
  cron.run(2);
  cron.run(2, { status: 256 });
  const { detections, alerts } = cron.told();
  expect(strange(detections)).toEqual([
    expect.stringMatching(/^a run unlike the others: it takes \d+ s, and none took longer than 5\.0 s$/),
    'a run unlike the others: it began 30 s after the one before, which is off its schedule',
    expect.stringMatching(/it did not finish, which \d+ of \d+ did$/),
  ]);
  expect(alerts).toBe(0);
  expect(
    new Set(detections.filter(({ detector }) => detector === 'job-run').map(({ severity }) => severity)),
  ).toEqual(new Set(['info']));
});

test('what is new in a run is told as that of a job, with what is known of its runs', () => {
  const cron = new Cron();
  for (let n = 0; n < 10; n++) cron.run(2);
  cron.run(2, { extra: true });
  const found = cron.told().detections.find(({ facts }) => facts['fact'] === 'exec report > /opt/other');
  expect(found?.facts['context']).toBe('job');
});
