/**
 * An API server that checks what it is asked: TLS, tokens, paths, query parameters, content types, preconditions. Tests
 * choose what fails: refused tokens, 410, 429, 500, streams cut in the middle, lines that are no events.
 */
import '../../kit/reflect-metadata.ts';
import { KeyObject, webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { type Authority, createAuthority } from '../../central/pki/authority.ts';
import { systemClock } from '../../kit/clock.ts';
import { type Change, type Json, jsonPatch, KubeStore, mergePatch, type Stored } from './kube-store.ts';

export interface Fault {
  readonly status: number;
  readonly reason: string;
  readonly retryAfter?: number;
}
export interface Asked {
  readonly verb: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly token: string | null;
  readonly body: unknown;
}
interface Target {
  readonly collection: string;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly subresource: string | null;
  readonly plural: string;
}
interface Watcher {
  readonly response: ServerResponse;
  readonly matches: (change: Change) => boolean;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const KNOWN_QUERY = new Set(
  'watch allowWatchBookmarks resourceVersion resourceVersionMatch timeoutSeconds labelSelector fieldSelector limit continue dryRun fieldManager force'.split(
    ' ',
  ),
);
const CONTENT: Readonly<Record<string, readonly string[]>> = {
  POST: ['application/json'],
  PUT: ['application/json'],
  DELETE: ['application/json'],
  PATCH: [
    'application/merge-patch+json',
    'application/strategic-merge-patch+json',
    'application/json-patch+json',
    'application/apply-patch+yaml',
  ],
};

class Refusal extends Error {
  readonly fault: Fault;
  constructor(status: number, reason: string, message: string, retryAfter?: number) {
    super(message);
    this.fault = { status, reason, ...(retryAfter === undefined ? {} : { retryAfter }) };
  }
}

/** `/apis/apps/v1/namespaces/shop/deployments/web/scale` in its parts. */
function targetOf(path: string): Target {
  const match =
    /^(\/api\/v1|\/apis\/[a-z0-9.-]+\/v[a-z0-9]+)(?:\/namespaces\/([^/]+))?\/([a-z]+)(?:\/([^/]+))?(?:\/([a-z]+))?$/.exec(
      path,
    );
  // A namespace itself looks like a scope: /api/v1/namespaces/NAME.
  const single = /^\/api\/v1\/namespaces(?:\/([^/]+))?$/.exec(path);
  if (single !== null)
    return {
      collection: '/api/v1/namespaces',
      namespace: null,
      name: single[1] ?? null,
      subresource: null,
      plural: 'namespaces',
    };
  if (match === null) throw new Refusal(404, 'NotFound', `the server could not find ${path}`);
  const [, root = '', namespace, plural = '', name, subresource] = match;
  return {
    collection: `${root}/${plural}`,
    namespace: namespace === undefined ? null : decodeURIComponent(namespace),
    name: name === undefined ? null : decodeURIComponent(name),
    subresource: subresource ?? null,
    plural,
  };
}

const keyOf = (collection: string, namespace: string | null | undefined, name: string): string =>
  `${collection}|${namespace ?? ''}|${name}`;

const fieldOf = (object: unknown, path: string): string =>
  String(path.split('.').reduce<unknown>((at, key) => (at as Json | undefined)?.[key], object) ?? '');

function selected(query: URLSearchParams, object: Stored): boolean {
  const parts = (name: string): string[] => (query.get(name) ?? '').split(',').filter((part) => part !== '');
  const labels = (object.metadata['labels'] ?? {}) as Json;
  return (
    parts('labelSelector').every((part) => {
      const [name = '', value] = part.split('=');
      return value === undefined ? name in labels : labels[name] === value;
    }) &&
    parts('fieldSelector').every((part) => {
      const [name = '', value = ''] = part.split(/!?==?/);
      return (fieldOf(object, name) === value) !== part.includes('!=');
    })
  );
}

export class FakeKubeApi {
  readonly store = new KubeStore();
  readonly asked: Asked[] = [];
  /** What no client should have sent. */
  readonly violations: string[] = [];
  /** Accepted tokens by text, and whose they are; null: any request is let in. */
  tokens: Map<string, string> | null = null;
  /** What this request is answered instead. */
  fault: (asked: Asked) => Fault | null = () => null;
  /** TokenReview's answer to a token; null: not authenticated. */
  review: (token: string, audiences: readonly string[]) => Json | null = () => null;
  knowsAudiences = true;
  /** Pods whose disruption budget does not allow an eviction. */
  readonly protectedPods = new Set<string>();
  readonly folder = mkdtempSync(join(tmpdir(), 'picket-kube-'));
  readonly #watchers = new Set<Watcher>();
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #authority: Authority | null = null;
  #port = 0;

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }
  get caFile(): string {
    return join(this.folder, 'kube-ca.crt');
  }
  get watching(): number {
    return this.#watchers.size;
  }
  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens; again on the same port after `down`, with a new authority if asked. */
  async up(options: { newAuthority?: boolean } = {}): Promise<this> {
    if (this.#authority === null || options.newAuthority === true) {
      const folder = mkdtempSync(join(this.folder, 'pki-'));
      this.#authority = await createAuthority({ folder, clock: systemClock() });
      writeFileSync(this.caFile, this.#authority.certificate);
    }
    const { key, certificate } = await this.#authority.server(['127.0.0.1', 'localhost']);
    const server = createServer(
      {
        key,
        cert: certificate,
        ca: this.#authority.certificate,
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => void this.#handle(request, response),
    );
    server.on('secureConnection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** Stops listening and breaks every connection. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    const closed = new Promise<void>((resolve) =>
      server === null ? resolve() : server.close(() => resolve()),
    );
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async stop(): Promise<void> {
    await this.down();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A client certificate's files. */
  async client(node: string): Promise<{ certificateFile: string; keyFile: string }> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const name = [{ CN: [node] }];
    const request = await Pkcs10CertificateRequestGenerator.create({
      name,
      keys,
      signingAlgorithm: ALGORITHM,
    });
    const signed = await this.#authority?.signNode(request.toString('pem'), { cluster: 'test', node });
    const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' });
    const files = {
      certificateFile: join(this.folder, 'client.crt'),
      keyFile: join(this.folder, 'client.key'),
    };
    writeFileSync(files.certificateFile, signed?.certificate ?? '');
    writeFileSync(files.keyFile, key);
    return files;
  }

  /** As another client would have it: `collection` such as `/api/v1/pods`. */
  put(collection: string, object: Json): Stored {
    const { name, namespace } = object['metadata'] as { name: string; namespace?: string };
    return this.store.put(collection, keyOf(collection, namespace, name), object);
  }
  remove(collection: string, namespace: string | null, name: string): void {
    this.store.remove(collection, keyOf(collection, namespace, name));
  }
  object(collection: string, namespace: string | null, name: string): Stored | null {
    return this.store.objects.get(keyOf(collection, namespace, name)) ?? null;
  }
  all(collection: string): Stored[] {
    return [...this.store.objects]
      .filter(([key]) => key.startsWith(`${collection}|`))
      .map(([, object]) => object);
  }

  /** Sends these bytes to all that watch. */
  say(bytes: string): void {
    for (const { response } of this.#watchers) if (!response.writableEnded) response.write(bytes);
  }
  bookmark(): void {
    const metadata = { resourceVersion: String(this.store.version) };
    this.say(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`);
  }
  /** Ends every watch: as the server does after its time, or in the middle of a line. */
  endWatches(how: 'end' | 'cut'): void {
    for (const { response } of this.#watchers) {
      if (how === 'end') response.end();
      else {
        response.write('{"type":"ADD');
        response.destroy();
      }
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const asked = await this.#read(request);
      this.asked.push(asked);
      const fault = this.fault(asked);
      if (fault !== null)
        throw new Refusal(fault.status, fault.reason, 'as the test wants', fault.retryAfter);
      this.#authenticate(asked, request);
      const answer = this.#answer(asked, request, response);
      if (answer !== null) {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer));
      }
    } catch (error) {
      if (!(error instanceof Refusal)) this.violations.push(String(error));
      const fault = error instanceof Refusal ? error.fault : { status: 500, reason: 'InternalError' };
      const { status, reason, retryAfter } = fault;
      if (response.headersSent) return;
      response.writeHead(status, {
        'content-type': 'application/json',
        ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
      });
      const message = (error as Error).message;
      response.end(
        JSON.stringify({
          kind: 'Status',
          apiVersion: 'v1',
          status: 'Failure',
          message,
          reason,
          code: status,
        }),
      );
    }
  }

  async #read(request: IncomingMessage): Promise<Asked> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString('utf8');
    const url = new URL(request.url ?? '/', 'https://server');
    const { method = 'GET', headers } = request;
    const target = targetOf(url.pathname);
    for (const name of url.searchParams.keys())
      if (!KNOWN_QUERY.has(name)) this.violations.push(`${request.url}: unknown parameter ${name}`);
    const type = headers['content-type'];
    if (text !== '' && !(CONTENT[method] ?? []).includes(type ?? ''))
      throw new Refusal(415, 'UnsupportedMediaType', `${method} with ${type}`);
    const watches = url.searchParams.get('watch') === 'true';
    const verb =
      method === 'GET'
        ? watches
          ? 'watch'
          : target.name === null
            ? 'list'
            : 'get'
        : ({ POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }[method] ?? method);
    const token = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? null;
    return {
      verb,
      path: url.pathname,
      query: url.searchParams,
      token,
      body: text === '' ? null : JSON.parse(text),
    };
  }

  #authenticate({ token }: Asked, request: IncomingMessage): void {
    const byCertificate = (request.socket as unknown as { authorized?: boolean }).authorized === true;
    if (this.tokens === null || byCertificate) return;
    if (token === null || !this.tokens.has(token)) throw new Refusal(401, 'Unauthorized', 'Unauthorized');
  }

  #answer(asked: Asked, request: IncomingMessage, response: ServerResponse): unknown {
    const target = targetOf(asked.path);
    if (asked.verb === 'watch') return this.#watch(asked, target, response);
    if (asked.verb === 'list') return this.#list(asked, target);
    if (target.plural === 'tokenreviews') return this.#reviewed(asked.body as Json);
    if (asked.verb === 'create' && target.subresource === 'eviction') return this.#evict(target);
    if (asked.verb === 'create' && target.name === null) return this.#create(asked, target);
    const found = this.object(target.collection, target.namespace, target.name ?? '');
    const applies = request.headers['content-type'] === 'application/apply-patch+yaml';
    if (found === null && !(asked.verb === 'patch' && applies))
      throw new Refusal(404, 'NotFound', `${target.plural} "${target.name}" not found`);
    if (asked.verb === 'get') return found;
    if (asked.verb === 'delete') return this.#delete(asked, target, found as Stored);
    return this.#write(asked, target, found, request.headers['content-type'] ?? '');
  }

  #list({ query }: Asked, target: Target): Json {
    const all = this.all(target.collection).filter(
      (object) =>
        (target.namespace === null || object.metadata.namespace === target.namespace) &&
        selected(query, object),
    );
    const limit = Number(query.get('limit') ?? 0);
    const at = query.get('continue');
    const [version, from] = (at ?? `${this.store.version}:0`).split(':').map(Number);
    if (at !== null && (version ?? 0) < this.store.compactedTo)
      throw new Refusal(410, 'Expired', 'The provided continue parameter is too old');
    const floor = Number(query.get('resourceVersion') ?? 0);
    if (floor > this.store.version) throw new Refusal(504, 'Timeout', 'Too large resource version');
    const end = limit === 0 ? all.length : (from ?? 0) + limit;
    return {
      kind: 'List',
      apiVersion: 'v1',
      metadata: {
        resourceVersion: String(version),
        ...(end < all.length ? { continue: `${version}:${end}` } : {}),
      },
      items: all.slice(from, end),
    };
  }

  #watch({ query }: Asked, target: Target, response: ServerResponse): null {
    const version = Number(query.get('resourceVersion') ?? Number.NaN);
    if (!(version > 0)) this.violations.push('a watch without resourceVersion begins anywhere');
    if (query.get('timeoutSeconds') === null) this.violations.push('a watch without an end');
    if (version < this.store.compactedTo) throw new Refusal(410, 'Expired', 'too old resource version');
    const matches = (change: Change): boolean =>
      change.collection === target.collection &&
      (target.namespace === null || change.object.metadata.namespace === target.namespace) &&
      selected(query, change.object);
    response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
    response.flushHeaders();
    const tell = (change: Change): void => {
      if (matches(change) && !response.writableEnded)
        response.write(`${JSON.stringify({ type: change.type, object: change.object })}\n`);
    };
    for (const change of this.store.history) if (change.version > version) tell(change);
    const watcher = { response, matches };
    this.#watchers.add(watcher);
    this.store.listeners.add(tell);
    response.on('close', () => {
      this.#watchers.delete(watcher);
      this.store.listeners.delete(tell);
    });
    return null;
  }

  #create({ body, query }: Asked, target: Target): Json {
    const object = body as Json & { metadata?: { name?: string; generateName?: string } };
    const { generateName } = object.metadata ?? {};
    const name = object.metadata?.name ?? `${generateName}${this.store.version}`;
    if (object['kind'] === undefined || object['apiVersion'] === undefined)
      throw new Refusal(400, 'BadRequest', 'Object "Kind" or "apiVersion" is missing');
    if (this.object(target.collection, target.namespace, name) !== null)
      throw new Refusal(409, 'AlreadyExists', `${target.plural} "${name}" already exists`);
    const whole = {
      ...object,
      metadata: {
        ...object.metadata,
        name,
        ...(target.namespace === null ? {} : { namespace: target.namespace }),
      },
    };
    return query.get('dryRun') === 'All' ? whole : this.put(target.collection, whole);
  }

  #delete({ body, query }: Asked, target: Target, found: Stored): Json {
    const options = (body ?? {}) as { preconditions?: { uid?: string }; dryRun?: string[] };
    const { uid } = options.preconditions ?? {};
    if (uid !== undefined && uid !== found.metadata.uid)
      throw new Refusal(409, 'Conflict', 'the UID in the precondition does not match');
    if (options.dryRun === undefined && query.get('dryRun') === null)
      this.remove(target.collection, target.namespace, target.name ?? '');
    return { kind: 'Status', status: 'Success' };
  }

  #evict(target: Target): Json {
    if (this.protectedPods.has(`${target.namespace}/${target.name}`))
      throw new Refusal(
        429,
        'TooManyRequests',
        "Cannot evict pod as it would violate the pod's disruption budget.",
      );
    if (this.object(target.collection, target.namespace, target.name ?? '') === null)
      throw new Refusal(404, 'NotFound', `pods "${target.name}" not found`);
    this.remove(target.collection, target.namespace, target.name ?? '');
    return { kind: 'Status', status: 'Success' };
  }

  #write({ body, query, verb }: Asked, target: Target, found: Stored | null, type: string): Json {
    const next = this.#next(body, found, verb, type, target);
    const version = (next['metadata'] as Json)['resourceVersion'];
    if (found !== null && version !== undefined && version !== found.metadata.resourceVersion)
      throw new Refusal(
        409,
        'Conflict',
        'the object has been modified; please apply your changes to the latest version',
      );
    // A status is written by its own path and by nothing else, as for every kind with a status subresource.
    const whole =
      target.subresource === 'status'
        ? { ...found, status: next['status'] }
        : found !== null && found['status'] !== undefined && target.collection.includes('/apis/picket.dev/')
          ? { ...next, status: found['status'] }
          : next;
    if (type === 'application/apply-patch+yaml' && query.get('fieldManager') === null)
      throw new Refusal(400, 'BadRequest', 'fieldManager is required for apply patch');
    return query.get('dryRun') === 'All' ? whole : this.put(target.collection, whole);
  }

  #next(body: unknown, found: Stored | null, verb: string, type: string, target: Target): Json {
    if (verb === 'update') return body as Json;
    if (type === 'application/json-patch+json') {
      const patched = jsonPatch(found, body as Json[]);
      if (patched === null) throw new Refusal(422, 'Invalid', 'a test of the patch failed');
      return patched;
    }
    const metadata = {
      name: target.name,
      ...(target.namespace === null ? {} : { namespace: target.namespace }),
    };
    return mergePatch(found ?? { metadata }, body) as Json;
  }

  #reviewed(body: Json): Json {
    const { token = '', audiences = [] } = (body['spec'] ?? {}) as { token?: string; audiences?: string[] };
    const user = this.review(token, audiences);
    const status =
      user === null
        ? { authenticated: false, error: 'invalid bearer token' }
        : { authenticated: true, user, ...(this.knowsAudiences ? { audiences } : {}) };
    return { ...body, metadata: {}, status };
  }
}
