/** The listener for API servers: batches of audit events and admission reviews, over TLS, from whom we know. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { gunzip } from 'node:zlib';
import { type Listener, listenerOf } from '../../kit/https-listener.ts';
import type { Log } from '../../kit/log.ts';
import { readReview } from './admission.ts';
import { rowsOfBody } from './envelopes.ts';

/** The API server cuts batches at 10 MiB when asked to (audit-webhook-truncate-max-batch-size); Firehose sends at most 64 MiB. */
const BATCH_BYTES = 16 * 1024 ** 2;
/** A pod with everything is at most 1.5 MiB, etcd's bound, old and new. */
const REVIEW_BYTES = 4 * 1024 ** 2;
/** Batches being read or judged at one time; with the above it bounds memory. */
const BATCHES_AT_ONCE = 4;
const REVIEWS_AT_ONCE = 64;
const RETRY_S = 2;

export interface AuditServerParts {
  readonly tls: { readonly key: string; readonly certificate: string };
  readonly token: string;
  /** Whose client certificates are taken; null: nobody's. */
  readonly clients: { readonly ca: string; readonly names: readonly string[] } | null;
  /** Resolves once they are kept; refused batches come again. */
  readonly take: (rows: readonly unknown[], malformed: number) => Promise<void>;
  /** Never waited for: an exec does not wait for us. False: it was dropped. */
  readonly offer: (row: unknown) => boolean;
  readonly nowMs: () => number;
  readonly count: (route: 'audit' | 'admission' | 'other', result: string) => void;
  readonly log: Log;
}
export type AuditServer = Listener;

class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * The token as part of an admission webhook's path: Kubernetes takes there what a DNS name may hold, and who may read webhook
 * configurations is not to send audit events.
 */
export const tokenInPath = (token: string): string =>
  createHash('sha256').update(`admission ${token}`).digest('hex').slice(0, 40);

function same(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

/** The token in a header, or, for admission webhooks, which send none, in the path; or a client certificate. */
function checkSpeaker(request: IncomingMessage, inPath: string, parts: AuditServerParts): void {
  const bearer = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? inPath;
  if (bearer !== '' && same(bearer, parts.token)) return;
  if (inPath !== '' && same(inPath, tokenInPath(parts.token))) return;
  const socket = request.socket as TLSSocket;
  const name = socket.authorized ? socket.getPeerCertificate().subject?.CN : undefined;
  if (typeof name === 'string' && parts.clients?.names.includes(name)) return;
  throw new Refusal(
    401,
    'PICKET_TOKEN',
    'no token of the file audit-token, and no client certificate that is named here',
  );
}

async function bodyOf(request: IncomingMessage, most: number): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > most) throw new Refusal(413, 'PICKET_TOO_LARGE', `body: more than ${most} bytes`);
    pieces.push(piece);
  }
  const whole = Buffer.concat(pieces, bytes);
  if (request.headers['content-encoding'] !== 'gzip') return whole.toString('utf8');
  return new Promise((resolve, reject) => {
    gunzip(whole, { maxOutputLength: most }, (error, text) =>
      error === null
        ? resolve(text.toString('utf8'))
        : reject(new Refusal(400, 'PICKET_MALFORMED', `body: gzip: ${error.message}`)),
    );
  });
}

interface Answer {
  readonly status: number;
  readonly value: object;
}

function routesOf(parts: AuditServerParts) {
  const under = { audit: 0, admission: 0 };
  const within = async <T>(
    route: 'audit' | 'admission',
    most: number,
    work: () => Promise<T>,
  ): Promise<T> => {
    if (under[route] >= most)
      throw new Refusal(429, 'PICKET_BUSY', `${under[route]} requests are being taken; try again`);
    under[route] += 1;
    try {
      return await work();
    } finally {
      under[route] -= 1;
    }
  };
  return {
    audit: (request: IncomingMessage): Promise<Answer> =>
      within('audit', BATCHES_AT_ONCE, async () => {
        const { rows, malformed } = rowsOfBody(await bodyOf(request, BATCH_BYTES));
        if (rows.length === 0 && malformed > 0)
          throw new Refusal(
            400,
            'PICKET_MALFORMED',
            'body: neither a list of events nor a line of JSON each',
          );
        await parts.take(rows, malformed);
        return { status: 200, value: { taken: rows.length, malformed } };
      }),
    admission: (request: IncomingMessage): Promise<Answer> =>
      within('admission', REVIEWS_AT_ONCE, async () => {
        const text = await bodyOf(request, REVIEW_BYTES);
        const review = readReview(parse(text), parts.nowMs());
        if (review === null)
          throw new Refusal(400, 'PICKET_MALFORMED', 'body: no AdmissionReview of admission.k8s.io/v1');
        if (review.row !== null && !parts.offer(review.row)) parts.count('admission', 'dropped');
        return { status: 200, value: review.answer };
      }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** `/v1/audit`, `/v1/admission`, `/v1/admission/TOKEN`. */
function routeOf(request: IncomingMessage): { route: 'audit' | 'admission'; token: string } | null {
  const match = /^\/v1\/(audit|admission)(?:\/([\w-]{16,128}))?\/?(?:\?.*)?$/.exec(request.url ?? '');
  if (match === null || request.method !== 'POST') return null;
  return { route: match[1] === 'audit' ? 'audit' : 'admission', token: match[2] ?? '' };
}

export function createAuditServer(parts: AuditServerParts): AuditServer {
  const routes = routesOf(parts);
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const found = routeOf(request);
    if (found === null) throw new Refusal(404, 'PICKET_NOT_FOUND', 'no such route');
    checkSpeaker(request, found.route === 'admission' ? found.token : '', parts);
    return routes[found.route](request);
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const counted = routeOf(request)?.route ?? 'other';
    try {
      const { status, value } = await answer(request);
      parts.count(counted, 'ok');
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    } catch (error) {
      const known = error instanceof Refusal ? error : new Refusal(500, 'PICKET_INTERNAL', 'central failed');
      parts.count(counted, known.code);
      if (!(error instanceof Refusal)) parts.log.error({ err: error, route: counted }, 'request failed');
      response.writeHead(known.status, {
        'content-type': 'application/json',
        connection: 'close',
        ...(known.status === 429 || known.status === 500 ? { 'retry-after': String(RETRY_S) } : {}),
      });
      response.end(JSON.stringify({ error: { code: known.code, message: known.message } }));
    }
  };
  const options = (tls: AuditServerParts['tls']) => ({
    key: tls.key,
    cert: tls.certificate,
    minVersion: 'TLSv1.2' as const,
    ...(parts.clients === null ? {} : { ca: parts.clients.ca }),
  });
  const server = createServer(
    {
      ...options(parts.tls),
      requestCert: parts.clients !== null,
      rejectUnauthorized: false,
      requestTimeout: 30_000,
    },
    (request, response) => {
      handle(request, response).catch((error: unknown) => {
        parts.log.error({ err: error }, 'answer failed');
        response.destroy();
      });
    },
  );
  server.on('tlsClientError', () => parts.count('other', 'tls'));
  return listenerOf(server, options);
}
