/** Checks that a request comes from Slack, now and once, and reads which button was pressed by whom. */
import { createHmac, timingSafeEqual } from 'node:crypto';

// https://docs.slack.dev/authentication/verifying-requests-from-slack
const OLD_S = 300;
/** Requests of the last minutes that are remembered, to take none twice. */
const SEEN = 10_000;

export interface SlackPress {
  readonly action: string;
  readonly value: string;
  /** Slack's id of the person. */
  readonly user: string;
  /** Where an answer can be posted, or empty. */
  readonly responseUrl: string;
}
export interface SlackHeaders {
  readonly signature: string;
  readonly timestamp: string;
}
export type Refusal = 'unsigned' | 'old' | 'forged' | 'replayed' | 'full';

export interface SlackVerifier {
  /** The place of the secret that it is signed with, when it was not seen before. */
  check(headers: SlackHeaders, body: string, secrets: readonly string[]): number | Refusal;
}

export function slackVerifier(nowMs: () => number): SlackVerifier {
  /** Signature → Unix time, s, of its request. */
  const seen = new Map<string, number>();
  const genuine = (headers: SlackHeaders, body: string, secret: string): boolean => {
    const wanted = createHmac('sha256', secret).update(`v0:${headers.timestamp}:${body}`).digest();
    const given = Buffer.from(headers.signature.slice(3), 'hex');
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  };
  return {
    check(headers, body, secrets) {
      if (!/^v0=[0-9a-f]{64}$/.test(headers.signature) || !/^\d{1,12}$/.test(headers.timestamp))
        return 'unsigned';
      const nowS = nowMs() / 1000;
      if (Math.abs(nowS - Number(headers.timestamp)) > OLD_S) return 'old';
      const at = secrets.findIndex((secret) => secret !== '' && genuine(headers, body, secret));
      if (at === -1) return 'forged';
      if (seen.has(headers.signature)) return 'replayed';
      for (const [signature, atS] of seen) if (nowS - atS > OLD_S) seen.delete(signature);
      // Only genuine requests get here: so many in five minutes is somebody with the secret, and not a person.
      if (seen.size >= SEEN) return 'full';
      seen.set(headers.signature, Number(headers.timestamp));
      return at;
    },
  };
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The first button of a block_actions payload, or null for anything else. */
export function pressOf(body: string): SlackPress | null {
  try {
    const payload = record(JSON.parse(new URLSearchParams(body).get('payload') ?? ''));
    if (payload['type'] !== 'block_actions' || !Array.isArray(payload['actions'])) return null;
    const pressed = record(payload['actions'][0]);
    const [action = ''] = text(pressed['action_id']).split(':');
    const user = text(record(payload['user'])['id']);
    return { action, value: text(pressed['value']), user, responseUrl: text(payload['response_url']) };
  } catch {
    return null;
  }
}
