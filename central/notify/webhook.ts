/** Generic webhook: one signed JSON message per notification, in order, tried again, given up as a dead letter. */
import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client as UndiciClient } from 'undici';
import type { Clock } from '../../kit/clock.ts';
import { backoff } from '../../kit/retry.ts';
import type { DeadLetter, Notification, Notifier } from './notifier.ts';

/** Waiting notifications; a notification is some kB. */
const QUEUE = 1000;
const TRIES = 8;
const TIMEOUT_MS = 10_000;
const WAIT = { baseMs: 500, limitMs: 60_000 };

export interface WebhookParts {
  readonly url: string;
  readonly secret: string;
  readonly clock: Clock;
  readonly deadLetter: (letter: DeadLetter) => Promise<void>;
  readonly count: (result: 'delivered' | 'retried' | 'dead' | 'overflow') => void;
  readonly tries?: number;
  readonly wait?: { readonly baseMs: number; readonly limitMs: number };
}

/** `t=<unix s>,v1=<hex>`: HMAC-SHA256 of `t.body`; the time lets the receiver refuse what is old. */
export function signature(secret: string, unixSeconds: number, body: string): string {
  const digest = createHmac('sha256', secret).update(`${unixSeconds}.${body}`).digest('hex');
  return `t=${unixSeconds},v1=${digest}`;
}

/** undici's Client alone; its index would load fetch, WebSocket and the rest, 10 MB of it. */
function connect(origin: string): UndiciClient {
  const Client: typeof UndiciClient = createRequire(import.meta.url)('undici/lib/dispatcher/client.js');
  return new Client(origin, {
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    connect: { timeout: TIMEOUT_MS },
  });
}

interface Told {
  readonly status: number;
}

/** The answer's status; its body is read away. @throws what the connection throws. */
function post(
  client: UndiciClient,
  path: string,
  message: { body: string; signature: string },
): Promise<Told> {
  return new Promise((resolve, reject) => {
    let status = 0;
    client.dispatch(
      {
        path,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-picket-signature': message.signature },
        body: message.body,
      },
      {
        onRequestStart() {},
        onResponseStart(_controller, statusCode) {
          status = statusCode;
        },
        onResponseData() {},
        onResponseEnd: () => resolve({ status }),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}

/** Tried again: no answer, 408, 429 and 5xx. Any other answer than 2xx says that trying again is no use. */
const worthAnotherTry = (status: number): boolean => status === 408 || status === 429 || status >= 500;

export function createWebhook(parts: WebhookParts): Notifier {
  const url = new URL(parts.url);
  const client = connect(url.origin);
  const waiting: Notification[] = [];
  const stopping = new AbortController();
  const tries = parts.tries ?? TRIES;
  let worker: Promise<void> | null = null;
  const letters = new Set<Promise<void>>();

  const bury = (notification: Notification, error: string, tried: number): void => {
    const written = parts
      .deadLetter({ notifier: 'webhook', notification, error, tries: tried, atMs: parts.clock.wallMs() })
      .finally(() => letters.delete(written));
    letters.add(written);
    parts.count('dead');
  };
  const attempt = async (notification: Notification): Promise<{ error: string; again: boolean } | null> => {
    const body = JSON.stringify(notification);
    const signed = signature(parts.secret, Math.floor(parts.clock.wallMs() / 1000), body);
    try {
      const { status } = await post(client, `${url.pathname}${url.search}`, { body, signature: signed });
      if (status >= 200 && status < 300) return null;
      return { error: `status ${status}`, again: worthAnotherTry(status) };
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error), again: true };
    }
  };
  const deliver = async (notification: Notification): Promise<void> => {
    const pause = backoff(parts.wait ?? WAIT);
    for (let tried = 1; ; tried += 1) {
      const failed = await attempt(notification);
      if (failed === null) return parts.count('delivered');
      const stopped = stopping.signal.aborted;
      if (!failed.again || tried >= tries || stopped)
        return bury(notification, stopped ? `central stopped; ${failed.error}` : failed.error, tried);
      parts.count('retried');
      await sleep(pause.next(), null, { signal: stopping.signal, ref: false }).catch(() => null);
    }
  };
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (stopping.signal.aborted) bury(next, 'central stopped', 0);
      else await deliver(next);
    }
    worker = null;
  };
  return {
    name: 'webhook',
    notify(notification) {
      if (waiting.length >= QUEUE) {
        parts.count('overflow');
        bury(notification, `more than ${QUEUE} were waiting`, 0);
        return;
      }
      waiting.push(notification);
      worker ??= work();
    },
    async close() {
      stopping.abort();
      await client.destroy();
      await worker;
      await Promise.allSettled(letters);
    },
  };
}
