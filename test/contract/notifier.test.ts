/** What every channel must do, whoever is at its other end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { alertmanager } from '../../central/notify/channels/alertmanager.ts';
import { email } from '../../central/notify/channels/email.ts';
import { pagerduty } from '../../central/notify/channels/pagerduty.ts';
import { slack } from '../../central/notify/channels/slack.ts';
import { syslog } from '../../central/notify/channels/syslog.ts';
import { webhook } from '../../central/notify/channels/webhook.ts';
import { KINDS } from '../../central/notify/kinds.ts';
import type { Channel } from '../../central/notify/notifier.ts';
import { createAuthority } from '../../central/pki/authority.ts';
import { systemClock } from '../../kit/clock.ts';
import { notification } from '../builders/notifications.ts';
import { httpReceiver, mailReceiver, type Request, syslogReceiver } from '../fakes/receivers.ts';

const SECRET = 'xoxb-sesame-open';
const nowMs = (): number => Date.now();
let folder = '';
let pair = { key: '', certificate: '' };
let ca = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'picket-notifier-'));
  const authority = await createAuthority({ folder, clock: systemClock() });
  pair = await authority.server(['localhost', '127.0.0.1']);
  ca = authority.certificate;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A channel and its other end. */
interface Bench {
  readonly channel: Channel;
  /** Everything that arrived, as text in which words can be looked for. */
  arrived(): string[];
  /** The next message is refused for now, or for good; absent: the other end cannot refuse. */
  refuse?(how: 'for now' | 'for good'): void;
  closeReceiver(): Promise<void>;
}

type Reply = (request: Request) => [number, string];
async function overHttp(reply: Reply, make: (origin: string) => Channel): Promise<Bench> {
  const receiver = await httpReceiver(reply);
  return {
    channel: make(receiver.origin),
    arrived: () => receiver.requests.map(({ body }) => body),
    refuse: (how) => receiver.refusals.push({ status: how === 'for now' ? 503 : 400 }),
    closeReceiver: receiver.close,
  };
}
const posted: Reply = ({ headers }) =>
  headers['content-type']?.startsWith('application/json') ? [200, '{}'] : [415, ''];

async function overSyslog(transport: 'tls' | 'tcp' | 'udp'): Promise<Bench> {
  const receiver = await syslogReceiver(transport, pair);
  const { port } = receiver;
  return {
    channel: syslog({ transport, host: '127.0.0.1', port, facility: 16, format: 'text', ca }),
    arrived: () => receiver.messages,
    closeReceiver: receiver.close,
  };
}
/** Bodies are in quoted-printable: joined, so that words can be looked for. */
const readable = (raw: string): string =>
  raw
    .replaceAll('=\r\n', '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

async function overMail(security: 'tls' | 'starttls' | 'none'): Promise<Bench> {
  const login = security === 'none' ? {} : { password: SECRET };
  const receiver = await mailReceiver({ security, pair, ...login });
  return {
    channel: email({
      host: 'localhost',
      port: receiver.port,
      security,
      user: 'anna',
      password: security === 'none' ? null : () => SECRET,
      from: 'picket@example.org',
      to: ['on-call@example.org'],
      ca,
    }),
    arrived: () => receiver.mails.map(({ raw }) => readable(raw)),
    refuse: (how) => receiver.refusals.push(how === 'for now' ? 451 : 554),
    closeReceiver: receiver.close,
  };
}

const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  webhook: () =>
    overHttp(posted, (origin) =>
      webhook({ url: `${origin}/hook?a=1`, secret: () => SECRET, format: 'picket', nowMs }),
    ),
  'webhook in Falco form': () =>
    overHttp(posted, (origin) => webhook({ url: origin, secret: null, format: 'falco', nowMs })),
  'webhook in OCSF form': () =>
    overHttp(posted, (origin) => webhook({ url: origin, secret: null, format: 'ocsf', nowMs })),
  slack: () =>
    overHttp(
      ({ headers }) =>
        headers.authorization === `Bearer ${SECRET}`
          ? [200, '{"ok":true,"ts":"1.2"}']
          : [200, '{"ok":false,"error":"invalid_auth"}'],
      (origin) => slack({ api: `${origin}/api`, secret: () => SECRET, channel: '#alerts' }),
    ),
  'slack by incoming webhook': () =>
    overHttp(posted, (origin) =>
      slack({ api: 'https://slack.com/api', secret: () => `${origin}/services/${SECRET}`, channel: null }),
    ),
  pagerduty: () =>
    overHttp(
      ({ path, body }) =>
        path === '/v2/enqueue' && JSON.parse(body).routing_key === SECRET ? [202, '{}'] : [400, ''],
      (origin) => pagerduty({ url: origin, routingKey: () => SECRET }),
    ),
  alertmanager: () =>
    overHttp(
      ({ path }) => (path === '/prefix/api/v2/alerts' ? [200, ''] : [404, '']),
      (origin) => alertmanager({ url: `${origin}/prefix/`, nowMs }),
    ),
  'email over STARTTLS': () => overMail('starttls'),
  'email over TLS': () => overMail('tls'),
  'email without TLS': () => overMail('none'),
  'syslog over TLS': () => overSyslog('tls'),
  'syslog over TCP': () => overSyslog('tcp'),
  'syslog over UDP': () => overSyslog('udp'),
};

it('is run for every kind of notifier', () => {
  const kinds = new Set(Object.keys(BENCHES).map((name) => name.split(' ')[0]));
  expect([...kinds].sort()).toEqual(Object.keys(KINDS).sort());
});

describe.each(Object.entries(BENCHES))('%s', (name, make) => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await make();
  });
  afterEach(async () => {
    await bench.channel.close();
    await bench.closeReceiver();
  });

  it('delivers one message, and says so', async () => {
    const outcome = await bench.channel.deliver([notification()]);
    await vi.waitFor(() => expect(bench.arrived()).toHaveLength(1), { timeout: 20_000 });
    expect(outcome).toBeNull();
    expect(bench.arrived()[0]).toContain('A server started a shell');
    expect(bench.arrived()[0]).toContain('inc-1');
  });

  it('delivers again after the other end refused, and says whether another try is of use', async () => {
    if (bench.refuse === undefined) return;
    bench.refuse('for now');
    bench.refuse('for good');
    const outcomes = [];
    for (let times = 0; times < 3; times += 1) outcomes.push(await bench.channel.deliver([notification()]));
    expect(outcomes.map((outcome) => outcome?.again ?? 'delivered')).toEqual([true, false, 'delivered']);
    expect(bench.arrived()).toHaveLength(1);
  });

  it('says that nobody is there, without its secret, and that another try is of use', async () => {
    await bench.closeReceiver();
    const outcome = await bench.channel.deliver([notification()]);
    // UDP cannot know it.
    if (name === 'syslog over UDP') return expect(outcome).toBeNull();
    expect(outcome).toMatchObject({ again: true });
    expect(outcome?.error).not.toContain(SECRET);
  });

  it('carries what a hostile workload writes as words and nothing else', async () => {
    const title = `<script>alert(1)</script> <!channel> \u001b[31m\r\nBcc: eve@example.org\n] ${'x'.repeat(5000)}`;
    const places = ['ns/<img src=x>/"\\] on n'];
    const outcome = await bench.channel.deliver([notification({ title, text: `\`\`\`${title}`, places })]);
    await vi.waitFor(() => expect(bench.arrived()).toHaveLength(1), { timeout: 20_000 });
    expect(outcome).toBeNull();
    const [text = ''] = bench.arrived();
    if (name.startsWith('email')) expect(text.split('\r\n\r\n')[0]?.match(/^bcc:/im) ?? null).toBeNull();
    if (name.startsWith('slack')) expect(text).not.toContain('<!channel>');
    // The whole as it came is what the webhook of our own form promises.
    if (name !== 'webhook' && !name.includes('OCSF')) expect(text).not.toContain('\u001b');
    // In HTML; the text part of a mail is plain text and says it as it is.
    if (name.startsWith('email')) expect(text.slice(text.indexOf('<!doctype'))).not.toMatch(/<script|<img/);
  });

  it('ends a delivery under way when it is closed', async () => {
    const under = bench.channel.deliver([notification()]);
    await bench.channel.close();
    await expect(
      Promise.race([under, new Promise((done) => setTimeout(done, 20_000, 'late'))]),
    ).resolves.not.toBe('late');
  });
});
