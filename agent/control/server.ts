/** Small HTTP servers of the agent: one on a unix socket for its owner, one for metrics and health. No request has a body. */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import type { Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { http } from '../../kit/http.ts';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}
/** By path, those that change something as `POST /path`; each is given what is behind the question mark. */
export type Routes = Readonly<Record<string, (query: URLSearchParams) => Answer | Promise<Answer>>>;

export interface Listening {
  /** 0 on a unix socket. */
  readonly port: number;
  close(): Promise<void>;
}

/** Another agent answers on the socket: it runs with the same state folder. */
export class InUseError extends Error {
  readonly code = 'PICKET_IN_USE';
  constructor(path: string) {
    super(`${path}: another agent runs with this state folder`);
    this.name = 'InUseError';
  }
}

/** A value as indented JSON; bigint as text. */
export function json(value: unknown, status = 200): Answer {
  const text = JSON.stringify(value, (_, found) => (typeof found === 'bigint' ? String(found) : found), 1);
  return { status, type: 'application/json', body: `${text}\n` };
}

function give(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function serve(routes: Routes, onError: (error: unknown) => void): Server {
  const server = http.createServer((request, response) => {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const name = request.method === 'GET' ? path : `${request.method} ${path}`;
    const route = Object.hasOwn(routes, name) && !path.includes(' ') ? routes[name] : undefined;
    if (route === undefined) {
      give(response, json({ error: { code: 'PICKET_NOT_FOUND', message: 'no such route' } }, 404));
      return;
    }
    Promise.resolve()
      .then(() => route(new URLSearchParams(query)))
      .then((answer) => give(response, answer))
      .catch((error: unknown) => {
        onError(error);
        give(
          response,
          json({ error: { code: 'PICKET_INTERNAL', message: 'the agent failed to answer' } }, 500),
        );
      });
  });
  server.maxConnections = 64;
  server.headersTimeout = 5000;
  server.requestTimeout = 5000;
  return server;
}

function opened(server: Server, listen: (done: () => void) => void): Promise<Listening> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    listen(() => {
      server.off('error', reject);
      const address = server.address();
      resolve({
        port: typeof address === 'object' ? (address?.port ?? 0) : 0,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Serves on a unix socket that only its owner may open, in a folder made for it; one that a dead agent left is replaced. @throws InUseError */
export async function listenLocal(
  path: string,
  routes: Routes,
  onError: (error: unknown) => void,
): Promise<Listening> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (await answers(path)) throw new InUseError(path);
  rmSync(path, { force: true });
  const server = serve(routes, onError);
  const listening = await opened(server, (done) => server.listen(path, done));
  // Its folder is 0700; this holds where someone opened that.
  chmodSync(path, 0o600);
  return listening;
}

/** Serves on `host:port`; IPv6 addresses in brackets. @throws when it is taken. */
export function listenPublic(
  address: string,
  routes: Routes,
  onError: (error: unknown) => void,
): Promise<Listening> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  const server = serve(routes, onError);
  return opened(server, (done) => server.listen(Number(address.slice(colon + 1)), host, done));
}
