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
import type { Json, KubeStore, Stored } from './kube-store.ts';
import { type Fault, Refusal, type Target, targetOf } from './kube-target.ts';
import { KubeVerbs } from './kube-verbs.ts';
import { KubeWatchers } from './kube-watchers.ts';

export type { Fault } from './kube-target.ts';

export interface Asked {
  readonly verb: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly token: string | null;
  readonly body: unknown;
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

export class FakeKubeApi {
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
  readonly folder = mkdtempSync(join(tmpdir(), 'picket-kube-'));
  readonly #verbs = new KubeVerbs();
  readonly #watchers = new KubeWatchers(this.#verbs.store, (what) => void this.violations.push(what));
  readonly #sockets = new Set<Socket>();
  /** Also those that are still agreeing on keys: one of them would keep the server from closing for ever. */
  readonly #connected = new Set<Socket>();
  #server: Server | null = null;
  #authority: Authority | null = null;
  #port = 0;

  get store(): KubeStore {
    return this.#verbs.store;
  }
  get protectedPods(): Set<string> {
    return this.#verbs.protectedPods;
  }
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
    server.on('connection', (socket: Socket) => {
      this.#connected.add(socket);
      socket.once('close', () => this.#connected.delete(socket));
    });
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
    for (const socket of [...this.#sockets, ...this.#connected]) socket.destroy();
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
    return this.#verbs.put(collection, object);
  }
  remove(collection: string, namespace: string | null, name: string): void {
    this.#verbs.remove(collection, namespace, name);
  }
  object(collection: string, namespace: string | null, name: string): Stored | null {
    return this.#verbs.object(collection, namespace, name);
  }
  all(collection: string): Stored[] {
    return this.#verbs.all(collection);
  }

  /** Sends these bytes to all that watch. */
  say(bytes: string): void {
    this.#watchers.say(bytes);
  }
  bookmark(): void {
    this.#watchers.bookmark();
  }
  /** Ends every watch: as the server does after its time, or in the middle of a line. */
  endWatches(how: 'end' | 'cut'): void {
    this.#watchers.endWatches(how);
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
    const { verb, query } = asked;
    if (verb === 'watch') {
      this.#watchers.watch(query, target, response);
      return null;
    }
    if (verb === 'list') return this.#verbs.list(query, target);
    if (target.plural === 'tokenreviews') return this.#reviewed(asked.body as Json);
    if (verb === 'create' && target.subresource === 'eviction') return this.#verbs.evict(target);
    if (verb === 'create' && target.name === null) return this.#verbs.create(asked, target);
    return this.#ofOne(asked, target, request.headers['content-type'] ?? '');
  }

  #ofOne(asked: Asked, target: Target, type: string): Json {
    const found = this.object(target.collection, target.namespace, target.name ?? '');
    const makes = asked.verb === 'patch' && type === 'application/apply-patch+yaml';
    if (found === null && !makes)
      throw new Refusal(404, 'NotFound', `${target.plural} "${target.name}" not found`);
    if (found !== null && asked.verb === 'get') return found;
    if (found !== null && asked.verb === 'delete') return this.#verbs.delete(asked, target, found);
    return this.#verbs.write({ ...asked, type }, target, found);
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
