import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Deafness, type Hearing } from '../../central/correlate/deafness.ts';
import type { Canary } from '../../wire/index.ts';
import { container, summary } from '../builders/summaries.ts';
import { type WebhookFake, webhookFake } from '../fakes/webhook.ts';
import { startCentral, type TestCentral, temporaryFolder } from './harness.ts';

const MINUTE = 60_000;
const hearing = (change: Partial<Hearing> = {}): Hearing => ({
  ...{ cluster: 'local', node: 'a', intervalMs: 10 * MINUTE, sinceMs: 0, provedMs: 0, failures: 0 },
  ...{ result: '', detail: '', lastSeenMs: 0 },
  ...change,
});

it('a node is deaf after two in a row, or three intervals without a proof, as long as it speaks', () => {
  const deafness = new Deafness({ afterMs: MINUTE, startedMs: 0 });
  const look = (nowMs: number, change: Partial<Hearing>) => {
    const { fell, back } = deafness.look([hearing({ lastSeenMs: nowMs, ...change })], nowMs);
    return [fell.length, back.length, Object.entries(deafness.counts).find(([, count]) => count > 0)?.[0]];
  };
  expect(look(MINUTE, {})).toEqual([0, 0, 'waited-for']);
  expect(look(2 * MINUTE, { provedMs: 2 * MINUTE })).toEqual([0, 0, 'proved']);
  expect(look(3 * MINUTE, { provedMs: 2 * MINUTE, failures: 1 })).toEqual([0, 0, 'proved']);
  expect(look(4 * MINUTE, { provedMs: 2 * MINUTE, failures: 2 })).toEqual([1, 0, 'deaf']);
  expect(look(5 * MINUTE, { provedMs: 2 * MINUTE, failures: 3 })).toEqual([0, 0, 'deaf']);
  expect(look(6 * MINUTE, { provedMs: 6 * MINUTE })).toEqual([0, 1, 'proved']);
  expect(look(37 * MINUTE, { provedMs: 6 * MINUTE })).toEqual([0, 0, 'proved']);
  expect(look(37 * MINUTE + 1, { provedMs: 6 * MINUTE })).toEqual([1, 0, 'deaf']);
  expect(look(40 * MINUTE, { provedMs: 6 * MINUTE, lastSeenMs: 38 * MINUTE })).toEqual([0, 0, undefined]);
  expect(look(41 * MINUTE, { intervalMs: 0 })).toEqual([0, 1, 'off']);
});

let folder: ReturnType<typeof temporaryFolder>;
let hook: WebhookFake;
let central: TestCentral;
beforeEach(async () => {
  folder = temporaryFolder();
  hook = await webhookFake('secret');
  const file = join(folder.path, 'secret');
  writeFileSync(file, 'secret', { mode: 0o600 });
  const flags = { 'webhook-url': hook.url, 'webhook-secret-file': file };
  central = await startCentral({ folder: folder.path, flags });
});
afterEach(async () => {
  await central.stop();
  await hook.close();
  folder.remove();
});

const canary = (result: string, change: Partial<Canary> = {}): Canary => ({
  id: `can-${'a'.repeat(20)}`,
  result,
  wallMs: Date.now() - 40,
  detectMs: result === 'seen' ? 2.5 : 0,
  detail: '',
  ...change,
});
const said = (sequence: number, ...canaries: Canary[]) =>
  summary({ sequence, containers: [container('web-1')], canaryIntervalMs: 600_000, canaries });
const nodes = async () =>
  (await central.call('GET', '/api/v1/nodes')).value['nodes'] as { canary: Record<string, unknown> | null }[];

it('a canary goes all the way to a notifier, is timed, opens nothing and is told to nobody', async () => {
  const speaker = central.node(await central.enrol());
  await speaker.send(said(1, canary('seen')));
  await vi.waitFor(async () => expect((await nodes())[0]?.canary?.['notifiedMs']).toBeGreaterThan(0), {
    timeout: 20_000,
  });
  const [node] = await nodes();
  expect(node?.canary).toMatchObject({ intervalMs: 600_000, failures: 0, result: 'seen', detectMs: 2.5 });
  expect(node?.canary?.['notifyMs']).toBeGreaterThanOrEqual(40);
  expect(await central.metric('picket_central_canary_notify_ms_count{notifier="canary"}')).toBe(1);
  expect(await central.metric('picket_central_canaries_total{result="seen"}')).toBe(1);
  expect(await central.metric('picket_central_canary_detect_ms_count')).toBe(1);
  expect(hook.received).toEqual([]);
  const { value } = await central.call('GET', '/api/v1/incidents');
  expect(value['incidents']).toEqual([]);
});

it('the same summary again is not another canary', async () => {
  const speaker = central.node(await central.enrol());
  for (const _ of [1, 2]) await speaker.send(said(1, canary('seen')));
  expect(await central.metric('picket_central_canaries_total{result="seen"}')).toBe(1);
});

it('a node that speaks and is deaf is an incident of its own, told once, and told to be over', async () => {
  const speaker = central.node(await central.enrol());
  await speaker.send(said(1, canary('missed')));
  await speaker.send(said(2, canary('failed', { detail: 'no such program' })));
  const events = () => hook.received.map(({ notification }) => notification.event);
  await vi.waitFor(() => expect(events()).toEqual(['opened']), { timeout: 45_000, interval: 100 });
  expect(hook.received[0]?.notification.title).toMatch(/^Node node-1 is deaf/);
  expect(await central.metric('picket_central_canary_nodes{state="deaf"}')).toBe(1);
  expect(await central.metric('picket_central_nodes{state="silent"}')).toBe(0);
  await speaker.send(said(3, canary('seen')));
  await vi.waitFor(() => expect(events()).toEqual(['opened', 'node-back']), { timeout: 45_000 });
  const { value } = await central.call('GET', '/api/v1/incidents');
  expect(value['incidents']).toMatchObject([{ state: 'closed', severity: 'high' }]);
});

it.each([
  { id: 'can-x' },
  { result: 'fine' },
  { detectMs: -1 },
  { detail: 'a\u0007b' },
])('refuses what is no canary: %o', async (change) => {
  const { status } = await central.node(await central.enrol()).send(said(1, canary('seen', change)));
  expect(status).toBe(400);
});
