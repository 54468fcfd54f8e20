/**
 * Slack: a message in blocks, with buttons that come back through the interaction endpoint of the People API. With a bot
 * token (chat.postMessage) what follows in an incident goes into the thread of its first message; with the address of an
 * incoming webhook each message stands alone.
 */
import { failureFrom, failureOf, type HttpAnswer, httpTarget } from '../http.ts';
import type { Channel, Failure, Notification } from '../notifier.ts';
import { commands, details, happened, headline, plain, plainLines, utc } from '../words.ts';

/** Threads that are remembered: incident → the time stamp that Slack gave its first message. */
const THREADS = 1000;
// https://docs.slack.dev/reference/block-kit/blocks
const HEADER = 150;
const SECTION = 2900;
const ORDERS = 3;

export interface SlackParts {
  /** Base of the Web API, such as https://slack.com/api; used with a token. */
  readonly api: string;
  /** Read anew for each message: a bot token, or the address of an incoming webhook. */
  readonly secret: () => string;
  /** Channel id or name; null: the secret is the address of an incoming webhook. */
  readonly channel: string | null;
  readonly ca?: string;
}

/** Slack's own three; what is written by a workload makes no link, mention or channel call. */
export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
/** Three accents would end the block that the text stands in. */
const code = (text: string): string => `\`\`\`${escaped(text.replaceAll('`', "'"))}\`\`\``;
const section = (text: string): object => ({ type: 'section', text: { type: 'mrkdwn', text } });

interface Button {
  readonly action: string;
  readonly value: string;
  readonly label: string;
  readonly style?: 'primary' | 'danger';
  /** What is asked before it is done. */
  readonly confirm?: string;
}
const words = (text: string): object => ({ type: 'plain_text', text });

function button({ action, value, label, style, confirm }: Button): object {
  const ask =
    confirm === undefined
      ? {}
      : {
          confirm: {
            title: words('Are you sure?'),
            text: words(confirm),
            confirm: words('Yes'),
            deny: words('No'),
          },
        };
  const look = style === undefined ? {} : { style };
  return { type: 'button', action_id: `${action}:${value}`, value, text: words(label), ...look, ...ask };
}

function buttons({ event, incident, orders, plan }: Notification): object[] {
  const all: Button[] = [];
  if (event === 'approval-wanted' && plan !== undefined)
    all.push({
      action: 'approve',
      value: `${incident}/${plan}`,
      label: 'Approve the plan',
      style: 'danger',
      confirm: 'The plan above is carried out at once.',
    });
  if (event === 'executed')
    for (const order of orders.slice(0, ORDERS))
      all.push({
        action: 'undo',
        value: order,
        label: orders.length > 1 ? `Undo ${order}` : 'Undo',
        confirm: 'The container gets its network and its programs back.',
      });
  if (incident !== '' && ['opened', 'escalated', 'approval-wanted', 'executed'].includes(event))
    all.push(
      { action: 'true-positive', value: incident, label: 'Real' },
      { action: 'false-positive', value: incident, label: 'False alarm' },
    );
  return all.length === 0 ? [] : [{ type: 'actions', elements: all.map(button) }];
}

/** The blocks of one notification. */
export function blocks(one: Notification): object[] {
  const fields = details(one).map(([name, value]) => ({
    type: 'mrkdwn',
    text: `*${name}*\n${escaped(value)}`,
  }));
  const story = one.timeline.map(({ atMs, text }) => `${utc(atMs)}  ${plain(text, 200)}`).join('\n');
  const typed = commands(one)
    .map((line) => `\`${line}\``)
    .join('   ');
  return [
    {
      type: 'header',
      text: words(plain(`${happened(one.event)}${one.severity && ` · ${one.severity}`}`, HEADER)),
    },
    section(`*${escaped(plain(one.title, 500))}*`),
    { type: 'section', fields },
    ...(story === '' ? [] : [section(`What happened:\n${code(plainLines(story, SECTION - 100))}`)]),
    ...(one.text === '' ? [] : [section(code(plainLines(one.text, SECTION - 100)))]),
    ...buttons(one),
    ...(typed === '' ? [] : [{ type: 'context', elements: [{ type: 'mrkdwn', text: escaped(typed) }] }]),
  ];
}

/** Of several: the newest as a whole, of those before it one line each. */
function message(batch: readonly Notification[]): { text: string; blocks: object[] } {
  const last = batch.at(-1);
  if (last === undefined) return { text: '', blocks: [] };
  const before = batch.slice(0, -1).map((one) => `${utc(one.atMs)}  ${headline(one)}`);
  const earlier =
    before.length === 0
      ? []
      : [section(`Before that:\n${code(plainLines(before.join('\n'), SECTION - 100))}`)];
  return { text: escaped(headline(last)), blocks: [...blocks(last), ...earlier] };
}

const LATER = ['ratelimited', 'internal_error', 'fatal_error', 'service_unavailable', 'request_timeout'];

/** The Web API answers 200 to everything and says in the body whether it was done. */
function outcome(answer: HttpAnswer): { failure: Failure | null; ts: string } {
  const failure = failureOf(answer);
  if (failure !== null) return { failure, ts: '' };
  try {
    const { ok, error, ts } = JSON.parse(answer.body) as { ok?: unknown; error?: unknown; ts?: unknown };
    if (ok === true) return { failure: null, ts: typeof ts === 'string' ? ts : '' };
    const why = plain(String(error), 100);
    return { failure: { error: `slack: ${why}`, again: LATER.includes(why) }, ts: '' };
  } catch {
    return { failure: { error: 'slack: an answer that is not JSON', again: true }, ts: '' };
  }
}

export function slack(parts: SlackParts): Channel {
  const { channel, secret, ca } = parts;
  const json = { 'content-type': 'application/json; charset=utf-8' };
  const threads = new Map<string, string>();
  let target = channel === null ? null : httpTarget(new URL(parts.api).origin, ca);
  let origin = '';

  /** The address is the secret, and may change. */
  const byHook = async (batch: readonly Notification[]): Promise<Failure | null> => {
    const url = new URL(secret());
    if (target === null || origin !== url.origin) {
      await target?.close();
      target = httpTarget(url.origin, ca);
      origin = url.origin;
    }
    return failureOf(await target.post(url.pathname, json, JSON.stringify(message(batch))));
  };
  const byToken = async (batch: readonly Notification[]): Promise<Failure | null> => {
    const incident = batch.at(-1)?.incident ?? '';
    const thread = threads.get(incident);
    const asked = { channel, ...message(batch), ...(thread === undefined ? {} : { thread_ts: thread }) };
    const headers = { ...json, authorization: `Bearer ${secret()}` };
    const path = `${new URL(parts.api).pathname}/chat.postMessage`;
    const answer = await target?.post(path, headers, JSON.stringify(asked));
    const { failure, ts } = outcome(answer ?? { status: 0, body: '', retryAfterMs: null });
    if (failure === null && ts !== '' && incident !== '' && thread === undefined) {
      threads.set(incident, ts);
      const [oldest] = threads.keys();
      if (threads.size > THREADS && oldest !== undefined) threads.delete(oldest);
    }
    return failure;
  };
  return {
    async deliver(batch) {
      try {
        return await (channel === null ? byHook(batch) : byToken(batch));
      } catch (error) {
        return failureFrom(error);
      }
    },
    close: async () => target?.close(),
  };
}
