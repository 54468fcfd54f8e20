import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { signature } from '../../central/notify/channels/webhook.ts';
import { attack, container } from '../builders/summaries.ts';
import { type WebhookFake, webhookFake } from '../fakes/webhook.ts';
import { startCentral, type TestCentral, temporaryFolder } from './harness.ts';

const SECRET = 'a secret of the receiver';
const FAST = { tries: 3, wait: { baseMs: 5, limitMs: 10 } };
let folder: ReturnType<typeof temporaryFolder>;
let hook: WebhookFake;
let central: TestCentral;

async function start(url: string): Promise<void> {
  const file = join(folder.path, 'webhook-secret');
  writeFileSync(file, `${SECRET}\n`, { mode: 0o600 });
  const flags = { 'webhook-url': url, 'webhook-secret-file': file };
  central = await startCentral({
    folder: folder.path,
    policies: ['enforce-demo.yaml'],
    flags,
    delivery: FAST,
  });
}
beforeEach(async () => {
  folder = temporaryFolder();
  hook = await webhookFake(SECRET);
});
afterEach(async () => {
  await central.stop();
  await hook.close();
  folder.remove();
});
const events = (): string[] => hook.received.map(({ notification }) => notification.event);

it('tells what happened, in order, under a signature that the receiver can check', async () => {
  await start(hook.url);
  const node = central.node(await central.enrol());
  await node.send(attack([container('web-1')]));
  const { value } = await central.call('GET', '/api/v1/containments');
  const [contained] = value['containments'] as { id: string; incident: string }[];
  await central.call('POST', `/api/v1/containments/${contained?.id}/undo`, { reason: 'false alarm' });
  await vi.waitFor(() => expect(events()).toEqual(['opened', 'executed', 'undone']));
  expect(hook.received.every(({ genuine }) => genuine)).toBe(true);
  expect(hook.received[1]?.notification).toEqual({
    event: 'executed',
    id: expect.stringMatching(/^ntf-/),
    atMs: expect.any(Number),
    cluster: 'local',
    incident: contained?.incident,
    severity: 'high',
    title: 'A server started a shell (in demo/web-1/web)',
    text: expect.stringContaining('1. [execute] demo/web-1/web on node node-1'),
    orders: [contained?.id],
    actor: 'policy:enforce-demo',
    namespaces: ['demo'],
    places: ['demo/web-1/web on node-1'],
    techniques: ['T1059.004'],
    timeline: [
      { atMs: expect.any(Number), text: 'A server started a shell.' },
      { atMs: expect.any(Number), text: 'A server started a shell.' },
    ],
  });
});

it('signs as its description says', () => {
  // printf '1800000000.{}' | openssl dgst -sha256 -hmac key
  const digest = '7321475872b03ff21bdc2dfd86ea2d99ec29c479fbe4a77aa6acf4509505493f';
  expect(signature('key', 1_800_000_000, '{}')).toBe(`t=1800000000,v1=${digest}`);
});

it('tries again when the receiver fails for a while', async () => {
  await start(hook.url);
  hook.answers.push(503, 429);
  await central.node(await central.enrol()).send(attack([container('web-1')]));
  await vi.waitFor(() => expect(events()).toEqual(['opened', 'executed']));
  expect(
    await central.metric('picket_central_notifications_total{notifier="webhook",result="retried"}'),
  ).toBe(2);
});

it('gives up as a dead letter, at once when trying again is no use', async () => {
  await start(hook.url);
  hook.answers.push(400, 500, 500, 500);
  await central.node(await central.enrol()).send(attack([container('web-1')]));
  await vi.waitFor(async () => {
    const { value } = await central.call('GET', '/api/v1/dead-letters');
    const letters = value['deadLetters'] as { event: string; error: string; tries: number }[];
    expect(letters.map(({ event, error, tries }) => [event, error, tries]).sort()).toEqual([
      ['executed', 'status 500', 3],
      ['opened', 'status 400', 1],
    ]);
  });
  expect(await central.metric('picket_central_notifications_total{notifier="webhook",result="dead"}')).toBe(
    2,
  );
});

it('delays nothing when the receiver cannot be reached, and stops in time', async () => {
  // TEST-NET-1: packets to it go nowhere.
  await start('http://192.0.2.1:9/hook');
  const node = central.node(await central.enrol());
  const before = performance.now();
  const sent = await node.send(attack([container('web-1')]));
  const answered = performance.now() - before;
  await central.stop();
  expect(sent.reply?.orders).toHaveLength(1);
  expect(answered).toBeLessThan(2000);
  expect(performance.now() - before).toBeLessThan(5000);
});

it('does not start without a secret, or with one that others can read', async () => {
  await start(hook.url);
  const file = join(folder.path, 'open-secret');
  writeFileSync(file, SECRET, { mode: 0o644 });
  const other = temporaryFolder();
  const starting = (flags: Record<string, string>) => startCentral({ folder: other.path, flags });
  await expect(starting({ 'webhook-url': hook.url })).rejects.toThrow(
    'webhook-secret-file: needed with webhook-url',
  );
  await expect(starting({ 'webhook-url': hook.url, 'webhook-secret-file': file })).rejects.toMatchObject({
    code: 'PICKET_KEY_FILE',
  });
  other.remove();
});
