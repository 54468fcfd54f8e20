/** The listener for agents: HTTP/2 over TLS 1.3, a client certificate for all but enrolment. */
import { constants } from 'node:crypto';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  constants as http2,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Log } from '../../kit/log.ts';
import type { Accept } from './accept.ts';
import { speakerOf } from './auth.ts';
import { type EnrolParts, enrol, renew } from './enrol.ts';
import type { OrderStreams } from './orders-stream.ts';
import { RefusedError } from './refused.ts';
import type { NodeIdentity, SignedOrder } from './report.ts';

/** An enrolment is a certificate request of about 500 bytes and a token. */
const ENROL_BYTES = 16 * 1024;
/** Summaries being read or stored at one time; together with max-summary-bytes it bounds memory. */
const SUMMARIES_AT_ONCE = 16;
const BODY_MS = 30_000;
const RETRY_S = 5;

export interface IngestServerParts {
  readonly tls: { readonly key: string; readonly certificate: string; readonly ca: string };
  readonly maxSummaryBytes: number;
  readonly accept: Accept;
  readonly enrolment: EnrolParts;
  readonly streams: OrderStreams;
  /** Orders that this node has not answered, for a stream that opens. */
  readonly pending: (node: NodeIdentity) => Promise<readonly SignedOrder[]>;
  /** Counts what came of each request. */
  readonly count: (route: string, code: string) => void;
  readonly log: Log;
}
export interface IngestServer {
  /** Resolves with the port. */
  listen(host: string, port: number): Promise<number>;
  /** For connections made from now on. */
  renewTls(tls: IngestServerParts['tls']): void;
  close(): Promise<void>;
}

type Request = Http2ServerRequest;
type Response = Http2ServerResponse;
interface Answer {
  readonly type: string;
  readonly body: Uint8Array | string;
}
type Route = (request: Request, response: Response) => Promise<Answer | null>;

/** The whole body. @throws RefusedError when it is larger than `most` or does not come in time. */
function readBody(request: Request, most: number): Promise<Uint8Array> {
  const tooLarge = (bytes: number): RefusedError =>
    new RefusedError('PICKET_TOO_LARGE', `body: ${bytes} bytes or more, at most ${most} are taken`);
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > most) return Promise.reject(tooLarge(announced));
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    const late = setTimeout(
      () => end(new RefusedError('PICKET_MALFORMED', 'body: did not come in time')),
      BODY_MS,
    );
    const end = (refusal: RefusedError | null): void => {
      clearTimeout(late);
      request.off('data', take);
      if (refusal === null) resolve(Buffer.concat(pieces, bytes));
      else reject(refusal);
    };
    const take = (piece: Buffer): void => {
      bytes += piece.length;
      if (bytes > most) end(tooLarge(bytes));
      else pieces.push(piece);
    };
    request.on('data', take);
    request.once('end', () => end(null));
    request.once('aborted', () => end(new RefusedError('PICKET_MALFORMED', 'body: cut off')));
  });
}

const json = (value: unknown): Answer => ({ type: 'application/json', body: JSON.stringify(value) });
const socketOf = (request: Request): TLSSocket =>
  (request.stream?.session?.socket ?? request.socket) as TLSSocket;
const addressOf = (request: Request): string => socketOf(request).remoteAddress ?? '';

function routesOf(parts: IngestServerParts): Readonly<Record<string, Route>> {
  let summaries = 0;
  return {
    'POST /v1/summaries': async (request) => {
      const speaker = speakerOf(socketOf(request));
      if (summaries >= SUMMARIES_AT_ONCE)
        throw new RefusedError('PICKET_BUSY', `${summaries} summaries are being taken; try again`);
      summaries += 1;
      try {
        const { reply } = await parts.accept(speaker, await readBody(request, parts.maxSummaryBytes));
        return { type: 'application/x-protobuf', body: reply };
      } finally {
        summaries -= 1;
      }
    },
    'GET /v1/orders': async (request, response) => {
      const speaker = speakerOf(socketOf(request));
      response.writeHead(200, { 'content-type': 'application/x-protobuf' });
      parts.streams.open(speaker, response as unknown as Writable);
      // Opened before it is asked for what is pending: an order made in between is sent twice rather than never.
      parts.streams.push(speaker, await parts.pending(speaker));
      return null;
    },
    'POST /v1/enrol': async (request) =>
      json(await enrol(parts.enrolment, await readBody(request, ENROL_BYTES), addressOf(request))),
    'POST /v1/renew': async (request) => {
      const speaker = speakerOf(socketOf(request));
      return json(
        await renew(parts.enrolment, speaker, await readBody(request, ENROL_BYTES), addressOf(request)),
      );
    },
  };
}

function refuse(request: Request, response: Response, error: RefusedError): void {
  const retry = error.status === 429 || error.status === 503;
  const oldHttp = request.httpVersionMajor === 1;
  response.writeHead(error.status, {
    'content-type': 'application/json',
    ...(retry ? { 'retry-after': String(RETRY_S) } : {}),
    ...(oldHttp ? { connection: 'close' } : {}),
  });
  // What still comes of a refused body is not waited for: NO_ERROR says "answered, send no more" (RFC 9113, 8.1).
  response.end(JSON.stringify({ error: { code: error.code, message: error.message } }), () => {
    response.stream?.close(http2.NGHTTP2_NO_ERROR);
  });
}

/** What the speaker is told; the cause stays in our log. */
function refusalOf(error: unknown): RefusedError {
  if (error instanceof RefusedError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'PICKET_STORE_FULL')
    return new RefusedError('PICKET_STORE_FULL', 'store: no space left; nothing of this was kept', {
      cause: error,
    });
  return new RefusedError('PICKET_INTERNAL', 'central failed; nothing of this was kept', { cause: error });
}

async function handle(
  parts: IngestServerParts,
  routes: Readonly<Record<string, Route>>,
  request: Request,
  response: Response,
): Promise<void> {
  const name = `${request.method} ${(request.url ?? '').split('?')[0]}`;
  const route = routes[name];
  const counted = route === undefined ? 'other' : name;
  try {
    if (route === undefined) throw new RefusedError('PICKET_NOT_FOUND', 'no such route');
    const answer = await route(request, response);
    if (answer !== null) {
      response.writeHead(200, { 'content-type': answer.type });
      response.end(answer.body);
    }
    parts.count(counted, 'ok');
  } catch (error) {
    const refusal = refusalOf(error);
    parts.count(counted, refusal.code);
    if (refusal.status >= 500) parts.log.error({ err: refusal.cause, route: counted }, 'request failed');
    else parts.log.debug({ code: refusal.code, route: counted, reason: refusal.message }, 'request refused');
    if (response.headersSent || response.destroyed) response.destroy();
    else refuse(request, response, refusal);
  }
}

/** Builds the server; nothing listens before `listen`. */
export function createIngestServer(parts: IngestServerParts): IngestServer {
  const routes = routesOf(parts);
  const sessions = new Set<{ destroy(): void; close?(): void }>();
  const server: Http2SecureServer = createSecureServer({
    key: parts.tls.key,
    cert: parts.tls.certificate,
    ca: parts.tls.ca,
    minVersion: 'TLSv1.3',
    // A resumed session would carry the verdict on a certificate that may have run out since.
    secureOptions: constants.SSL_OP_NO_TICKET,
    allowHTTP1: true,
    requestCert: true,
    // Checked per route: a node without a certificate must be able to enrol.
    rejectUnauthorized: false,
    settings: { maxConcurrentStreams: 32 },
  });
  server.on('request', (request, response) => {
    response.on('error', () => parts.count('other', 'reset'));
    void handle(parts, routes, request, response);
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => parts.count('other', 'session_error'));
    session.once('close', () => sessions.delete(session));
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') return;
    sessions.add(socket);
    socket.once('close', () => sessions.delete(socket));
  });
  server.on('tlsClientError', () => parts.count('other', 'tls'));
  server.on('sessionError', () => parts.count('other', 'session_error'));
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),
    renewTls: (tls) =>
      server.setSecureContext({ key: tls.key, cert: tls.certificate, ca: tls.ca, minVersion: 'TLSv1.3' }),
    close: () =>
      new Promise((resolve) => {
        parts.streams.close();
        server.close(() => resolve());
        for (const session of sessions) session.close?.();
        // Requests that are under way get a moment to end; an open stream does not hold the process.
        setTimeout(() => {
          for (const session of sessions) session.destroy();
        }, 500).unref();
      }),
  };
}
