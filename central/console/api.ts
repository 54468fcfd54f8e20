/** The People API: TLS, a token per person, and the token's name on what that person does. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { type Listener, listenerOf } from '../../kit/https-listener.ts';
import type { Log } from '../../kit/log.ts';
import type { Scope } from '../respond/scope.ts';
import { type Answer, ApiError, type Call, type Handler, STATUS } from './calls.ts';
import { type Role, refusal } from './roles.ts';
import { createRoutes, type RouteParts } from './routes.ts';
import type { SlackActions } from './slack.ts';
import { within } from './within.ts';

const BODY_BYTES = 64 * 1024;

export interface Person {
  readonly actor: string;
  readonly role: Role;
  readonly scope: Scope;
}
export interface ApiParts {
  readonly tls: { readonly key: string; readonly certificate: string };
  /** Whose token it is, or null. */
  readonly personOf: (token: string) => Person | null;
  readonly routes: RouteParts;
  readonly slack: SlackActions;
  readonly count: (route: string, code: string) => void;
  readonly log: Log;
}
export type ApiServer = Listener;

async function readText(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > BODY_BYTES) throw new ApiError('PICKET_TOO_LARGE', `body: more than ${BODY_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

async function readJson(request: IncomingMessage): Promise<Call['body']> {
  if (request.method !== 'POST') return {};
  const text = await readText(request);
  try {
    const value: unknown = text === '' ? {} : JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Call['body'];
  } catch {
    throw new ApiError('PICKET_BAD_REQUEST', 'body: not JSON');
  }
  throw new ApiError('PICKET_BAD_REQUEST', 'body: not an object');
}

/** The route of a path, with ids taken out; each route has at most one. */
function routeOf(method: string, path: string): { name: string; id: string } {
  const match = /^(\/api\/v1\/[a-z-]+)\/([A-Za-z0-9-]{1,80})(\/[a-z]+)?$/.exec(path);
  if (match === null) return { name: `${method} ${path}`, id: '' };
  return { name: `${method} ${match[1]}/:id${match[3] ?? ''}`, id: match[2] ?? '' };
}

/** Falco's HTTP output knows no headers, but an address with a name and a password: the password is the token then. */
function bearer(authorization: string): string {
  const basic = /^Basic ([A-Za-z0-9+/=]{1,1000})$/.exec(authorization)?.[1];
  if (basic === undefined) return authorization;
  const text = Buffer.from(basic, 'base64').toString('utf8');
  return `Bearer ${text.slice(text.indexOf(':') + 1)}`;
}

/** @throws ApiError for who is not known, and for what the role does not allow. */
function speaker(parts: ApiParts, request: IncomingMessage, route: string): Person {
  const match = /^Bearer (\S+)$/.exec(bearer(request.headers.authorization ?? ''));
  const person = match === null ? null : parts.personOf(match[1] ?? '');
  if (person === null) throw new ApiError('PICKET_TOKEN', 'authorization: no token that is known here');
  const why = refusal(person, route);
  if (why !== null) throw new ApiError('PICKET_FORBIDDEN', why);
  return person;
}

function send(response: ServerResponse, { status, value }: Answer): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(status === 413 ? { connection: 'close' } : {}),
  });
  response.end(JSON.stringify(value));
}

/** Not for people with a token: the signature over the body says who it is. */
async function slackAction(
  parts: ApiParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const header = (name: string): string => String(request.headers[name] ?? '');
  const headers = { signature: header('x-slack-signature'), timestamp: header('x-slack-request-timestamp') };
  let status = 413;
  try {
    status = parts.slack.take(headers, await readText(request));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
  parts.count('POST /slack/interactions', String(status));
  response.writeHead(status, status === 413 ? { connection: 'close' } : {}).end();
}

export function createApiServer(parts: ApiParts): ApiServer {
  const everywhere: Readonly<Record<string, Handler>> = createRoutes(parts.routes);
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'https://central');
    if (request.method === 'POST' && url.pathname === '/slack/interactions')
      return slackAction(parts, request, response);
    const { name, id } = routeOf(request.method ?? '', url.pathname);
    const known = Object.hasOwn(everywhere, name);
    const counted = known ? name : 'other';
    try {
      const { actor, scope } = speaker(parts, request, name);
      const routes: typeof everywhere =
        scope === null ? everywhere : createRoutes(within(parts.routes, scope));
      const route = routes[name];
      if (!known || route === undefined) throw new ApiError('PICKET_NOT_FOUND', `${name}: no such route`);
      send(response, await route({ actor, id, query: url.searchParams, body: await readJson(request) }));
      parts.count(counted, 'ok');
    } catch (error) {
      if (!(error instanceof ApiError)) parts.log.error({ err: error, route: counted }, 'request failed');
      const told = error instanceof ApiError ? error : new ApiError('PICKET_INTERNAL', 'central failed');
      parts.count(counted, told.code);
      send(response, {
        status: STATUS[told.code],
        value: { error: { code: told.code, message: told.message } },
      });
    }
  };
  const options = (tls: { readonly key: string; readonly certificate: string }) => ({
    ...{ key: tls.key, cert: tls.certificate },
    minVersion: 'TLSv1.2' as const,
  });
  const server = createServer({ ...options(parts.tls), requestTimeout: 30_000 }, (request, response) => {
    handle(request, response).catch((error: unknown) => {
      parts.log.error({ err: error }, 'answer failed');
      response.destroy();
    });
  });
  server.on('tlsClientError', () => parts.count('other', 'tls'));
  return listenerOf(server, options);
}
