/**
 * HTTP with central: summaries up, orders down. Both go over one HTTP/2 connection under mutual TLS 1.3; undici's
 * Client keeps that one connection and makes it again when it breaks.
 */

import type { Dispatcher, Client as UndiciClient } from 'undici';
import request from 'undici/lib/api/api-request.js';
import Client from 'undici/lib/dispatcher/client.js';
import {
  DelimitedReader,
  decodeReply,
  decodeSignedOrder,
  MAX_ORDER_BYTES,
  type Reply,
  SCHEMA_VERSION,
  type SignedOrder,
} from '../../wire/index.ts';

export interface Credentials {
  /** PEM. */
  readonly key: string;
  readonly certificate: string;
  readonly ca: string;
}

export type Outcome =
  | { readonly kind: 'accepted'; readonly reply: Reply }
  /** Central will never take these bytes. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** Worth trying again; `afterMs` where central said when. */
  | {
      readonly kind: 'retry';
      readonly code: string;
      readonly message: string;
      readonly afterMs: number | null;
    };

const ANSWER_MS = 15_000;
const CONNECT_MS = 10_000;
/** Central sends a heartbeat each 15 s; after three that did not come the stream counts as broken. */
const HEARTBEAT_LIMIT_MS = 45_000;
/** Rules of 512 KiB, exceptions of 256 KiB and the names of 20,000 addresses. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** Statuses of the 4xx kind that say nothing about the summary itself. */
const TRANSIENT = new Set([401, 408, 425, 429]);

async function readWhole(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** `{error: {code, message}}`, or the status where the body is something else. */
function problemOf(status: number, body: Buffer): { code: string; message: string } {
  try {
    const { error } = JSON.parse(body.toString('utf8')) as { error?: { code?: unknown; message?: unknown } };
    const code = String(error?.code ?? '');
    if (/^[A-Z][A-Z0-9_]{0,63}$/.test(code)) return { code, message: String(error?.message).slice(0, 1024) };
  } catch {
    // Not JSON: a proxy answered; the status says what is known.
  }
  return { code: `HTTP_${status}`, message: `central answered ${status}` };
}

function retryAfterMs(header: string | string[] | undefined): number | null {
  const seconds = Number(Array.isArray(header) ? header[0] : header);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, 3600) * 1000 : null;
}

const codeOf = (error: unknown): string => String((error as { code?: unknown }).code ?? 'FAILED');

export class CentralClient {
  private readonly client: UndiciClient;
  private readonly heartbeatLimitMs: number;

  constructor(options: { url: string; credentials: Credentials; heartbeatLimitMs?: number }) {
    const { key, certificate, ca } = options.credentials;
    this.heartbeatLimitMs = options.heartbeatLimitMs ?? HEARTBEAT_LIMIT_MS;
    this.client = new Client(options.url, {
      allowH2: true,
      connect: { key, cert: certificate, ca, minVersion: 'TLSv1.3', timeout: CONNECT_MS },
      headersTimeout: ANSWER_MS,
      bodyTimeout: ANSWER_MS,
    });
  }

  /** Sends one summary. Never throws for what central or the network does. */
  async upload(body: Buffer, sequence: number, signal: AbortSignal): Promise<Outcome> {
    try {
      const answer = await request.call(this.client, {
        method: 'POST',
        path: '/v1/summaries',
        headers: { 'content-type': 'application/x-protobuf' },
        body,
        signal,
      });
      return judge(answer.statusCode, answer.headers, await readWhole(answer.body), sequence);
    } catch (error) {
      return { kind: 'retry', code: codeOf(error), message: (error as Error).message, afterMs: null };
    }
  }

  /**
   * Reads the order stream until it ends, breaks or is silent for too long.
   * @throws what ended it; a stream that central closed ends without an error.
   */
  async orders(
    signal: AbortSignal,
    on: { opened: () => void; order: (order: SignedOrder) => Promise<void> },
  ): Promise<void> {
    const silence = new AbortController();
    const stop = AbortSignal.any([signal, silence.signal]);
    const timer = setTimeout(
      () => silence.abort(new Error('no heartbeat from central')),
      this.heartbeatLimitMs,
    );
    timer.unref();
    try {
      const answer: Dispatcher.ResponseData = await request.call(this.client, {
        method: 'GET',
        path: '/v1/orders',
        bodyTimeout: 0,
        signal: stop,
      });
      if (answer.statusCode !== 200) {
        const problem = problemOf(answer.statusCode, await readWhole(answer.body));
        throw Object.assign(new Error(problem.message), { code: problem.code });
      }
      on.opened();
      const reader = new DelimitedReader(MAX_ORDER_BYTES);
      for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
        timer.refresh();
        for (const frame of reader.push(piece))
          if (frame.length > 0) await on.order(decodeSignedOrder(frame));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Breaks off what is under way. */
  async close(): Promise<void> {
    await this.client.destroy();
  }
}

function judge(
  status: number,
  headers: Record<string, string | string[] | undefined>,
  body: Buffer,
  sequence: number,
): Outcome {
  if (status === 200) {
    const reply = decodeReply(body);
    if (reply.schema === SCHEMA_VERSION && reply.sequence === sequence) return { kind: 'accepted', reply };
    const message = `reply of schema ${reply.schema} to summary ${reply.sequence}, not ${sequence}`;
    return { kind: 'retry', code: 'PICKET_REPLY', message, afterMs: null };
  }
  const problem = problemOf(status, body);
  if (status >= 400 && status < 500 && !TRANSIENT.has(status)) return { kind: 'refused', ...problem };
  return { kind: 'retry', ...problem, afterMs: retryAfterMs(headers['retry-after']) };
}
