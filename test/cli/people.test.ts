/** Commands that ask central's API, against a fake one with real TLS. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Answers, type Fake, startFakeCentral } from './fake-central.ts';
import { runPicket } from './run-picket.ts';

let folder = '';
let central: Fake | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-test-'));
});
afterEach(async () => {
  await central?.stop();
  central = null;
  rmSync(folder, { recursive: true, force: true });
});

async function picket(answers: Answers, ...argv: string[]) {
  central = await startFakeCentral(folder, answers);
  const ran = await runPicket([...argv, ...central.flags]);
  return { ...ran, asked: central.asked };
}

/** The same for whatever is asked about: the command chooses among what central found. */
const CONTAINERS: Answers = Object.fromEntries(
  ['ab', 'ab12', 'ff', 'web-1', 'web-2'].map((called) => [
    `GET /api/v1/containers?limit=1000&called=${called}`,
    [
      200,
      {
        containers: [
          { id: 'ab12'.repeat(16), name: 'web', pod: 'web-1', workload: 'local/shop/Deployment/web/web' },
          { id: 'ab99'.repeat(16), name: 'web', pod: 'web-2', workload: 'local/shop/Deployment/web/web' },
          {
            id: 'cd34'.repeat(16),
            name: 'cd34cd34cd34',
            pod: 'web-1',
            workload: 'local/shop/Deployment/web/-',
          },
        ],
      },
    ],
  ]),
);
const MADE = [201, { containments: [{ id: 'ord-1', state: 'queued' }] }] as const;

test("contain takes a pod's name for its container, not for its sandbox, and prints what is let through", async () => {
  const answers: Answers = {
    ...CONTAINERS,
    [`GET /api/v1/containers/${'ab12'.repeat(16)}/activity`]: [
      200,
      { container: 'ab12', sinceMs: 0, windows: 0, detections: [] },
    ],
  };
  const { code, out } = await picket(answers, 'contain', 'web-1', '--dry-run', '--allow', 'dns,to 10.0.0.7');
  expect([code, out.split('\n')[0]]).toEqual([0, expect.stringContaining('container ab12ab12ab12 (web-1)')]);
  expect(out).toContain('  open:  as asked: dns\n  open:  as asked: to 10.0.0.7\n');
});

test('contain says what is wrong with a list before it asks for anything', async () => {
  const {
    code,
    error: err,
    asked,
  } = await picket(CONTAINERS, 'contain', 'web-1', '--allow', 'to example.org');
  expect([code, asked]).toEqual([2, []]);
  expect(err).toContain('contain: --allow: "to example.org" is not dns');
  const nothing = await runPicket(['contain', 'web-1', '--no-network', '--allow', 'dns']);
  expect(nothing.error).toContain('networkDeny is false');
});

test('contain finds the container by the start of its id, prints the plan and asks with the token', async () => {
  const effect = { verified: 'tried', proof: ['network: tcp4 refused'], open: ['packet sockets'] };
  const made = { id: 'ord-1', state: 'applied', detail: '', effect };
  const answers: Answers = {
    ...CONTAINERS,
    'POST /api/v1/containments': MADE,
    'GET /api/v1/containments?limit=1000': [200, { containments: [made] }],
  };

  const { code, out, asked } = await picket(
    answers,
    'contain',
    'ab12',
    '--lease',
    '90s',
    '--reason',
    'shell',
    '--no-exec',
  );

  expect(code).toBe(0);
  expect(asked[1]).toEqual({
    method: 'POST',
    path: '/api/v1/containments',
    authorization: 'Bearer sesame',
    body: {
      container: 'ab12'.repeat(16),
      networkDeny: true,
      killOnExec: false,
      execDeny: false,
      cutProbes: false,
      allow: [],
      freeze: false,
      kill: false,
      cluster: [],
      lease: '90s',
      reason: 'shell',
    },
  });
  expect(out).toBe(
    [
      'Plan for container ab12ab12ab12 (web-1), for 90s, because: shell',
      '  cut:   IP traffic in and out, also of connections that are open now',
      '  open:  connections that the node itself begins (probes)',
      '  open:  packet sockets, and what other containers do for it',
      '  open:  new programs',
      '  open:  processes that run now, files and volumes, unix sockets',
      '  undo:  picket undo ORDER, or the end of the lease',
      'order ord-1: queued. Take it back: picket undo ord-1',
      '  applied',
      '  verified from inside',
      '    network: tcp4 refused',
      '    open on this kernel: packet sockets',
      '',
    ].join('\n'),
  );
});

test('contain does nothing when several containers fit, when none does, and when it is a dry run', async () => {
  const answers = { ...CONTAINERS, 'POST /api/v1/containments': MADE };
  const several = await picket(answers, 'contain', 'ab');
  await central?.stop();
  const none = await picket(answers, 'contain', 'ff');
  await central?.stop();
  const did = { container: 'ab99'.repeat(16), sinceMs: 0, windows: 2, connects: 3, accepts: 4, datagrams: 5 };
  const rest = { dnsQuestions: 6, bytesIn: 7, bytesOut: 8, execs: 9, detections: [] };
  const path = `GET /api/v1/containers/${'ab99'.repeat(16)}/activity`;
  const dry = await picket(
    { ...answers, [path]: [200, { ...did, ...rest }] },
    'contain',
    'web-2',
    '--dry-run',
  );

  expect([several.code, none.code, dry.code]).toEqual([2, 2, 0]);
  expect(several.error).toContain('2 containers fit "ab":\n  ab12ab12ab12  web-1\n  ab99ab99ab99  web-2');
  for (const { asked } of [several, none]) expect(asked.map(({ method }) => method)).toEqual(['GET']);
  expect(dry.asked.map(({ method }) => method)).toEqual(['GET', 'GET']);
  expect(dry.out).toContain(
    '  would have cut: 3 connections out, 4 in, 5 datagrams, 6 DNS questions; 7 bytes in, 8 out\n  would have killed: 9 programs at their start\n',
  );
});

test('contain asks for an incident as a whole', async () => {
  const { asked } = await picket({ 'POST /api/v1/containments': MADE }, 'contain', 'inc-7', '--json');

  expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /api/v1/containments']);
  expect(asked[0]?.body).toMatchObject({
    incident: 'inc-7',
    lease: '10m',
    networkDeny: true,
    killOnExec: true,
  });
});

test('contain says that refusing programs depends on the kernel', async () => {
  const answers = { ...CONTAINERS, 'POST /api/v1/containments': MADE };
  const { asked, out } = await picket(answers, 'contain', 'ab12', '--no-exec', '--no-network', '--deny-exec');

  expect(asked.find(({ method }) => method === 'POST')?.body).toMatchObject({
    networkDeny: false,
    killOnExec: false,
    execDeny: true,
  });
  expect(out).toContain(
    '  cut:   new programs: refused where the kernel has BPF LSM; the node says below whether it has\n',
  );
  expect(out).not.toContain('open:  new programs');
});

test('contain refuses to do nothing', async () => {
  const { code, error } = await runPicket(['contain', 'x', '--no-network', '--no-exec']);

  expect({ code, error }).toEqual({
    code: 2,
    error: 'picket: contain: --no-network and --no-exec together leave nothing to do\nTry: picket --help\n',
  });
});

test('undo and approve name the order and the incident, with the reason', async () => {
  const answers: Answers = {
    'POST /api/v1/containments/ord-1/undo': [200, {}],
    'POST /api/v1/incidents/inc-1/approve': MADE,
  };
  const undone = await picket(answers, 'undo', 'ord-1', '--reason', 'fixed');
  await central?.stop();
  const approved = await picket(answers, 'approve', 'inc-1', '--plan', 'pln-1');

  expect(undone).toMatchObject({
    code: 0,
    out: 'containment ord-1 is being taken back\n',
    asked: [{ body: { reason: 'fixed' } }],
  });
  expect(approved).toMatchObject({
    code: 0,
    out: '1 order on the way\norder ord-1. Take it back: picket undo ord-1\n',
    asked: [{ body: { plan: 'pln-1' } }],
  });
});

test('what central refuses is told in its words, as a failure', async () => {
  const refusal = [409, { error: { code: 'PICKET_CONFLICT', message: 'it has ended' } }] as const;

  const { code, error } = await picket({ 'POST /api/v1/containments/ord-1/undo': refusal }, 'undo', 'ord-1');

  expect(code).toBe(1);
  expect(error).toMatch(/^picket: central at https:\/\/127\.0\.0\.1:\d+: it has ended\n$/);
});

test('a central that is not there is exit code 3, before its first start and after its end', async () => {
  const never = await runPicket(['undo', 'ord-1', '--state-folder', folder]);
  central = await startFakeCentral(folder, {});
  const { flags } = central;
  await central.stop();
  const ended = await runPicket(['undo', 'ord-1', ...flags]);

  expect([never.code, ended.code]).toEqual([3, 3]);
  expect(never.error).toMatch(/^picket: no central has run here \(no \S+api-token\); ask where it runs/);
  expect(ended.error).toContain('does not answer');
});

test('a server of another authority is not spoken to', async () => {
  const other = mkdtempSync(join(tmpdir(), 'picket-test-'));
  try {
    central = await startFakeCentral(other, {});
    const mine = await startFakeCentral(folder, {});
    await mine.stop();
    const [, , , address = ''] = central.flags;

    const { code, error } = await runPicket([
      'undo',
      'ord-1',
      '--state-folder',
      folder,
      '--api-listen',
      address,
    ]);

    expect(code).toBe(3);
    expect(error).toMatch(/certificate/);
    expect(central.asked).toEqual([]);
  } finally {
    rmSync(other, { recursive: true, force: true });
  }
});

test('notify lists who is told what, and says what became of a test message', async () => {
  const match = { namespaces: ['demo'], clusters: [], events: [], minSeverity: 'high' };
  const answers: Answers = {
    'GET /api/v1/notifiers': [
      200,
      { notifiers: [{ name: 'chat', type: 'slack', waiting: 2, match }], silences: [] },
    ],
    'POST /api/v1/notifiers/chat/test': [200, { delivered: false, error: 'status 403' }],
  };
  const listed = await picket(answers, 'notify');
  await central?.stop();
  const tested = await picket(answers, 'notify', 'test', 'chat');

  expect(listed.out.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['NOTIFIER', 'KIND', 'FROM', 'NAMESPACES', 'EVENTS', 'WAITING'],
    ['chat', 'slack', 'high', 'demo', 'all', '2'],
    [''],
  ]);
  expect(tested).toMatchObject({ code: 1, error: 'picket: chat: not delivered: status 403\n' });
});

test('dead-letters says to whom, why and after how many tries', async () => {
  const notification = { incident: 'inc-1', title: 'A server started a shell' };
  const letter = { atMs: Date.now(), notifier: 'chat', event: 'opened', error: 'status 403', tries: 1 };
  const answers: Answers = {
    'GET /api/v1/dead-letters': [200, { deadLetters: [{ ...letter, notification }] }],
  };
  const { code, out } = await picket(answers, 'dead-letters');

  expect(code).toBe(0);
  expect(out).toMatch(/chat +opened +1 try +status 403 +inc-1 +A server started a shell/);
});

test('feedback sends the verdict, and shows what exceptions it would take', async () => {
  const proposal = {
    name: 'fp-1',
    workload: 'local/demo/Deployment/web/web',
    detector: 'shell',
    facts: { exe: '/bin/sh' },
  };
  const preview = { of: 9, alerts: 2, incidents: ['inc-1'], called: [] };
  const answers: Answers = {
    'POST /api/v1/feedback': [201, { verdict: { id: 'fbk-1' }, proposals: [proposal], preview }],
    'POST /api/v1/exceptions': [201, { exceptions: [proposal], preview }],
  };
  const said = await picket(answers, 'feedback', 'inc-1', 'false', '--reason', 'the backup');
  await central?.stop();
  const made = await picket(answers, 'exceptions', 'make', 'fbk-1', '--for', '7d', '--reason', 'the backup');

  expect(said.asked[0]?.body).toEqual({ incident: 'inc-1', verdict: 'false-positive', reason: 'the backup' });
  expect(said.out).toBe(
    [
      'verdict fbk-1 is kept',
      '',
      'The narrowest exceptions that would keep the like of it out:',
      '  local/demo/Deployment/web/web: shell, exe=/bin/sh',
      'They would have hidden 2 of 9 alerts of its workloads in the last 7 days, and 1 incident as a whole.',
      'Put them in force: picket exceptions make fbk-1 --for 30d',
      '',
    ].join('\n'),
  );
  expect(made.asked[0]?.body).toEqual({ verdict: 'fbk-1', lease: '7d', reason: 'the backup' });
});

test('exceptions and policy say what is in force', async () => {
  const one = {
    name: 'fp-1',
    workload: 'w',
    detector: null,
    facts: {},
    reason: 'r',
    actor: 'anna',
    expiresMs: null,
  };
  const answers: Answers = {
    'GET /api/v1/exceptions': [200, { exceptions: [{ ...one, state: 'in force', hits: 0, lastHitMs: 0 }] }],
    'GET /api/v1/policies': [
      200,
      {
        policies: [
          {
            kind: 'PicketPolicy',
            name: 'ask',
            version: 'ab',
            inForce: true,
            place: 0,
            source: 'a.yaml',
            document: { spec: { mode: 'ask', match: { namespaces: ['prod'] } } },
          },
          {
            kind: 'PicketPolicy',
            name: 'old',
            version: 'cd',
            inForce: false,
            place: -1,
            source: 'a.yaml',
            document: {},
          },
        ],
      },
    ],
  };
  const listed = await picket(answers, 'exceptions');
  await central?.stop();
  const policies = await picket(answers, 'policy');

  expect(listed.out.split('\n')[1]?.split(/ {2,}/)).toEqual([
    'fp-1',
    'in force',
    'never',
    '0',
    'anna',
    'w: any detector, whatever it is about',
    'r',
  ]);
  expect(
    policies.out
      .split('\n')
      .slice(1, 3)
      .map((line) => line.split(/ {2,}/)),
  ).toEqual([
    ['ask', 'ask', 'high', 'prod', 'ab', 'a.yaml'],
    ['The first that fits decides; where none fits, picket observes.'],
  ]);
});

test('reranking shows the order with and without verdicts, a newer one, and who was right', async () => {
  const view = {
    choice: 'latest',
    inForce: 'abc',
    verdicts: { truePositives: 12, falsePositives: 11, least: 10 },
    models: [],
    contest: { truePositives: 3, falsePositives: 4, inForce: 0.5, candidate: 0.75 },
    judged: [{ workload: 'local/demo/Deployment/web/web', detector: 'shell', hits: 3, falseAlarms: 1 }],
    validation: { labelFree: 0.6, reranked: 0.8, folds: 5 },
  };
  const { out } = await picket({ 'GET /api/v1/reranking': [200, view] }, 'reranking');
  await central?.stop();
  const bare = { ...view, contest: null, judged: [], validation: null };
  const none = await picket({ 'GET /api/v1/reranking': [200, bare] }, 'reranking');

  expect(out.split('\n').map((line) => line.split(/ {2,}/).join(' | '))).toEqual([
    'in force: abc (chosen: latest)',
    'verdicts: 12 real, 11 false; it is trained from 10 of each on',
    'beside it a newer one: of 3 real and 4 false verdicts since it was made it orders 0.750, the one in force 0.500',
    'order of held-back verdicts (5 folds): 0.800 re-ranked, 0.600 without any verdict',
    '',
    'WORKLOAD | DETECTOR | REAL | FALSE',
    'local/demo/Deployment/web/web | shell | 3 | 1',
    '',
  ]);
  expect(none.out).toContain('beside it: no newer one\norder of held-back verdicts: too few to say\n');
});
