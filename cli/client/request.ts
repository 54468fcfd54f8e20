/** One JSON request over node:http(s): a unix socket or an address. The command line makes a few and ends. */
import { type RequestOptions, request as tlsRequest } from 'node:https';
import { http } from '../../kit/http.ts';
import { UnreachableError } from './unreachable.ts';

const TIMEOUT_MS = 10_000;
/** More than any answer of ours; a wrong server cannot fill our memory. */
const MAX_BYTES = 64 * 1024 ** 2;

/** The other side answered with an error; `code` is its own, such as PICKET_NOT_FOUND. */
export class RefusedError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

interface Target extends RequestOptions {
  /** For messages: who was asked. */
  readonly who: string;
  readonly tls: boolean;
}

/**
 * Sends `body` as JSON when it is given and returns the parsed answer.
 * @throws UnreachableError when nothing answers, RefusedError for a status of 400 and above.
 */
export async function requestJson(target: Target, body?: object): Promise<unknown> {
  const { who, tls, ...options } = target;
  const text = body === undefined ? null : JSON.stringify(body);
  const headers = { ...options.headers, ...(text === null ? {} : { 'content-type': 'application/json' }) };
  const { status, answer } = await new Promise<{ status: number; answer: string }>((resolve, reject) => {
    const unreachable = (error: Error): void =>
      reject(new UnreachableError(`${who} does not answer: ${error.message}`, { cause: error }));
    const send = tls ? tlsRequest : http.request;
    const outgoing = send({ ...options, headers, timeout: TIMEOUT_MS }, (incoming) => {
      let answer = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        answer += chunk;
        if (answer.length > MAX_BYTES) incoming.destroy(new Error(`more than ${MAX_BYTES} bytes`));
      });
      incoming.on('error', unreachable);
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, answer }));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    outgoing.on('error', unreachable);
    outgoing.end(text ?? undefined);
  });
  return readAnswer(who, status, answer);
}

function readAnswer(who: string, status: number, answer: string): unknown {
  let value: unknown;
  try {
    value = answer === '' ? null : JSON.parse(answer);
  } catch {
    throw new RefusedError(status, 'PICKET_NOT_JSON', `${who} answered ${status} without JSON`);
  }
  if (status < 400) return value;
  const error = (value as { error?: { code?: string; message?: string } } | null)?.error;
  throw new RefusedError(
    status,
    error?.code ?? `HTTP_${status}`,
    `${who}: ${error?.message ?? `status ${status}`}`,
  );
}
