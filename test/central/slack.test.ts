/** Slack's way in: buttons under a signature, and the whole way out and back. */
import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { attack, container } from '../builders/summaries.ts';
import { type HttpReceiver, httpReceiver } from '../fakes/receivers.ts';
import { startCentral, type TestCentral, temporaryFolder } from './harness.ts';

const SIGNING = 'the signing secret of the app';
const FAST = { tries: 3, wait: { baseMs: 5, limitMs: 10 } };
let folder: ReturnType<typeof temporaryFolder>;
let slack: HttpReceiver;
let central: TestCentral;

const secret = (name: string, text: string): string => {
  const path = join(folder.path, name);
  writeFileSync(path, `${text}\n`, { mode: 0o600 });
  return path;
};
function notifyFile(): string {
  const path = join(folder.path, 'notify.yaml');
  const target = {
    channel: '#security',
    tokenFile: secret('token', 'xoxb-1'),
    api: slack.origin,
    responses: slack.origin,
    signingSecretFile: secret('signing', SIGNING),
    people: { U1: 'anna' },
  };
  const document = {
    apiVersion: 'picket.dev/v1alpha1',
    kind: 'PicketNotifier',
    metadata: { name: 'chat' },
    spec: { type: 'slack', target },
  };
  writeFileSync(path, JSON.stringify(document));
  return path;
}

beforeEach(async () => {
  folder = temporaryFolder();
  slack = await httpReceiver(() => [200, '{"ok":true,"ts":"1.1"}']);
  const flags = { 'notify-file': notifyFile() };
  central = await startCentral({
    folder: folder.path,
    policies: ['ask-production.yaml'],
    flags,
    delivery: FAST,
  });
});
afterEach(async () => {
  await central.stop();
  await slack.close();
  folder.remove();
});

interface Press {
  action: string;
  value: string;
  user?: string;
}
const payload = ({ action, value, user = 'U1' }: Press): string =>
  new URLSearchParams({
    payload: JSON.stringify({
      type: 'block_actions',
      user: { id: user },
      actions: [{ action_id: `${action}:${value}`, value }],
      response_url: `${slack.origin}/response/1`,
    }),
  }).toString();

/** The status of the answer. */
function press(
  body: string,
  change: { secret?: string; ageS?: number; atS?: number; headers?: Record<string, string> } = {},
): Promise<number> {
  const timestamp = String(change.atS ?? Math.floor(Date.now() / 1000) - (change.ageS ?? 0));
  const digest = createHmac('sha256', change.secret ?? SIGNING)
    .update(`v0:${timestamp}:${body}`)
    .digest('hex');
  const headers = change.headers ?? {
    'x-slack-signature': `v0=${digest}`,
    'x-slack-request-timestamp': timestamp,
  };
  return new Promise((resolve, reject) => {
    const call = request(
      new URL('/slack/interactions', central.ready.api),
      { method: 'POST', ca: readFileSync(central.ready.files.ca), agent: false, headers },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}
const messages = () =>
  slack.requests.filter(({ path }) => path.endsWith('chat.postMessage')).map(({ body }) => JSON.parse(body));
const answers = () =>
  slack.requests.filter(({ path }) => path.startsWith('/response')).map(({ body }) => JSON.parse(body).text);

/** The incident that waits for an approval and its plan, as the message in Slack names them. */
async function waiting(): Promise<string> {
  await central.node(await central.enrol()).send(attack([container('web-1', 'production')]));
  await vi.waitFor(() => expect(JSON.stringify(messages())).toContain('approve:inc-'), { timeout: 20_000 });
  return /approve:(inc-[0-9a-f]+\/pln-[0-9a-f]+)/.exec(JSON.stringify(messages()))?.[1] ?? '';
}
const waitingIncident = async (): Promise<string> => (await waiting()).split('/')[0] ?? '';

it('approve and undo are done under the name that stands for the person, and told to them', async () => {
  const value = await waiting();
  const [incident] = value.split('/');
  expect(await press(payload({ action: 'approve', value }))).toBe(200);
  await vi.waitFor(() => expect(JSON.stringify(messages())).toContain('undo:ord-'), { timeout: 20_000 });
  const order = /undo:(ord-[0-9a-z-]+)/.exec(JSON.stringify(messages()))?.[1] ?? '';
  expect(await press(payload({ action: 'undo', value: order }))).toBe(200);
  await vi.waitFor(() => expect(answers()).toHaveLength(2), { timeout: 20_000 });
  expect(answers()).toEqual([
    `The plan of ${incident} is being carried out.`,
    `${order} is being taken back.`,
  ]);
  const answer = await central.call('GET', `/api/v1/steps?incident=${incident}`);
  const steps = answer.value['steps'] as { action: string; actor: string }[];
  expect(
    steps.filter(({ actor }) => actor.startsWith('slack:')).map(({ action, actor }) => [action, actor]),
  ).toEqual([
    ['undo', 'slack:anna'],
    ['contain', 'slack:anna'],
    ['approve', 'slack:anna'],
  ]);
});

it('refuses what is not signed, signed by another, old, or sent a second time', async () => {
  const incident = await waitingIncident();
  const body = payload({ action: 'approve', value: incident });
  expect(await press(body, { headers: {} })).toBe(401);
  expect(await press(body, { secret: 'another' })).toBe(401);
  expect(await press(body, { ageS: 301 })).toBe(401);
  // Sent a second time is the same request of the same second, whenever it comes.
  const once = { atS: Math.floor(Date.now() / 1000) };
  expect(await press(payload({ action: 'nothing', value: 'x' }), once)).toBe(200);
  expect(await press(payload({ action: 'nothing', value: 'x' }), once)).toBe(401);
  const counted = (result: string) =>
    central.metric(`picket_central_slack_actions_total{result="${result}"}`);
  expect(await Promise.all(['unsigned', 'forged', 'old', 'replayed'].map(counted))).toEqual([1, 1, 1, 1]);
  const { value } = await central.call('GET', '/api/v1/containments');
  expect(value['containments']).toEqual([]);
});

it('a person who is not listed, and a button that is out of date, do nothing and hear why', async () => {
  const incident = await waitingIncident();
  await press(payload({ action: 'approve', value: incident, user: 'U2' }));
  await press(payload({ action: 'approve', value: incident, user: '__proto__' }));
  await press(payload({ action: 'undo', value: 'ord-unknown' }));
  await press(payload({ action: 'approve', value: incident }));
  await press(payload({ action: 'approve', value: `${incident}/pln-0` }));
  await vi.waitFor(() => expect(answers()).toHaveLength(5), { timeout: 20_000 });
  expect(answers().sort()).toEqual([
    'Not done: U2 is not among the people of this notifier.',
    'Not done: __proto__ is not among the people of this notifier.',
    'Not done: containment ord-unknown: unknown',
    expect.stringMatching(/^Not done: incident inc-\w+: pln-\w+ waits for an approval now, not pln-0/),
    'Not done: this button does not say which plan. Use a newer message.',
  ]);
});

it('the file is read again when it changes; a bad one changes nothing; a test message says what came of it', async () => {
  const names = async () =>
    ((await central.call('GET', '/api/v1/notifiers')).value['notifiers'] as { name: string }[]).map(
      ({ name }) => name,
    );
  const test = async (name: string) =>
    (await central.call('POST', `/api/v1/notifiers/${name}/test`, {})).value;
  expect(await names()).toEqual(['chat']);
  expect(await test('chat')).toEqual({ notifier: 'chat', delivered: true, error: '' });
  slack.refusals.push({ status: 403 });
  expect(await test('chat')).toEqual({ notifier: 'chat', delivered: false, error: 'status 403' });
  const path = join(folder.path, 'notify.yaml');
  const good = readFileSync(path, 'utf8');
  writeFileSync(path, 'kind: Nonsense');
  const reloads = (result: string) =>
    central.metric(`picket_central_notify_reloads_total{result="${result}"}`);
  await vi.waitFor(async () => expect(await reloads('refused')).toBe(1), { timeout: 20_000 });
  expect(await names()).toEqual(['chat']);
  writeFileSync(path, good.replace('"chat"', '"talk"'));
  await vi.waitFor(async () => expect(await names()).toEqual(['talk']), { timeout: 20_000 });
});

it('a verdict is kept under the name of the person, who hears how to go on', async () => {
  const incident = await waitingIncident();
  await press(payload({ action: 'false-positive', value: incident }));
  await vi.waitFor(() => expect(answers()).toHaveLength(1), { timeout: 20_000 });
  const { value } = await central.call('GET', '/api/v1/feedback');
  const [verdict] = value['verdicts'] as { id: string; actor: string; verdict: string }[];
  expect(verdict).toMatchObject({ actor: 'slack:anna', verdict: 'false-positive' });
  expect(answers()).toEqual([
    `Thank you: ${incident} is kept as a false alarm. To keep the like of it out: picket exceptions make ${verdict?.id}`,
  ]);
});
