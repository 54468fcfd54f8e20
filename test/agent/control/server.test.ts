import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, expect, test } from 'vitest';
import {
  json,
  type Listening,
  listenLocal,
  listenPublic,
  type Routes,
} from '../../../agent/control/server.ts';

const folder = mkdtempSync(join(tmpdir(), 'picket-control-'));
const open: Listening[] = [];
const errors: unknown[] = [];
afterEach(async () => {
  for (const listening of open.splice(0)) await listening.close();
  errors.length = 0;
});
afterAll(() => rmSync(folder, { recursive: true }));

const ROUTES: Routes = {
  '/value': () => json({ big: 2n ** 60n }),
  '/busy': () => json({ ready: false }, 503),
  '/broken': async () => {
    throw new Error('a secret of the inside');
  },
};
const onError = (error: unknown): void => void errors.push(error);
const path = (name: string): string => join(folder, `${name}.sock`);

async function local(at: string, routes = ROUTES): Promise<Listening> {
  const listening = await listenLocal(at, routes, onError);
  open.push(listening);
  return listening;
}

interface Asked {
  readonly socketPath?: string;
  readonly port?: number;
  readonly path: string;
  readonly method?: string;
}
function ask(to: Asked): Promise<{ status: number; type: string | undefined; body: unknown }> {
  return new Promise((resolve, reject) => {
    // No connection is kept: the next server may have the same path.
    const sent = request({ ...to, agent: false }, (answer) => {
      const status = answer.statusCode ?? 0;
      const type = answer.headers['content-type'];
      text(answer).then((body) => resolve({ status, type, body: JSON.parse(body) }), reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('a route may read its query; what changes something is asked for with its method', async () => {
  const routes: Routes = {
    '/echo': (query) => json({ said: query.get('say') }),
    'POST /echo': (query) => json({ did: query.get('say') }),
  };
  const socketPath = path('echo');
  await local(socketPath, routes);
  expect((await ask({ socketPath, path: '/echo?say=a%2Fb' })).body).toEqual({ said: 'a/b' });
  expect((await ask({ socketPath, path: '/echo?say=x', method: 'POST' })).body).toEqual({ did: 'x' });
  expect((await ask({ socketPath, path: '/echo', method: 'PUT' })).status).toBe(404);
});

test('answers a route with its value and status; a query does not matter', async () => {
  const socketPath = path('value');
  expect((await local(socketPath)).port).toBe(0);
  expect(await ask({ socketPath, path: '/value?pretty=1' })).toEqual({
    status: 200,
    type: 'application/json',
    body: { big: '1152921504606846976' },
  });
  expect(await ask({ socketPath, path: '/busy' })).toMatchObject({ status: 503, body: { ready: false } });
});

test.each([
  ['an unknown path', { path: '/nothing' }],
  ['what every object has', { path: '/constructor' }],
  ['another method', { path: '/value', method: 'POST' }],
])('has no route for %s', async (_, asked) => {
  const socketPath = path('missing');
  await local(socketPath);
  expect(await ask({ socketPath, ...asked })).toMatchObject({
    status: 404,
    body: { error: { code: 'PICKET_NOT_FOUND', message: 'no such route' } },
  });
});

test('a route that fails is told to us, and not to the one who asked', async () => {
  const socketPath = path('broken');
  await local(socketPath);
  const { status, body } = await ask({ socketPath, path: '/broken' });
  expect([status, body]).toEqual([
    500,
    { error: { code: 'PICKET_INTERNAL', message: 'the agent failed to answer' } },
  ]);
  expect(errors).toEqual([new Error('a secret of the inside')]);
  expect((await ask({ socketPath, path: '/value' })).status).toBe(200);
});

test('the socket is for its owner only, and goes with the server', async () => {
  const at = path('owner');
  const listening = await local(at);
  expect(statSync(at).mode & 0o777).toBe(0o600);
  await listening.close();
  expect(existsSync(at)).toBe(false);
});

test('a socket that answers is left alone; one that a dead agent left is replaced', async () => {
  const at = path('taken');
  const first = await local(at);
  await expect(listenLocal(at, ROUTES, onError)).rejects.toMatchObject({ code: 'PICKET_IN_USE' });
  expect((await ask({ socketPath: at, path: '/value' })).status).toBe(200);
  await first.close();

  // A server whose process ends without closing leaves the file: here under another name, moved to ours.
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(path('dead'), resolve));
  renameSync(path('dead'), at);
  await new Promise((resolve) => dead.close(resolve));
  expect(existsSync(at)).toBe(true);
  await local(at);
  expect((await ask({ socketPath: at, path: '/value' })).status).toBe(200);
});

test('serves on a port of an IPv4 or a bracketed IPv6 address, and says when it is taken', async () => {
  const listening = await listenPublic('127.0.0.1:0', ROUTES, onError);
  open.push(listening);
  expect((await ask({ port: listening.port, path: '/value' })).status).toBe(200);
  await expect(listenPublic(`127.0.0.1:${listening.port}`, ROUTES, onError)).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
  await expect(listenPublic('[::1', ROUTES, onError)).rejects.toThrow();
});
