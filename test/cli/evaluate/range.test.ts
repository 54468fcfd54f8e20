import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Frame, SlotTick } from '../../../agent/events/frame.ts';
import { LAYOUT } from '../../../agent/events/layout.ts';
import { countBound, shareInterval } from '../../../cli/evaluate/range/bounds.ts';
import { Dropper } from '../../../cli/evaluate/range/drop.ts';
import { figuresOf } from '../../../cli/evaluate/range/figures.ts';
import { printFigures } from '../../../cli/evaluate/range/print.ts';
import { score, type Told } from '../../../cli/evaluate/range/score.ts';
import { toldOf } from '../../../cli/evaluate/range/told.ts';
import { readTruth, type Truth, truthOf } from '../../../cli/evaluate/range/truth.ts';
import { cgroupRecord, execRecord } from '../../builders/records.ts';

const WEB = 'a'.repeat(64);
const NEXT = 'b'.repeat(64);
const DB = 'd'.repeat(64);
const PAUSE = 'e'.repeat(64);

const lines = (...values: object[]): string => values.map((value) => JSON.stringify(value)).join('\n');
const at = (wall: number): object => ({ wall, mono: wall, boot: wall });
const start = (id: string, pod: string, wall: number, more: object = {}): object => ({
  event: 'start',
  container_id: id,
  pod,
  workload: pod.split('-')[0],
  node: 'n1',
  wall,
  ...more,
});

/** Up at 0, learnt until 100, an attack on web from 200 to 210 with traces until 212, an operator at the database at 400. */
const FILES = {
  session: lines(
    { event: 'up', ...at(0) },
    { event: 'learn-end', ...at(100) },
    { event: 'run-end', ...at(3700) },
  ),
  labels: lines({
    name: 'shell',
    tactic: 'execution',
    variant: 'plain',
    outcome: 'done',
    container_id: WEB,
    pod: 'web-1',
    workload: 'web',
    node: 'n1',
    pid: 7,
    pids: [{ pid: 55, exe: '/bin/sh' }],
    involved: [],
    evidence: [{ check: 'out /x/' }],
    expect: 'connects to 203.0.113.5',
    start: at(200),
    end: at(210),
    clean_end: at(212),
  }),
  lifecycle: lines(
    start(WEB, 'web-1', 5, { pause_id: PAUSE }),
    start(DB, 'db-1', 5),
    { event: 'stop', container_id: WEB, pod: 'web-1', wall: 213 },
    start(NEXT, 'web-2', 214),
  ),
  benign: lines({ action: 'dump', start: at(400), end: at(405), pods: [{ container_id: DB }] }),
};

const told = (time: number, container: string, more: Partial<Told> = {}): Told => ({
  kind: 'alert',
  id: `alr-${time}`,
  time,
  at: time,
  container,
  pid: 0,
  exe: '',
  detectors: ['rarity'],
  summary: '',
  fact: '',
  severity: 'high',
  score: 0.5,
  alert: `alr-${time}`,
  tail: null,
  ...more,
});

const truth = (files: Partial<typeof FILES> = {}): Truth => truthOf({ ...FILES, ...files });

test('an alert belongs to the attack on its container, from a second before it to 15 s after its traces', () => {
  for (const [time, hit] of [
    [198.9, false],
    [199.1, true],
    [227, true],
    [227.1, false],
  ] as const) {
    const { judged, falseAlerts } = score(truth(), [told(time, WEB)]);
    expect([time, judged[0]?.hits.length, falseAlerts.length]).toEqual([time, hit ? 1 : 0, hit ? 0 : 1]);
  }
});

test('a pause container is its pod, a process of the attack counts wherever it is, another container does not', () => {
  expect(score(truth(), [told(205, PAUSE)]).judged[0]?.hits).toHaveLength(1);
  expect(score(truth(), [told(205, 'host', { pid: 55 })]).judged[0]?.hits).toHaveLength(1);
  const { judged, falseAlerts } = score(truth(), [told(205, DB)]);
  expect([judged[0]?.hits.length, falseAlerts.length]).toEqual([0, 1]);
});

test('what concerns the replacement of an attacked container, or an attack that failed, is neither right nor wrong', () => {
  expect(score(truth(), [told(220, NEXT)])).toMatchObject({ neutral: 1, falseAlerts: [] });
  expect(score(truth(), [told(240, NEXT)]).falseAlerts).toHaveLength(1);
  const failed = truth({ labels: FILES.labels.replace('"done"', '"failed"') });
  expect(score(failed, [told(205, WEB)])).toMatchObject({ neutral: 1, judged: [], falseAlerts: [] });
});

test('learning is not scored, other machines are elsewhere, and a false alert says what the operator did', () => {
  const { falseAlerts, outside, elsewhere } = score(truth(), [
    told(50, DB),
    told(300, 'f'.repeat(64)),
    told(412, DB),
    told(420, DB),
  ]);
  expect([outside, elsewhere]).toEqual([1, 1]);
  expect(falseAlerts.map(({ action }) => action)).toEqual(['dump', null]);
});

test('hours are those of each container in scored time without its attacks', () => {
  // The attacked one until a second before, the other all the time, the new one to the end.
  const seconds = 99 + (3700 - 100) + (3700 - 214);
  expect(score(truth(), []).containerHours).toBeCloseTo(seconds / 3600, 6);
});

test('figures pool runs; delay counts from the attack to when it was told, and evidence names a process or peer', () => {
  const hit = told(205, WEB, { at: 206.5 });
  const proof = told(205, WEB, { kind: 'detection', alert: hit.alert, pid: 55 });
  const other = told(205, WEB, { kind: 'detection', alert: hit.alert, fact: 'connect 203.0.113.5:80' });
  const figures = (details: Told[]): ReturnType<typeof figuresOf> => {
    const one = truth();
    const scored = [score(one, [hit]), score(truth(), [told(900, DB)])] as const;
    return figuresOf([
      { scored: scored[0], evidence: score(one, details), detections: details, budgetHours: null },
      { scored: scored[1], evidence: score(truth(), []), detections: [], budgetHours: null },
    ]);
  };
  expect(figures([proof]).overall).toMatchObject({
    attacks: 2,
    found: 1,
    named: 1,
    inTime: 1,
    median: 6.5,
  });
  expect(figures([other]).overall.named).toBe(1);
  expect(figures([{ ...proof, pid: 56 }]).overall.named).toBe(0);
  expect(figures([{ ...proof, alert: 'alr-other' }]).overall.named).toBe(0);
  expect(figures([]).falseAlerts).toBe(1);
});

test('bounds are those of the tables', () => {
  // Clopper-Pearson: 10 of 10, 5 of 10; Garwood: none and 3 seen.
  expect(shareInterval(10, 10)).toEqual([expect.closeTo(0.6915, 3), 1]);
  expect(shareInterval(5, 10)).toEqual([expect.closeTo(0.1871, 3), expect.closeTo(0.8129, 3)]);
  expect(shareInterval(0, 0)).toEqual([0, 1]);
  expect(countBound(0)).toBeCloseTo(2.996, 2);
  expect(countBound(3)).toBeCloseTo(7.754, 2);
});

test('lines of the alert log become what is scored', () => {
  const line = {
    kind: 'detection',
    id: 'det-1',
    time: '2026-01-01T00:00:01.500Z',
    detector: 'rarity',
    container: { id: WEB },
    process: { pid: 9, exe: 'sh' },
    facts: { fact: 'connect 1.2.3.4:80' },
    alert: 'alr-1',
    summary: 'new',
  };
  expect(toldOf(line, 1)).toMatchObject({ time: 1767225601.5, at: 1767225601.5, pid: 9, alert: 'alr-1' });
  expect(toldOf(line, 1767225603).at).toBe(1767225603);
  expect(toldOf({ ...line, kind: 'alert', detectors: ['a', 'b'] })).toMatchObject({
    detectors: ['a', 'b'],
    alert: 'det-1',
  });
});

test('a folder without marks is refused, cut lines and files that are not there are left out', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'range-'));
  await expect(readTruth(folder)).rejects.toThrow(/no folder of a range/);
  writeFileSync(join(folder, 'session.ndjson'), `${FILES.session}\n{"event": "cut`);
  expect(await readTruth(folder)).toMatchObject({ from: 100, to: 3700, labels: [] });
});

const TICK: SlotTick = {
  slot: 3,
  cgroup: 9,
  numbers: [],
  counts: [],
  compatNumbers: [],
  compatCounts: [],
  forks: 0,
  execs: 0,
  exits: 0,
  lost: 0,
  losses: {},
  pairs: [],
};

test('lost records are a share of all but containers, and are told as losses of their slot', () => {
  const exec = execRecord({ slot: 3, cgroup: 9, path: '/bin/ls' });
  const bytes = Buffer.concat([
    cgroupRecord({ cgroup: 9, slot: 3, made: true, path: '/x' }),
    ...Array.from({ length: 500 }, () => exec),
  ]);
  const dropper = new Dropper(0.2, 7);
  const kept = dropper.drop({ kind: 'records', bytes });
  const left = kept.kind === 'records' ? kept.bytes.length : 0;
  expect(bytes.length - left).toBe(dropper.dropped * exec.length);
  expect(dropper.dropped).toBeGreaterThan(70);
  expect(dropper.dropped).toBeLessThan(130);
  const tick: Frame = {
    kind: 'tick',
    tick: {
      bootNs: 1n,
      wallMs: 1,
      slots: [TICK],
      flows: Buffer.alloc(0),
      flowSize: LAYOUT['sizeof flow_entry'],
      lost: {},
    },
  };
  const told = dropper.drop(tick);
  expect(told.kind === 'tick' && told.tick.slots[0]?.lost).toBe(dropper.dropped);
  expect(told.kind === 'tick' && told.tick.lost).toEqual({ 'urgent-full': dropper.dropped });
  const again = dropper.drop(tick);
  expect(again.kind === 'tick' && again.tick.slots[0]?.lost).toBe(0);
});

test('a false line says what made it be told; the promise counts alerts by evidence, each once, beside its budget', () => {
  const hit = told(205, WEB, { id: 'alr-a' });
  const lines = [
    hit,
    told(600, NEXT, { id: 'alr-a', tail: 'own' }),
    told(900, DB, { id: 'alr-b', tail: 'pooled' }),
    told(910, DB, { id: 'alr-b', tail: 'own' }),
    told(1900, DB, { id: 'alr-c' }),
  ];
  const why = (time: number, alert: string, detector: string): Told =>
    told(time, DB, { kind: 'detection', alert, detectors: [detector], severity: 'low' });
  const detections = [why(899, 'alr-b', 'volume'), why(900, 'alr-b', 'rarity'), why(901, 'alr-b', 'later')];
  const scored = score(truth(), lines);
  const figures = figuresOf([{ scored, evidence: score(truth(), []), detections, budgetHours: 168 }]);
  expect(figures).toMatchObject({ falseAlerts: 4, late: 1 });
  expect(figures.promise).toEqual({ budgetHours: 168, own: 0, pooled: 1, none: 0, rules: 1 });
  expect(figures.falseBy.map(({ what }) => what)).toContain('db · steady load · rarity ·  · by rarity low');
  const text = printFigures('one run', figures, false);
  expect(text).toContain('promise: one in 168 h of a container, by evidence alone; alarms by evidence 1 in ');
  expect(text).toContain("calibrated by the workload's own history 0, pooled 1, none 0; by rules 1\n");
});

test('an attack without a program of its own is the application’s; of one whose processes were missed no name is asked', () => {
  const label = (more: object): string =>
    JSON.stringify({
      ...JSON.parse(FILES.labels.replace('connects to 203.0.113.5', 'x')),
      pids: [],
      ...more,
    });
  const hit = told(205, WEB, { pid: 9 });
  const overall = (labels: string): object => {
    const one = truth({ labels });
    const scored = score(one, [hit]);
    return figuresOf([{ scored, evidence: scored, detections: [], budgetHours: null }]).overall;
  };
  expect(overall(label({ n_exec: 0, first_event: 201.5 }))).toMatchObject({
    found: 1,
    named: 1,
    nameless: 0,
  });
  expect(overall(label({ n_exec: 0, first_event: null }))).toMatchObject({ found: 1, named: 0, nameless: 1 });
  expect(overall(label({ pids: [{ pid: 77 }] }))).toMatchObject({ found: 1, named: 0, nameless: 0 });
});
