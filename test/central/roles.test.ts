/** Who may do what: every route, for every role; and tokens that come and go while central runs. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ROLES, ROUTE_RULES, type Role, refusal } from '../../central/console/roles.ts';
import { parsePeopleTokens, TOKEN_ROLES } from '../../central/pki/keys.ts';
import { runPicket } from '../cli/run-picket.ts';
import { startCentral, type TestCentral, temporaryFolder } from './harness.ts';

let folder: ReturnType<typeof temporaryFolder>;
let central: TestCentral;
beforeEach(async () => {
  folder = temporaryFolder();
  central = await startCentral({ folder: folder.path });
});
afterEach(async () => {
  await central.stop();
  folder.remove();
});

const token = (name: string): string => `${name}-0123456789abcdef`;
const give = (name: string, role: string): void =>
  appendFileSync(central.ready.files.apiToken, `${name}/${role}:${token(name)}\n`);
const status = async (who: string, method: string, path: string) =>
  (await central.call(method, path, method === 'POST' ? {} : undefined, token(who))).status;

it('the roles of tokens are those of the routes', () => {
  expect(TOKEN_ROLES).toEqual(ROLES);
  const may = (route: string) =>
    ROLES.filter((role) => refusal({ actor: 'a', role, scope: null }, route) === null);
  const routes = [
    'GET /api/v1/incidents',
    'POST /api/v1/containments',
    'POST /api/v1/exceptions',
    'POST /other',
  ];
  expect(routes.map(may)).toEqual([
    ['viewer', 'responder', 'admin'],
    ['responder', 'admin'],
    ['admin'],
    ['admin'],
  ]);
});

it('a viewer reads, a responder acts on incidents, an admin changes what is in force', async () => {
  for (const role of ROLES) give(role, role);
  const asked = async (method: string, path: string) => {
    const all = [];
    for (const role of ROLES) all.push(await status(role, method, path));
    return all;
  };
  expect(await asked('GET', '/api/v1/incidents')).toEqual([200, 200, 200]);
  // Let through, the request itself is refused for what it lacks.
  expect(await asked('POST', '/api/v1/containments')).toEqual([403, 400, 400]);
  expect(await asked('POST', '/api/v1/feedback')).toEqual([403, 400, 400]);
  expect(await asked('POST', '/api/v1/exceptions')).toEqual([403, 403, 404]);
  expect(await asked('POST', '/api/v1/notifiers/x/test')).toEqual([403, 403, 404]);
  const { value } = await central.call('POST', '/api/v1/exceptions', {}, token('responder'));
  expect(value['error']).toEqual({
    code: 'PICKET_FORBIDDEN',
    message: 'POST /api/v1/exceptions: needs the role admin, responder is responder',
  });
});

/** Written out: whoever adds a route, or gives one to others, says so here too. */
const FOR: Readonly<Record<Role, readonly string[]>> = {
  viewer: [
    ...['status', 'nodes', 'containers', 'containers/x/activity', 'workloads', 'incidents', 'incidents/x'],
    ...['sessions', 'alerts', 'containments', 'cluster-orders', 'audit', 'steps', 'policies', 'notifiers'],
    ...['dead-letters', 'feedback', 'exceptions', 'reranking'],
  ].map((path) => `GET /api/v1/${path}`),
  responder: ['containments', 'containments/x/undo', 'incidents/x/approve', 'feedback', 'falco'].map(
    (path) => `POST /api/v1/${path}`,
  ),
  admin: ['notifiers/x/test', 'reranking', 'exceptions', 'exceptions/x/revoke'].map(
    (path) => `POST /api/v1/${path}`,
  ),
};

it('each route is for its role and those above it, and for nobody without a token', async () => {
  for (const role of ROLES) give(role, role);
  const routes = ROLES.flatMap((least) => FOR[least].map((route) => ({ least, route })));
  const named = routes.map(({ route }) => route.replace('/x', '/:id'));
  expect(named.sort()).toEqual(Object.keys(ROUTE_RULES).sort());
  for (const { least, route } of routes) {
    const [method = '', path = ''] = route.split(' ');
    const codes = await Promise.all(ROLES.map((who) => status(who, method, path)));
    const refused = codes.map((code) => code === 403);
    const unknown = await status('nobody', method, path);
    const expected = ROLES.map((_, rank) => rank < ROLES.indexOf(least));
    expect([route, ...refused, unknown]).toEqual([route, ...expected, 401]);
  }
});

it('picket token gives and takes back, at once and without a restart', async () => {
  const picket = (...argv: string[]) => runPicket(['token', ...argv, '--state-folder', folder.path]);
  const made = await picket('create', 'anna', '--role', 'responder');
  const given = /^anna\/responder:(\S{16,})\n$/.exec(made.out)?.[1] ?? '';
  const reads = async () => (await central.call('GET', '/api/v1/status', undefined, given)).status;
  expect(await reads()).toBe(200);
  expect((await picket('list')).out).toMatch(/admin +admin +all\nanna +responder +all\n/);
  expect((await picket('create', 'anna')).error).toContain('anna has one');
  expect((await picket('create', 'ben', '--role', 'king')).error).toContain(
    '--role king is not one of viewer',
  );
  expect((await picket('revoke', 'anna')).out).toBe('the token of anna is revoked\n');
  expect(await reads()).toBe(401);
  expect((await central.call('GET', '/api/v1/status')).status).toBe(200);
});

it('a file that cannot be read as a whole changes nothing', async () => {
  give('anna', 'viewer');
  expect(await status('anna', 'GET', '/api/v1/status')).toBe(200);
  const path = central.ready.files.apiToken;
  const good = readFileSync(path, 'utf8');
  writeFileSync(path, `${good}nonsense\n`);
  expect(await status('anna', 'GET', '/api/v1/status')).toBe(200);
  expect(() => parsePeopleTokens('f', 'anna/king:0123456789abcdef')).toThrow('f: line 1 is not name:token');
});
