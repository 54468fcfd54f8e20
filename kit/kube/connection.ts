/**
 * HTTP with the API server: one request, its answer in JSON, or the lines of a watch. HTTP/1.1, one connection for
 * each watch and one for the requests between; over HTTP/2 one lost segment would hold up all of them.
 */
import type { Dispatcher, Pool as UndiciPool } from 'undici';
import request from 'undici/lib/api/api-request.js';
import Pool from 'undici/lib/dispatcher/pool.js';
import type { KubeConfig } from './config.ts';
import { Credentials, type CurrentCredentials, sameTls } from './credentials.ts';
import { errorOfAnswer, KubeError, retryAfterMs, type Verb } from './error.ts';
import { linesOf } from './lines.ts';

export interface Ask {
  readonly verb: Verb;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Of the body; JSON if it is left out. */
  readonly type?: string;
  readonly signal?: AbortSignal | undefined;
  /** The most that is read of an answer. */
  readonly maxBytes?: number;
}

export interface ConnectionOptions {
  readonly userAgent: string;
  /** From the request to the end of its answer. */
  readonly answerMs?: number;
  /** After each answer, for metrics; status 0: none came. */
  readonly count?: ((verb: Verb, status: number) => void) | undefined;
}

const ANSWER_MS = 30_000;
const CONNECT_MS = 10_000;
/** Connections at one time: the watches, and requests beside each other. More wait. */
const MAX_CONNECTIONS = 64;
/** A page of 500 pods has about 10 MB. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;

const METHODS: Readonly<Record<Verb, Dispatcher.HttpMethod>> = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
};

function withQuery({ path, query = {} }: Ask): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  const text = new URLSearchParams(given).toString();
  return text === '' ? path : `${path}?${text}`;
}

export class Connection {
  readonly #config: KubeConfig;
  readonly #options: ConnectionOptions;
  readonly #credentials: Credentials;
  #pool: { readonly pool: UndiciPool; readonly with: CurrentCredentials } | null = null;
  #closed = false;

  constructor(config: KubeConfig, options: ConnectionOptions) {
    this.#config = config;
    this.#options = options;
    this.#credentials = new Credentials(config);
  }

  get url(): string {
    return this.#config.url;
  }

  /** The answer's JSON. @throws KubeError */
  async json(ask: Ask): Promise<unknown> {
    const stop = AbortSignal.timeout(this.#options.answerMs ?? ANSWER_MS);
    const answer = await this.#ask(
      ask,
      ask.signal === undefined ? stop : AbortSignal.any([ask.signal, stop]),
    );
    const bytes = await this.#whole(ask, answer.body, ask.maxBytes ?? MAX_ANSWER_BYTES);
    this.#options.count?.(ask.verb, answer.statusCode);
    try {
      return JSON.parse(bytes.toString('utf8'));
    } catch (cause) {
      throw new KubeError({
        verb: ask.verb,
        path: ask.path,
        reason: 'Malformed',
        message: 'the answer is not JSON',
        cause,
      });
    }
  }

  /**
   * The lines of a watch, until the server ends it; null for one that was longer than `maxLine`. Without a byte for
   * `silenceMs` it counts as broken; a peer that is gone is found before, by TCP's keep-alive (undici's, after a minute).
   * @throws KubeError
   */
  async *lines(
    ask: Ask,
    { maxLine, silenceMs }: { readonly maxLine: number; readonly silenceMs: number },
    opened: () => void,
  ): AsyncGenerator<string | null> {
    const answer = await this.#ask(ask, ask.signal, silenceMs);
    this.#options.count?.(ask.verb, answer.statusCode);
    opened();
    try {
      yield* linesOf(answer.body as AsyncIterable<Buffer>, maxLine);
    } catch (cause) {
      throw this.#failure(ask, cause);
    }
  }

  /** Breaks off what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool?.pool.destroy();
  }

  /** @throws KubeError unless the answer is of the 2xx kind. */
  async #ask(ask: Ask, signal: AbortSignal | undefined, silenceMs = 0): Promise<Dispatcher.ResponseData> {
    const { token, ...tls } = await this.#credentials.now();
    const answer = await request
      .call(this.#poolFor({ token, ...tls }), {
        method: METHODS[ask.verb],
        path: withQuery(ask),
        headers: {
          accept: 'application/json',
          'user-agent': this.#options.userAgent,
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(ask.body === undefined ? {} : { 'content-type': ask.type ?? 'application/json' }),
        },
        ...(ask.body === undefined ? {} : { body: JSON.stringify(ask.body) }),
        ...(signal === undefined ? {} : { signal }),
        headersTimeout: this.#options.answerMs ?? ANSWER_MS,
        bodyTimeout: silenceMs,
      })
      .catch((cause: unknown) => {
        // An authority or certificate of ours that was replaced meanwhile looks like this.
        this.#credentials.expire();
        this.#options.count?.(ask.verb, 0);
        throw this.#failure(ask, cause);
      });
    if (answer.statusCode >= 200 && answer.statusCode < 300) return answer;
    this.#options.count?.(ask.verb, answer.statusCode);
    if (answer.statusCode === 401) this.#credentials.expire();
    throw errorOfAnswer(ask, {
      status: answer.statusCode,
      body: await this.#problem(ask, answer.body),
      retryAfterMs: retryAfterMs(answer.headers['retry-after']),
    });
  }

  /** Connections are made anew when authority or certificate changed; what is under way on the old ones ends first. */
  #poolFor(credentials: CurrentCredentials): UndiciPool {
    if (this.#closed)
      throw new KubeError({ reason: 'Aborted', path: this.#config.url, message: 'the client is closed' });
    if (this.#pool !== null && sameTls(this.#pool.with, credentials)) return this.#pool.pool;
    void this.#pool?.pool.close().catch(() => undefined);
    const { ca, certificate, key } = credentials;
    const pool = new Pool(this.#config.url, {
      allowH2: false,
      connections: MAX_CONNECTIONS,
      connect: {
        timeout: CONNECT_MS,
        ...(ca === null ? {} : { ca }),
        ...(certificate === null || key === null ? {} : { cert: certificate, key }),
      },
    });
    this.#pool = { pool, with: credentials };
    return pool;
  }

  async #problem(ask: Ask, body: AsyncIterable<Uint8Array>): Promise<unknown> {
    try {
      return JSON.parse((await this.#whole(ask, body, MAX_ERROR_BYTES)).toString('utf8'));
    } catch {
      // A proxy's page, or cut off: the status says what is known.
      return null;
    }
  }

  async #whole(ask: Ask, body: AsyncIterable<Uint8Array>, most: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const piece of body) {
        size += piece.length;
        if (size > most)
          throw new KubeError({
            verb: ask.verb,
            path: ask.path,
            reason: 'TooLarge',
            message: `an answer of more than ${most} bytes`,
          });
        pieces.push(piece);
      }
    } catch (cause) {
      throw this.#failure(ask, cause);
    }
    return Buffer.concat(pieces, size);
  }

  #failure(ask: Ask, cause: unknown): KubeError {
    if (cause instanceof KubeError) return cause;
    const { name = '', code = '', message } = cause as { name?: string; code?: string; message: string };
    const late = name === 'TimeoutError' || String(code).endsWith('_TIMEOUT');
    const aborted = ask.signal?.aborted === true || this.#closed;
    return new KubeError({
      verb: ask.verb,
      path: ask.path,
      reason: aborted ? 'Aborted' : late ? 'Timeout' : 'Unreachable',
      message,
      cause,
    });
  }
}
