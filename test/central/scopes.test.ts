/** People who are for some namespaces only: every route, what they see of it, and what they may do. */
import { appendFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ROUTE_RULES } from '../../central/console/roles.ts';
import { seesIncident } from '../../central/console/within.ts';
import type { Incident } from '../../central/correlate/incident.ts';
import { parsePeopleTokens } from '../../central/pki/keys.ts';
import { covers, parseScope, scopeText } from '../../central/respond/scope.ts';
import { alert, attack, container, detection } from '../builders/summaries.ts';
import { runPicket } from '../cli/run-picket.ts';
import { startCentral, type TestCentral, temporaryFolder } from './harness.ts';

const TOKENS = {
  shop: 'shop/responder@local/shop:shop-0123456789abcdef',
  pay: 'pay/admin@local/pay,other/*:pay-0123456789abcdef',
  all: 'all/responder:all-0123456789abcdef',
};
type Who = keyof typeof TOKENS;
const WHO = Object.keys(TOKENS) as Who[];
const shop = container('web-1', 'shop');
const pay = container('db-1', 'pay');

let folder: ReturnType<typeof temporaryFolder>;
let central: TestCentral;
beforeEach(async () => {
  folder = temporaryFolder();
  central = await startCentral({ folder: folder.path });
  appendFileSync(central.ready.files.apiToken, `${Object.values(TOKENS).join('\n')}\n`);
  const node = central.node(await central.enrol());
  await node.send(attack([shop]));
  node.close();
  // Another node, detector and fact: nothing joins the two.
  const other = central.node(await central.enrol('node-2'));
  const facts = { path: '/etc/shadow' };
  const found = { detector: 'reads-secret', techniques: ['T1003.008'] };
  await other.send({
    ...attack([pay], { node: 'node-2' }),
    detections: [detection(pay, { ...found, facts, summary: 'A secret was read.' })],
    alerts: [
      alert(pay, { title: 'A secret was read.', detectors: [found.detector], techniques: found.techniques }),
    ],
  });
  other.close();
}, 60_000);
afterEach(async () => {
  await central.stop();
  folder.remove();
});

const ask = (who: Who, route: string, body: object = {}) => {
  const [method = '', path = ''] = route.split(' ');
  const token = TOKENS[who].split(':')[1];
  return central.call(method, path, method === 'POST' ? body : undefined, token);
};
const rows = async (who: Who, path: string, name: string) =>
  ((await ask(who, `GET /api/v1/${path}`)).value[name] ?? []) as Record<string, unknown>[];
const namespaces = async (who: Who, path: string, name: string) => {
  const workloadOf = (row: Record<string, unknown>): unknown =>
    row['workload'] ??
    (row['container'] as { workload?: string } | undefined)?.workload ??
    (row['involved'] as { workload: string }[] | undefined)?.[0]?.workload;
  return (await rows(who, path, name)).map((row) => String(workloadOf(row)).split('/')[1]).sort();
};
const incidentOf = async (namespace: string): Promise<string> => {
  const all = await rows('all', 'incidents', 'incidents');
  const found = all.find((one) => (one['involved'] as { namespace: string }[])[0]?.namespace === namespace);
  return String(found?.['id']);
};

it('each route has a rule, and refuses or serves somebody of a scope as the rule says', async () => {
  for (const [route, { scoped }] of Object.entries(ROUTE_RULES)) {
    const { status, value } = await ask('pay', route.replace(':id', 'unknown-id'));
    const message = (value['error'] as { message?: string } | undefined)?.message ?? '';
    const whole = message.includes('for those who may see all namespaces');
    expect([route, status === 403, whole]).toEqual([route, !scoped, !scoped]);
  }
});

it('lists hold what is in the namespaces of who asks, and nothing else', async () => {
  for (const [path, name] of [
    ['containers', 'containers'],
    ['incidents', 'incidents'],
    ['alerts', 'alerts'],
  ] as const) {
    const seen = await Promise.all(WHO.map((who) => namespaces(who, path, name)));
    expect([path, ...seen]).toEqual([path, ['shop'], ['pay'], ['pay', 'shop']]);
  }
});

it('what is elsewhere is unknown: an incident, its approval, a verdict, a containment and its undo', async () => {
  const theirs = await incidentOf('pay');
  const contained = await ask('pay', 'POST /api/v1/containments', { container: pay.id, reason: 'mine' });
  expect(contained.status).toBe(201);
  const order = (contained.value['containments'] as { id: string }[])[0]?.id ?? '';
  const alert = String((await rows('pay', 'alerts', 'alerts'))[0]?.['id']);
  const because = { reason: 'test' };
  const tried = async (who: Who): Promise<number[]> => {
    const answers = [
      await ask(who, `GET /api/v1/incidents/${theirs}`),
      await ask(who, `POST /api/v1/feedback`, { alert, verdict: 'true-positive', ...because }),
      await ask(who, `POST /api/v1/feedback`, { incident: theirs, verdict: 'true-positive', ...because }),
      await ask(who, 'POST /api/v1/containments', { container: pay.id, ...because }),
      await ask(who, 'POST /api/v1/containments', { container: shop.id, incident: theirs, ...because }),
      await ask(who, 'POST /api/v1/containments', { incident: theirs, ...because }),
      await ask(who, `POST /api/v1/incidents/${theirs}/approve`, because),
      await ask(who, `POST /api/v1/containments/${order}/undo`, because),
    ];
    return answers.map(({ status }) => status);
  };
  expect(await tried('shop')).toEqual(Array(8).fill(404));
  expect(await namespaces('shop', 'containments', 'containments')).toEqual([]);
  expect(await namespaces('pay', 'containments', 'containments')).toEqual(['pay']);
  expect((await ask('shop', `GET /api/v1/containers/${pay.id}/activity`)).value['detections']).toEqual([]);
  expect((await ask('pay', `POST /api/v1/containments/${order}/undo`, because)).status).toBe(201);
});

it('an incident over several namespaces is for those who may see them all', async () => {
  const node = central.node(await central.enrol('node-3'));
  const twice = [container('a-1', 'shop'), container('b-1', 'pay')];
  await node.send(attack(twice, { node: 'node-3' }));
  node.close();
  const count = async (who: Who) => (await rows(who, 'incidents', 'incidents')).length;
  const all = await rows('all', 'incidents', 'incidents');
  const over = all.filter(
    (one) => new Set((one['involved'] as { namespace: string }[]).map(({ namespace }) => namespace)).size > 1,
  );
  expect(over.length).toBeGreaterThan(0);
  expect([await count('shop'), await count('pay')].every((seen) => seen <= all.length - over.length)).toBe(
    true,
  );
});

it('an alert is where its container is, not where who acted is', async () => {
  const store = new DatabaseSync(central.ready.database);
  const made = store.prepare('SELECT * FROM alerts').get() as Record<string, string>;
  const add = (change: Record<string, string | number>): void => {
    const row = { ...made, ...change };
    const names = Object.keys(row);
    store
      .prepare(`INSERT INTO alerts (${names}) VALUES (${names.map(() => '?')})`)
      .run(...Object.values(row));
  };
  // Somebody of the shop reads a secret of pay; and an owner is called as another namespace is.
  const asked = { id: 'al-api', container: '', workload: 'local/shop/ServiceAccount/web' };
  add({ ...asked, title: 'web read pay/db-password' });
  add({ id: 'al-named', container: 'c9', workload: 'local/other/Deployment/shop/pay' });
  add({ id: 'al-foreign', container: 'c8', cluster: 'elsewhere', workload: 'local/shop/Job/a/a' });
  store.close();
  const ids = async (who: Who) => (await rows(who, 'alerts', 'alerts')).map(({ id }) => String(id));
  const others = ['al-api', 'al-named', 'al-foreign'];
  for (const who of ['shop', 'pay'] as const) {
    expect((await ids(who)).filter((id) => others.includes(id))).toEqual([]);
    const { status } = await ask(who, 'POST /api/v1/feedback', {
      ...{ alert: 'al-api', verdict: 'false-positive', reason: 'test' },
    });
    expect(status).toBe(404);
  }
  expect((await ids('all')).filter((id) => others.includes(id)).toSorted()).toEqual(others.toSorted());
});

it('what is in the namespaces of who asks is found, however much is elsewhere', async () => {
  const store = new DatabaseSync(central.ready.database);
  const pays = `SELECT * FROM alerts WHERE container = '${pay.id}'`;
  store.exec(`CREATE TEMP TABLE more AS ${pays}`);
  store.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
    INSERT INTO alerts SELECT 'al-' || i, ${Object.keys(store.prepare(pays).get() ?? {})
      .slice(1)
      .map((name) => (name === 'last_wall_ms' ? `${name} + i` : name))} FROM more, n`);
  store.close();
  expect(await namespaces('shop', 'alerts', 'alerts')).toEqual(['shop']);
  expect((await rows('pay', 'alerts?limit=1000', 'alerts')).length).toBe(1000);
});

it('of a container elsewhere nothing is told, nor what is of no container', async () => {
  const store = new DatabaseSync(central.ready.database);
  store.exec(`UPDATE detections SET container = '' WHERE container = '${pay.id}'`);
  store.close();
  for (const id of [pay.id, 'unknown']) {
    const { value } = await ask('shop', `GET /api/v1/containers/${id}/activity`);
    expect([value['container'], value['windows'], value['detections']]).toEqual([id, 0, []]);
  }
});

it('an id that containers of several namespaces have is of neither', async () => {
  const detections = async (): Promise<number> => {
    const { value } = await ask('pay', `GET /api/v1/containers/${pay.id}/activity`);
    return (value['detections'] as object[]).length;
  };
  expect(await detections()).toBe(1);
  const node = central.node(await central.enrol('node-3'));
  await node.send(attack([{ ...container('db-1', 'shop'), id: pay.id }], { node: 'node-3' }));
  node.close();
  expect(await detections()).toBe(0);
});

it('the status of somebody of a scope says nothing of the whole', async () => {
  const { value } = await ask('shop', 'GET /api/v1/status');
  expect(Object.keys(value).sort()).toEqual(['cluster', 'database', 'nowMs', 'streams']);
});

it('an incident is not seen that has more than containers and pods of the scope, or may have', async () => {
  const { value } = await ask('all', `GET /api/v1/incidents/${await incidentOf('shop')}`);
  const incident = value as unknown as Incident;
  const sees = (change: Partial<Incident>): boolean =>
    seesIncident(parseScope('local/shop'), { ...incident, ...change });
  const [member, involved] = [incident.members.slice(0, 1), incident.involved.slice(0, 1)];
  const many = <T>(list: readonly T[], count: number): T[] =>
    Array.from({ length: count }, () => list).flat();
  expect([
    sees({}),
    sees({ pods: ['shop/web-1'] }),
    sees({ pods: ['shop/web-1', 'pay/db-1'] }),
    sees({ pods: many(['shop/web-1'], 64) }),
    sees({ members: [...member, ...member.map((one) => ({ ...one, container: '' }))] }),
    sees({ members: many(member, 500) }),
    sees({ involved: many(involved, 500) }),
  ]).toEqual([true, true, false, false, false, false, false]);
});

it('a list has no incident that may not be looked at', async () => {
  const id = await incidentOf('shop');
  expect(await namespaces('shop', 'incidents', 'incidents')).toEqual(['shop']);
  const store = new DatabaseSync(central.ready.database);
  const pods = `json_set(document, '$.pods', json('["pay/db-1"]'))`;
  store.exec(`UPDATE incidents SET document = ${pods} WHERE id = '${id}'`);
  store.close();
  expect(await namespaces('shop', 'incidents', 'incidents')).toEqual([]);
  expect((await ask('shop', `GET /api/v1/incidents/${id}`)).status).toBe(404);
});

it('a node is not for somebody of a namespace to cordon', async () => {
  const { status, value } = await ask('shop', 'POST /api/v1/containments', {
    container: shop.id,
    reason: 'test',
    networkDeny: false,
    killOnExec: false,
    cluster: ['cordon'],
  });
  expect([status, (value['error'] as { message: string }).message]).toEqual([
    403,
    'cordon reaches beyond the namespaces that shop is for',
  ]);
});

it('picket token gives a scope, lists it, and says what is none', async () => {
  const picket = (...argv: string[]) => runPicket(['token', ...argv, '--state-folder', folder.path]);
  const made = await picket('create', 'anna', '--role', 'viewer', '--scope', 'local/shop,test/*');
  expect(made.out).toMatch(/^anna\/viewer@local\/shop,test\/\*:\S{16,}\n$/);
  const token = made.out.trim().split(':')[1];
  const { value } = await central.call('GET', '/api/v1/containers', undefined, token);
  expect((value['containers'] as { namespace: string }[]).map(({ namespace }) => namespace)).toEqual([
    'shop',
  ]);
  expect((await picket('list')).out).toMatch(/anna +viewer +local\/shop,test\/\*\n/);
  expect((await picket('create', 'ben', '--scope', 'shop')).error).toContain('is not CLUSTER/NAMESPACE');
});

it('reads scopes', () => {
  const scope = parseScope('prod/shop,test/*');
  expect(scopeText(scope)).toBe('prod/shop,test/*');
  const at = (cluster: string, namespace: string): boolean => covers(scope, { cluster, namespace });
  expect([at('prod', 'shop'), at('prod', 'shop2'), at('test', 'any'), at('prod', '-')]).toEqual([
    ...[true, false, true, false],
  ]);
  for (const wrong of ['', 'shop', 'a/b/c', 'a/b,', 'a/B', 'a/b:c', 'a/b?', 'a?/b'])
    expect(parseScope(wrong)).toBeNull();
  expect(() => parsePeopleTokens('f', 'a/viewer@local/team-?:0123456789abcdef')).toThrow('f: line 1 is not');
});
