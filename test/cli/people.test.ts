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

const CONTAINERS: Answers = {
  'GET /api/v1/containers?limit=1000': [
    200,
    {
      containers: [
        { id: 'ab12'.repeat(16), name: 'web', pod: 'web-1' },
        { id: 'ab99'.repeat(16), name: 'web', pod: 'web-2' },
      ],
    },
  ],
};
const MADE = [201, { containments: [{ id: 'ord-1', state: 'queued' }] }] as const;

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
      cutProbes: false,
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
  const dry = await picket(answers, 'contain', 'web-2', '--dry-run');

  expect([several.code, none.code, dry.code]).toEqual([2, 2, 0]);
  expect(several.error).toContain('2 containers fit "ab":\n  ab12ab12ab12  web-1\n  ab99ab99ab99  web-2');
  for (const { asked } of [several, none, dry]) expect(asked.map(({ method }) => method)).toEqual(['GET']);
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
  const approved = await picket(answers, 'approve', 'inc-1');

  expect(undone).toMatchObject({
    code: 0,
    out: 'containment ord-1 is being taken back\n',
    asked: [{ body: { reason: 'fixed' } }],
  });
  expect(approved).toMatchObject({
    code: 0,
    out: '1 order on the way\norder ord-1. Take it back: picket undo ord-1\n',
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
  expect(never.error).toContain('cannot read the API token');
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
