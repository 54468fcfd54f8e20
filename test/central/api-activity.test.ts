/** The listener for API servers and the followed files, on a real central. */
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alert, attack, container, detection, summary } from '../builders/summaries.ts';
import { auditEvent, execEvents } from './audit/events.ts';
import { startCentral, type TestCentral, temporaryFolder } from './harness.ts';

const WAIT_MS = 20_000;
const folder = temporaryFolder();
const log = join(folder.path, 'audit.log');
let central: TestCentral;
let token = '';

beforeAll(async () => {
  central = await start();
  token = readFileSync(central.ready.files.auditToken, 'utf8').trim();
}, 30_000);
afterAll(async () => {
  await central.stop();
  folder.remove();
});

const start = (): Promise<TestCentral> =>
  startCentral({ folder: folder.path, flags: { 'audit-listen': '127.0.0.1:0', 'audit-files': log } });

interface Posted {
  readonly status: number;
  readonly value: { readonly error?: { readonly code: string }; readonly response?: object };
}
function post(path: string, body: object | string, bearer: string | null = token): Promise<Posted> {
  return new Promise((resolve, reject) => {
    const call = httpsRequest(
      new URL(path, central.ready.audit),
      {
        method: 'POST',
        ca: readFileSync(central.ready.files.ca),
        headers: bearer === null ? {} : { authorization: `Bearer ${bearer}` },
        agent: false,
      },
      (response) => {
        let text = '';
        response.on('data', (piece) => {
          text += piece;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, value: JSON.parse(text) }));
      },
    );
    call.on('error', reject);
    call.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}
/** As the API server's: what is in it does not say its kind. */
const batch = (...events: object[]): object => ({
  kind: 'EventList',
  apiVersion: 'audit.k8s.io/v1',
  items: events.map((event) =>
    typeof event === 'object' ? { ...event, kind: undefined, apiVersion: undefined } : event,
  ),
});

interface AlertView {
  readonly title: string;
  readonly kind: string;
  readonly identities: readonly { readonly user: string; readonly sources: readonly string[] }[];
}
const alertsOf = async (user: string): Promise<AlertView[]> => {
  const { value } = await central.call('GET', '/api/v1/alerts');
  return (value['alerts'] as AlertView[]).filter(({ identities }) =>
    identities.some((identity) => identity.user === user),
  );
};
async function until<T>(read: () => Promise<T>, is: (value: T) => boolean): Promise<T> {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const value = await read();
    if (is(value) || Date.now() > end) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const admin = (user: string, atMs = Date.now()): Record<string, unknown> =>
  auditEvent({
    user,
    verb: 'create',
    resource: 'clusterrolebindings',
    apiGroup: 'rbac.authorization.k8s.io',
    namespace: '',
    name: `${user}-admin`,
    object: { roleRef: { name: 'cluster-admin' }, subjects: [{ name: user }] },
    atMs,
  });

describe('the audit webhook', () => {
  it('becomes an alert with who it was, in an incident, once', async () => {
    const event = admin('mallory');
    expect((await post('/v1/audit', batch(event))).status).toBe(200);
    expect((await post('/v1/audit', batch(event))).status).toBe(200);
    expect(await alertsOf('mallory')).toMatchObject([
      { kind: 'api', identities: [{ user: 'mallory', sources: ['192.0.2.7'] }] },
    ]);
    const { value } = await central.call('GET', '/api/v1/incidents');
    const titles = (value['incidents'] as { title: string; involved: unknown[] }[]).filter(({ title }) =>
      title.startsWith('mallory binds somebody to a role'),
    );
    expect(titles).toMatchObject([{ severity: 'high', involved: [] }]);
  });

  it('joins the incident of the pod that was entered', async () => {
    const web = container('web-1');
    const node = central.node(await central.enrol());
    expect((await node.send(attack([web]))).status).toBe(200);
    await post(
      '/v1/audit',
      batch(...execEvents(['sh'], { user: 'eve', namespace: 'demo', name: 'web-1', atMs: Date.now() })),
    );
    const { value } = await central.call('GET', '/api/v1/incidents');
    const [incident] = (value['incidents'] as { involved: { pod: string }[]; identities: object[] }[]).filter(
      ({ involved }) => involved.some(({ pod }) => pod === 'web-1'),
    );
    expect(incident?.identities).toMatchObject([{ user: 'eve' }]);
  });

  it.each<[string, string, string | object, string | null, number, string]>([
    ['without a token', '/v1/audit', batch(), null, 401, 'PICKET_TOKEN'],
    ['with another token', '/v1/audit', batch(), 'x'.repeat(43), 401, 'PICKET_TOKEN'],
    ['with the token in the path of a batch', '/v1/audit/TOKEN', batch(), null, 401, 'PICKET_TOKEN'],
    ['that is no JSON', '/v1/audit', '{', '', 400, 'PICKET_MALFORMED'],
    ['to another path', '/v1/other', batch(), '', 404, 'PICKET_NOT_FOUND'],
    ['of no review', '/v1/admission', { kind: 'Pod' }, '', 400, 'PICKET_MALFORMED'],
    ['that is too large', '/v1/admission', 'x'.repeat(5 * 1024 ** 2), '', 413, 'PICKET_TOO_LARGE'],
  ])('refuses a request %s, and counts it', async (_, path, body, bearer, status, code) => {
    const answer = await post(path.replace('TOKEN', token), body, bearer === '' ? token : bearer);
    expect([answer.status, answer.value.error?.code]).toEqual([status, code]);
    const route = path.startsWith('/v1/audit') ? 'audit' : path === '/v1/admission' ? 'admission' : 'other';
    expect(
      await central.metric(`picket_central_audit_requests_total{route="${route}",code="${code}"}`),
    ).toBeGreaterThan(0);
  });

  it('takes the good events of a batch and counts the others', async () => {
    const before = await central.metric('picket_central_audit_events_total{result="malformed"}');
    await post('/v1/audit', batch(7 as never, admin('trent')));
    expect(await alertsOf('trent')).toHaveLength(1);
    expect(await central.metric('picket_central_audit_events_total{result="malformed"}')).toBe(before + 1);
  });
});

describe('kubectl exec and its processes', () => {
  const hash = (...command: string[]): string =>
    createHash('sha256').update(command.join('\0')).digest('hex').slice(0, 16);

  /** A node tells of a session and an alert about what it did. */
  function visited(pod: string, pid: number, command: string[], sequence: number) {
    const of = container(pod, 'pay');
    const root = `${pid}:1000`;
    const id = `alr-0000000000000000000${pid}`;
    const now = Date.now();
    const session = {
      ...{ container: of.id, workload: of.workload, root, wallMs: now, pid, uid: 0, exe: 'sh', by: 'runc' },
      ...{ argsSha256: hash(...command), argsCount: command.length, argsBytes: 0, argsCut: false },
    };
    const facts = { context: 'session', session: root };
    return summary({
      sequence,
      containers: [of],
      sessions: [session],
      detections: [detection(of, { id: `det-0000000000000000000${pid}`, alert: id, facts })],
      alerts: [alert(of, { id })],
    });
  }
  const asked = (user: string, pod: string, command: string[]): object =>
    batch(
      ...execEvents(command, {
        user,
        namespace: 'pay',
        name: pod,
        container: pod.replace(/-\d+$/, ''),
        atMs: Date.now(),
      }),
    );
  const usersOf = async (id: string): Promise<string[]> => {
    const { value } = await central.call('GET', '/api/v1/alerts');
    const found = (value['alerts'] as (AlertView & { id: string })[]).find((one) => one.id === id);
    return found?.identities.map(({ user }) => user) ?? [];
  };

  it('the alert and the incident have the user, whichever comes first', async () => {
    const node = central.node(await central.enrol('node-2'));
    const of = { cluster: 'local', node: 'node-2' };
    await node.send({ ...visited('ledger-1', 101, ['sh', '-c', 'id'], 1), ...of });
    expect(await usersOf('alr-0000000000000000000101')).toEqual([]);
    await post('/v1/audit', asked('ada', 'ledger-1', ['sh', '-c', 'id']));
    expect(await usersOf('alr-0000000000000000000101')).toEqual(['ada']);
    await post('/v1/audit', asked('grace', 'cards-1', ['sh']));
    await node.send({ ...visited('cards-1', 102, ['sh'], 2), ...of });
    expect(await usersOf('alr-0000000000000000000102')).toEqual(['grace']);
    const { value } = await central.call('GET', '/api/v1/incidents');
    const [head] = (
      value['incidents'] as { id: string; involved: { pod: string }[]; identities: object[] }[]
    ).filter(({ involved }) => involved.some(({ pod }) => pod === 'ledger-1'));
    expect(head?.identities).toMatchObject([
      { user: 'ada', groups: ['team-a', 'system:authenticated'], sources: ['192.0.2.7'] },
    ]);
    const story = await central.call('GET', `/api/v1/incidents/${head?.id}`);
    expect(
      (story.value['timeline'] as { kind: string; text: string }[]).filter(({ kind }) => kind === 'session'),
    ).toMatchObject([
      {
        text: 'ada from 192.0.2.7 entered pay/ledger-1/ledger and started sh (process 101); asked with this command.',
      },
    ]);
  });

  it('of two in one pod at one time each has their own, and of the same command both', async () => {
    const node = central.node(await central.enrol('node-3'));
    const of = { cluster: 'local', node: 'node-3' };
    await node.send({ ...visited('queue-1', 201, ['sh', '-c', 'ls'], 1), ...of });
    await post('/v1/audit', asked('ada', 'queue-1', ['sh', '-c', 'ls']));
    await post('/v1/audit', asked('eve', 'queue-1', ['sh', '-c', 'env']));
    await node.send({ ...visited('queue-1', 202, ['sh', '-c', 'env'], 2), ...of });
    expect([
      await usersOf('alr-0000000000000000000201'),
      await usersOf('alr-0000000000000000000202'),
    ]).toEqual([['ada'], ['eve']]);
    await post('/v1/audit', asked('eve', 'queue-1', ['sh', '-c', 'ls']));
    expect(await usersOf('alr-0000000000000000000201')).toEqual(['ada', 'eve']);
    const { value } = await central.call('GET', '/api/v1/sessions');
    expect((value['sessions'] as { pod: string }[]).filter(({ pod }) => pod === 'queue-1')).toHaveLength(2);
  });

  it('of one alert the latest who entered is named, however many did before', async () => {
    const node = central.node(await central.enrol('node-4'));
    const all = Array.from({ length: 40 }, (_, n) => visited('depot-1', 300 + n, ['sh', '-c', `ls ${n}`], 1));
    const sessions = all.flatMap((one, n) =>
      (one.sessions ?? []).map((session) => ({ ...session, wallMs: (session.wallMs ?? 0) + n })),
    );
    const [first] = all;
    const id = 'alr-0000000000000000000300';
    const detections = all.flatMap((one) => (one.detections ?? []).map((found) => ({ ...found, alert: id })));
    await node.send({ ...first, cluster: 'local', node: 'node-4', sessions, detections });
    await post('/v1/audit', asked('eve', 'depot-1', ['sh', '-c', 'ls 39']));
    expect(await usersOf(id)).toEqual(['eve']);
  });
});

describe('the admission webhook', () => {
  const review = (user: string, command: readonly string[]) => ({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: `uid-${user}`,
      kind: { group: '', version: 'v1', kind: 'PodExecOptions' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      subResource: 'exec',
      operation: 'CONNECT',
      namespace: 'shop',
      name: 'db-0',
      userInfo: { username: user, groups: ['dba'] },
      object: { kind: 'PodExecOptions', command, container: 'db', stdout: true },
    },
  });

  it('allows whatever it is asked, with the token in its path, and tells who it was', async () => {
    const { status, value } = await post(`/v1/admission/${token}`, review('frank', ['sh']), null);
    expect([status, value.response]).toEqual([200, { uid: 'uid-frank', allowed: true }]);
    const alerts = await until(
      () => alertsOf('frank'),
      ({ length }) => length > 0,
    );
    expect(alerts.map(({ title }) => title)).toEqual([
      'frank runs a command in a container: create pods/exec shop/db-0.',
    ]);
  });
});

describe('audit files', () => {
  it('are followed over a rotation and a restart of central, each event once', async () => {
    const line = (user: string): string => `${JSON.stringify(admin(user))}\n`;
    writeFileSync(log, line('one'));
    await until(
      () => alertsOf('one'),
      ({ length }) => length > 0,
    );
    appendFileSync(log, line('two'));
    renameSync(log, join(folder.path, 'audit-1.log'));
    writeFileSync(log, line('three'));
    expect(
      await until(
        () => alertsOf('three'),
        ({ length }) => length > 0,
      ),
    ).toHaveLength(1);
    expect(await alertsOf('two')).toHaveLength(1);
    await central.stop();
    appendFileSync(log, line('four'));
    central = await start();
    expect(
      await until(
        () => alertsOf('four'),
        ({ length }) => length > 0,
      ),
    ).toHaveLength(1);
    expect(await alertsOf('one')).toHaveLength(1);
  }, 90_000);

  it('what was learnt is known after a restart', async () => {
    expect(await central.metric('picket_central_api_habits')).toBeGreaterThan(5);
    await post('/v1/audit', batch(admin('mallory', Date.now())));
    expect(await alertsOf('mallory')).toHaveLength(1);
  });
});
