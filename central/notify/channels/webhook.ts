/** Generic webhook: one signed JSON message per notification. */
import { createHmac } from 'node:crypto';
import { type Format, format } from '../formats.ts';
import { failureFrom, failureOf, httpTarget } from '../http.ts';
import type { Channel } from '../notifier.ts';

export interface WebhookParts {
  readonly url: string;
  /** Read anew for each message; null: unsigned. */
  readonly secret: (() => string) | null;
  readonly format: Format;
  readonly nowMs: () => number;
  readonly ca?: string;
}

/** `t=<unix s>,v1=<hex>`: HMAC-SHA256 of `t.body`; the time lets the receiver refuse what is old. */
export function signature(secret: string, unixSeconds: number, body: string): string {
  const digest = createHmac('sha256', secret).update(`${unixSeconds}.${body}`).digest('hex');
  return `t=${unixSeconds},v1=${digest}`;
}

export function webhook(parts: WebhookParts): Channel {
  const url = new URL(parts.url);
  const target = httpTarget(url.origin, parts.ca);
  return {
    async deliver([one]) {
      if (one === undefined) return null;
      try {
        const body = JSON.stringify(format(one, parts.format));
        const seconds = Math.floor(parts.nowMs() / 1000);
        const signed =
          parts.secret === null ? {} : { 'x-picket-signature': signature(parts.secret(), seconds, body) };
        const headers = { 'content-type': 'application/json', ...signed };
        return failureOf(await target.post(`${url.pathname}${url.search}`, headers, body));
      } catch (error) {
        return failureFrom(error);
      }
    },
    close: () => target.close(),
  };
}
