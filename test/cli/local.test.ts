/** Commands that ask the agent of this machine, against a fake one on a real socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { resourcesOf } from '../../agent/events/resources.ts';
import { type Fake, startFakeAgent, startFakeCentral } from './fake-central.ts';
import { runPicket } from './run-picket.ts';

let folder = '';
const running: Fake[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-test-'));
});
afterEach(async () => {
  for (const fake of running.splice(0)) await fake.stop();
  rmSync(folder, { recursive: true, force: true });
});

const WORKLOADS = {
  workloads: [
    {
      workload: 'local/demo/Deployment/web/web',
      state: 'young',
      periods: 24,
      starts: 2,
      incomplete: 0,
      withheld: 0,
      containers: 2,
      guarding: 1,
      pairs: 210,
      suspects: 3,
      promise: { alarms: 1, hours: 12.34, budgetHours: 48 },
    },
    {
      workload: 'local/-/Node/n1/host',
      state: 'learning',
      periods: 3,
      starts: 0,
      incomplete: 1,
      withheld: 2,
      containers: 1,
      guarding: 0,
      pairs: 0,
      suspects: 0,
    },
  ],
};

test('workloads shows state, age and what was left out', async () => {
  const agent = await startFakeAgent(folder, { 'GET /workloads': [200, WORKLOADS] });
  running.push(agent);

  expect(await runPicket(['workloads', ...agent.flags])).toEqual({
    code: 0,
    error: '',
    out: [
      'WORKLOAD                       CONTAINERS  STATE     PERIODS LEARNT  STARTS  MODE     PAIRS  SUSPECTS  ALARMS       QUALITY',
      'local/demo/Deployment/web/web  2           young     24 (2 min)      2       guard 1  210    3         1 in 12.3 h  complete',
      'local/-/Node/n1/host           1           learning  3 (15 s)        0       learn    0      0         -            1 periods with losses left out, 2 with detections left out',
      '',
    ].join('\n'),
  });
  expect(JSON.parse((await runPicket(['workloads', '--json', ...agent.flags])).out)).toEqual(WORKLOADS);
});

test('containers shows what each uses, how often it began anew and how it ended before; what is not known is no 0', async () => {
  const none = resourcesOf(() => null);
  const api = {
    id: 'a'.repeat(64),
    kind: 'container',
    name: 'api',
    pod: 'api-1',
    namespace: 'shop',
    aliveMs: 9000,
  };
  const used = {
    ...none,
    cpuUs: 1_250_000,
    workingSetBytes: 3 * 1024 ** 2,
    memoryLimitBytes: 2 ** 26,
    pids: 4,
  };
  const last = { lifetimeMs: 12_000, status: 9, oom: true };
  const host = {
    id: 'host',
    kind: 'host',
    name: 'host',
    pod: '',
    namespace: '',
    aliveMs: null,
    resources: null,
  };
  const answer = {
    containers: [
      { ...api, resources: used, life: { restarts: 3, last } },
      { ...host, life: { restarts: 0, last: null } },
    ],
  };
  const agent = await startFakeAgent(folder, { 'GET /containers': [200, answer] });
  running.push(agent);

  expect((await runPicket(['containers', ...agent.flags])).out).toBe(
    [
      'CONTAINER  ID            POD         AGE  CPU %  MEMORY MIB   TASKS  RESTARTS  LAST END',
      'api        aaaaaaaaaaaa  shop/api-1  9 s  25.0   3.0 of 64.0  4      3         signal 9, out of memory, after 12 s',
      'host       host          -           -    -      -            -      0',
      '',
    ].join('\n'),
  );
});

test('workloads without an agent is exit code 3 and names its folder', async () => {
  const { code, error } = await runPicket(['workloads', '--state-folder', folder]);

  expect(code).toBe(3);
  expect(error).toContain(`no agent has run here (no ${folder}/agent); ask on a node`);
});

test('an agent that was stopped does not answer: it is not elsewhere', async () => {
  const agent = await startFakeAgent(folder, {});
  await agent.stop();
  const { code, out } = await runPicket(['status', '--state-folder', folder]);

  expect(code).toBe(3);
  expect(out).toContain(
    `not reachable: the agent at ${folder}/agent/agent.sock does not answer: connect ENOENT`,
  );
});

const REPORT = {
  node: 'n1',
  cluster: 'local',
  hooks: [
    { name: 'a', state: 'attached', reason: null },
    { name: 'b', state: 'refused', reason: 'no\u001bBTF' },
  ],
  pid: 7,
  ready: true,
  uptimeMs: 9000,
  source: 'kernel',
  alertLog: '/l/alerts.ndjson',
  alertLogProblem: null,
  ownNumberProblem: 'its own activity is counted',
  podsProblem: 'the list is no list',
  recordingProblem: null,
  rules: { folder: '/r', inForce: 3, problems: ['a.yaml:1:2: no'] },
  containment: { enabled: true, adopted: false, refusal: null },
  central: { url: 'https://c:1', enrolled: false, acceptedAtMs: 0 },
  numbers: {
    containers: 1,
    lives: { starts: 4, restarts: 1, oomKills: 0 },
    workloads: 3,
    profiles: {
      guarding: 1,
      loads: 4,
      armedAgain: 2,
      pairs: 210,
      suspects: 3,
      versions: 2,
      versionsEvicted: 0,
      rollouts: 1,
      inherited: 7,
    },
    canary: {
      intervalMs: 600_000,
      results: { seen: 0, late: 1, missed: 2 },
      detectMs: 5001.26,
      provedMs: null,
    },
    promise: { alarms: 2, hours: 14.4, budgetHours: 48 },
    detections: { high: 2, low: 1 },
    alerts: {},
    lost: { 'urgent-full': 2, 'bulk-full': 0 },
    traffic: { bytesIn: 1024 ** 2, bytesOut: 0, segments: 9, datagrams: 4, dnsQuestions: 1, dnsFailures: 0 },
    orders: { applied: 1 },
    spool: { waiting: 1 },
    uplink: { failures: { ECONNREFUSED: 4 }, refused: {} },
    leases: 1,
    mapBytes: 7 * 1024 ** 2,
  },
};

test('status shows the part that answers, and why the other does not', async () => {
  const agent = await startFakeAgent(folder, { 'GET /status': [200, REPORT] });
  running.push(agent);

  const { code, out } = await runPicket(['status', ...agent.flags]);

  expect(code).toBe(0);
  expect(out).toContain(`agent on node n1, cluster local
  state        ready, up 9 s, pid 7
  hooks        1 of 2 attached; missing: b (no\\u001bBTF): see picket doctor
  watching     1 container or service, 3 baselines
  lives        4 starts, 1 restart, 0 OOM kills
  rules        3 in force, with those of /r; what changed there is not in force: a.yaml:1:2: no
  profiles     1 of 2 guard; 210 pairs of calls known, 3 suspects, 2 armed again
  promise      2 alerts by evidence in 14.4 container-hours seen whole; at most one in 48.0 h of a workload is promised to be false
  canary       not proved yet, seen and logged in 5001.3 ms; every 10 min: late 1, missed 2
  found        detections 3 (2 high, 1 low); alerts 0
  traffic      1.0 MiB in, 0.0 MiB out; 9 TCP segments, 4 UDP datagrams; 1 DNS question, 0 failed
  lost         urgent-full 2
  central      https://c:1, not enrolled yet, 1 summary waiting; ECONNREFUSED 4
  containment  1 lease in force; orders: applied 1
  kernel maps  7.0 MiB
  alert log    /l/alerts.ndjson
  problem      its own activity is counted
  problem      the list is no list

central
  not here: no central has run here (no ${folder}/central/api-token); ask where it runs`);
});

test('status says of a part that has run here what keeps it from answering', async () => {
  const central = await startFakeCentral(folder, {});
  await central.stop();
  const { code, out } = await runPicket(['status', ...central.flags]);
  expect(code).toBe(3);
  expect(out).toContain('agent\n  not here: no agent has run here (no ');
  expect(out).toMatch(/not reachable: central at \S+ does not answer: /);
});

test('status of central says what is in force and what it holds', async () => {
  const central = await startFakeCentral(folder, {
    'GET /api/v1/status': [
      200,
      {
        cluster: 'local',
        database: '/s/picket.db',
        streams: 1,
        policies: [{ kind: 'PicketPolicy', name: 'ask-production', version: 'v' }],
        exceptions: 3,
        notifiers: [
          { name: 'on-call', waiting: 0 },
          { name: 'chat', waiting: 7 },
        ],
        rows: { nodes: 1, incidents: 2, orders: 0 },
      },
    ],
  });
  running.push(central);

  expect((await runPicket(['status', ...central.flags])).out).toContain(`central of cluster local
  nodes        1, 1 order stream open
  policies     PicketPolicy ask-production
  exceptions   3 in force
  told         on-call, chat (7 waiting)
  holds        nodes 1, incidents 2
  database     /s/picket.db
`);
});

test('status is exit code 3 when nothing answers, and 1 when central refuses the token', async () => {
  expect((await runPicket(['status', '--state-folder', folder])).code).toBe(3);
  const central = await startFakeCentral(folder, {
    'GET /api/v1/status': [401, { error: { code: 'PICKET_TOKEN', message: 'no token that is known here' } }],
  });
  running.push(central);

  expect(await runPicket(['status', ...central.flags])).toMatchObject({
    code: 1,
    error: expect.stringContaining('no token that is known here'),
  });
});
