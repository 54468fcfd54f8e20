import { expect, test } from 'vitest';
import type { Alert } from '../../../agent/alerts/alert.ts';
import { alertLine } from '../../../agent/alerts/alert.ts';
import { detectionLine, idOf } from '../../../agent/alerts/detection.ts';
import { type Finding, Groups, type Reason } from '../../../agent/alerts/group.ts';
import type { Severity } from '../../../agent/alerts/severity.ts';
import type { Container } from '../../../agent/identity/container.ts';
import { SECOND } from '../../builders/records.ts';

const container = (id: string): Container => ({
  id,
  kind: 'container',
  cgroup: 5,
  path: '/x',
  runtime: 'containerd',
  madeAt: null,
  settled: true,
  identity: {
    name: 'api',
    pod: 'p',
    podUid: 'u',
    namespace: 'ns',
    workload: 'c/ns/Pod/p/api',
    image: 'i',
    imageDigest: '',
  },
});
interface Fields {
  at?: number;
  detector?: string;
  severity?: Severity;
  score?: number;
  lineage?: string[];
  container?: string;
  grave?: boolean;
  strong?: Reason['strong'];
  context?: string;
}
function finding(fields: Fields): Finding {
  const timeNs = BigInt(Math.round((fields.at ?? 0) * 1e9));
  const detector = fields.detector ?? 'rarity';
  const origin = { node: 'n', boot: 'b', timeNs, cpu: 0 };
  return {
    detection: {
      id: idOf('det', origin, detector, 's'),
      detector,
      severity: fields.severity ?? 'medium',
      score: fields.score ?? 0.5,
      bits: 4,
      timeNs,
      wallMs: 1000 * (fields.at ?? 0),
      container: container(fields.container ?? 'c'),
      process: { pid: 1, startNs: 2n, exe: 'sh', parent: 'node', parentPid: 3, uid: 4 },
      summary: `${detector} at ${fields.at ?? 0}`,
      techniques: ['T1059'],
      facts: { a: 'b' },
      quality: { lost: 0, losses: {}, complete: true, baseline: 'young', periods: 9 },
    },
    explanation: `because of ${detector}`,
    next: 'Look there.',
    context: fields.context ?? '',
    lineage: fields.lineage ?? ['1'],
    origin,
  };
}
function setUp() {
  const alerts: Alert[] = [];
  const groups = new Groups({ groupForNs: 300n * SECOND, emit: (alert) => alerts.push(alert) });
  const give = (fields: Fields): string => {
    const found = finding(fields);
    const id = groups.alertOf(found);
    groups.add(id, found, { grave: fields.grave ?? true, strong: fields.strong ?? null });
    return id;
  };
  return { alerts, groups, give };
}

test('the first grave detection makes an alert at once', () => {
  const { alerts, give } = setUp();
  const id = give({ at: 10, detector: 'secret-read', severity: 'high', score: 0.8 });
  expect(alerts).toEqual([
    {
      id,
      revision: 1,
      severity: 'high',
      score: 0.8,
      firstNs: 10n * SECOND,
      lastNs: 10n * SECOND,
      firstWallMs: 10_000,
      lastWallMs: 10_000,
      container: container('c'),
      title: 'secret-read at 10 in c/ns/Pod/p/api',
      evidence: null,
      context: [],
      explanation: [
        'because of secret-read',
        'Nothing was lost in this window and the one before; the baseline is young after 9 periods.',
        'Look there.',
      ],
      detectors: ['secret-read'],
      techniques: ['T1059'],
      count: 1,
      quality: '',
    },
  ]);
});

test('the same lineage joins; news is told at once, repetition once a second or at the tick', () => {
  const { alerts, groups, give } = setUp();
  const id = give({ at: 1, lineage: ['2', '1'] });
  expect(give({ at: 1.9, lineage: ['3', '2'] })).toBe(id);
  expect(alerts.length).toBe(1);
  groups.tick(3n * SECOND);
  groups.tick(4n * SECOND);
  expect(alerts.map(({ revision, count }) => [revision, count])).toEqual([
    [1, 1],
    [2, 2],
  ]);
  // Long after what was told last: nobody waits for the window to end.
  give({ at: 4.5, lineage: ['3'] });
  give({ at: 4.9, lineage: ['3'] });
  expect(alerts.map(({ count }) => count)).toEqual([1, 2, 3]);
  give({ at: 5, detector: 'secret-read', lineage: ['3'] });
  expect(alerts.at(-1)).toMatchObject({
    revision: 4,
    score: 0.75,
    explanation: expect.arrayContaining(['2 detectors agree: rarity, secret-read.']),
  });
});

const STRONG = {
  total: 18.04,
  bound: 16.9,
  bits: 24,
  excess: 1.5,
  by: 'pooled',
  periods: 900,
  items: [{ kind: 'exec', bits: 9.04, what: 'a program', detector: 'rarity' }],
} as const;

test('weak detections wait with their cause; the one that passes the budget tells them all', () => {
  const { alerts, groups, give } = setUp();
  const id = give({ at: 1, detector: 'rarity', severity: 'low', grave: false, context: 'It is a session.' });
  groups.tick(2n * SECOND);
  expect([alerts, groups.open]).toEqual([[], 0]);
  expect(give({ at: 3, detector: 'sequence', severity: 'low', grave: false, strong: STRONG })).toBe(id);
  expect(alerts).toMatchObject([
    {
      id,
      revision: 1,
      severity: 'medium',
      count: 2,
      context: ['It is a session.'],
      evidence: { total: 18.04, grounds: [{ kind: 'exec', bits: 9, what: 'a program', detector: 'rarity' }] },
    },
  ]);
  expect(alerts[0]?.explanation).toEqual(
    expect.arrayContaining([
      'because of rarity',
      'because of sequence',
      'It is a session.',
      'Evidence of 24.0 bits in this window (exec 9.0), after 1.5 taken off for what history shows; with the windows before it stands at ' +
        '2^18.0 against the 2^16.9 that the budget of false alarms asks for. Calibrated by all workloads of this node together, as its own history is short (900 windows).',
    ]),
  );
  give({ at: 4, detector: 'rarity', severity: 'low', grave: false });
  groups.tick(5n * SECOND);
  expect(alerts.at(-1)).toMatchObject({ revision: 2, count: 3 }); // of the same window
  give({ at: 6, detector: 'rarity', severity: 'low', grave: false });
  groups.tick(7n * SECOND);
  expect(alerts).toHaveLength(2); // what is weak alone joins silently
});

test('a flood of causes closes no alert', () => {
  const { alerts, groups, give } = setUp();
  const id = give({ at: 1, lineage: ['1'] });
  for (let n = 0; n < 1500; n++) give({ container: `c${n}`, grave: false });
  expect(groups.open).toBe(1);
  give({ at: 2, lineage: ['1'], detector: 'other' });
  expect(alerts.at(-1)).toMatchObject({ id, revision: 2 });
});

test('three detectors of at least medium make it one step worse', () => {
  const { alerts, give } = setUp();
  for (const detector of ['a', 'b', 'c']) give({ detector, severity: 'high' });
  expect(alerts.map(({ severity }) => severity)).toEqual(['high', 'high', 'critical']);
});

test('another lineage, another container and a later time are other alerts', () => {
  const { groups, give } = setUp();
  const ids = [give({ lineage: ['1'] }), give({ at: 1, lineage: ['9'] }), give({ container: 'd' })];
  groups.tick(299n * SECOND);
  expect(groups.open).toBe(3);
  groups.tick(301n * SECOND);
  expect(groups.open).toBe(0);
  ids.push(give({ at: 301 }));
  expect(new Set(ids).size).toBe(4);
});

test('what has no process joins the container’s latest alert', () => {
  const { give } = setUp();
  give({ at: 1, lineage: ['1'] });
  const second = give({ at: 2, lineage: ['9'] });
  expect(give({ at: 3, lineage: [] })).toBe(second);
});

test('holds a bounded number of open alerts', () => {
  const { groups, give } = setUp();
  for (let n = 0; n < 1500; n++) give({ container: `c${n}` });
  expect(groups.open).toBe(1024);
});

test('the lines of the alert log', () => {
  const { alerts, give } = setUp();
  const alert = give({ at: 10 });
  const { detection } = finding({ at: 10 });
  const where = { node: 'n', cluster: 'c' };
  const shape = {
    id: 'c',
    name: 'api',
    pod: 'p',
    pod_uid: 'u',
    namespace: 'ns',
    workload: 'c/ns/Pod/p/api',
    image: 'i',
    image_digest: '',
    cgroup: '/x',
    cgroup_id: 5,
    runtime: 'containerd',
  };
  expect(detectionLine({ ...detection, alert }, where)).toEqual({
    schema: 1,
    kind: 'detection',
    id: detection.id,
    time: '1970-01-01T00:00:10.000Z',
    boot_ns: '10000000000',
    node: 'n',
    cluster: 'c',
    detector: 'rarity',
    severity: 'medium',
    score: 0.5,
    bits: 4,
    summary: 'rarity at 10',
    techniques: ['T1059'],
    container: shape,
    process: { pid: 1, start_ns: '2', exe: 'sh', parent: 'node', parent_pid: 3, uid: 4 },
    facts: { a: 'b' },
    alert,
    quality: { lost: 0, losses: {}, complete: true, baseline: 'young', periods: 9 },
  });
  const [first] = alerts;
  expect(first && alertLine(first, where)).toMatchObject({
    schema: 1,
    kind: 'alert',
    id: alert,
    revision: 1,
    first: '1970-01-01T00:00:10.000Z',
    container: shape,
  });
  expect([detection.id, alert]).toEqual([
    expect.stringMatching(/^det-[0-9a-f]{20}$/),
    expect.stringMatching(/^alr-[0-9a-f]{20}$/),
  ]);
});

test('evidence that is believed later opens an alert, and is no news of one that was told', () => {
  const strong = { bits: 20, excess: 0, total: 18, bound: 16, by: 'own', periods: 500, items: [] } as const;
  const { alerts, groups, give } = setUp();
  const weak = give({ at: 1, detector: 'sequence', severity: 'low', grave: false });
  expect([alerts.length, groups.stand(weak, { ...strong, items: [] }), alerts.length]).toEqual([0, true, 1]);
  expect(alerts[0]).toMatchObject({ severity: 'medium', evidence: { total: 18 } });
  const told = give({ at: 2, detector: 'secret-read', severity: 'high', container: 'd' });
  expect([groups.stand(told, { ...strong, items: [] }), alerts.length]).toEqual([false, 2]);
});

test('what is noted for completeness joins an alert that was told, and is no new line of it', () => {
  const { alerts, groups, give } = setUp();
  give({ at: 10, detector: 'secret-read', severity: 'high' });
  give({ at: 11, detector: 'rarity', severity: 'info', grave: false });
  groups.tick(12n * SECOND);
  expect(alerts.map(({ revision }) => revision)).toEqual([1]);
  give({ at: 13, detector: 'flood', severity: 'medium' });
  expect(alerts.at(-1)?.detectors).toEqual(['secret-read', 'rarity', 'flood']);
});
