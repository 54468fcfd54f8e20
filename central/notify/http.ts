/** One POST to one server, and what its answer means to a deliverer. */
import { createRequire } from 'node:module';
import type { Client as UndiciClient } from 'undici';
import type { Failure } from './notifier.ts';

const TIMEOUT_MS = 10_000;
/** Of an answer so much is read; the rest is thrown away. */
const ANSWER_BYTES = 16 * 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  /** What the server asks to wait, ms; null: it does not say. */
  readonly retryAfterMs: number | null;
}
export interface HttpTarget {
  /** @throws what the connection throws. */
  post(path: string, headers: Readonly<Record<string, string>>, body: string): Promise<HttpAnswer>;
  close(): Promise<void>;
}

/** undici's Client alone; its index would load fetch, WebSocket and the rest, 10 MB of it. */
function connect(origin: string, ca: string | undefined): UndiciClient {
  const Client: typeof UndiciClient = createRequire(import.meta.url)('undici/lib/dispatcher/client.js');
  return new Client(origin, {
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    connect: { timeout: TIMEOUT_MS, ...(ca === undefined ? {} : { ca }) },
  });
}

const headerOf = (headers: Readonly<Record<string, string | string[] | undefined>>): number | null => {
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
};

/** `ca`: PEM of the authority that signed the server's certificate, where the system does not know it. */
export function httpTarget(origin: string, ca?: string): HttpTarget {
  const client = connect(origin, ca);
  return {
    post: (path, headers, body) =>
      new Promise((resolve, reject) => {
        let [status, bytes] = [0, 0];
        let retryAfterMs: number | null = null;
        const pieces: Buffer[] = [];
        client.dispatch(
          { path, method: 'POST', headers, body },
          {
            onRequestStart() {},
            onResponseStart(_controller, statusCode, received) {
              status = statusCode;
              retryAfterMs = headerOf(received);
            },
            onResponseData(_controller, piece) {
              bytes += piece.length;
              if (bytes <= ANSWER_BYTES) pieces.push(Buffer.from(piece));
            },
            onResponseEnd: () =>
              resolve({ status, body: Buffer.concat(pieces).toString('utf8'), retryAfterMs }),
            onResponseError: (_controller, error) => reject(error),
          },
        );
      }),
    close: () => client.destroy(),
  };
}

/** Tried again: no answer, 408, 429 and 5xx. Any other answer than 2xx says that trying again is no use. */
export function failureOf({ status, retryAfterMs }: HttpAnswer): Failure | null {
  if (status >= 200 && status < 300) return null;
  const again = status === 408 || status === 429 || status >= 500;
  return { error: `status ${status}`, again, ...(retryAfterMs === null ? {} : { afterMs: retryAfterMs }) };
}

/** A connection that failed, in words without an address's path: that may be a secret. */
export function failureFrom(error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? `${String(error.code)}: ` : '';
  const message = error instanceof Error ? error.message : String(error);
  return { error: message.startsWith(code) ? message : `${code}${message}`, again: true };
}
