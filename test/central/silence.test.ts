import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Silence } from '../../central/correlate/silence.ts';
import { container, summary } from '../builders/summaries.ts';
import { type WebhookFake, webhookFake } from '../fakes/webhook.ts';
import { startCentral, type TestCentral, temporaryFolder } from './harness.ts';

const HOUR = 3_600_000;
const node = (name: string, lastSeenMs: number) => ({ cluster: 'local', node: name, lastSeenMs });

it('a node falls silent once, and is back with the next word', () => {
  const silence = new Silence({ afterMs: 60_000, startedMs: 0 });
  const look = (lastSeenMs: number, nowMs: number) => silence.look([node('a', lastSeenMs)], nowMs);
  expect(look(1000, 60_999)).toEqual({ fell: [], back: [] });
  expect(look(1000, 61_000)).toEqual({ fell: [node('a', 1000)], back: [] });
  expect(look(1000, 90_000)).toEqual({ fell: [], back: [] });
  expect(look(95_000, 96_000)).toEqual({ fell: [], back: [node('a', 1000)] });
  expect(look(95_000, 155_000).fell).toEqual([node('a', 95_000)]);
});

it('a node that is forgotten is silent no more', () => {
  const silence = new Silence({ afterMs: 60_000, startedMs: 0 });
  silence.look([node('a', 1000), node('b', 1000)], 61_000);
  expect(silence.count).toBe(2);
  expect(silence.look([node('b', 1000)], 62_000)).toEqual({ fell: [], back: [] });
  expect(silence.count).toBe(1);
});

it('counts from the start of central, and not at all for what was gone long before', () => {
  const started = 100 * HOUR;
  const silence = new Silence({ afterMs: 60_000, startedMs: started });
  const nodes = [node('while-away', started - HOUR), node('removed', started - 25 * HOUR)];
  expect(silence.look(nodes, started + 59_999).fell).toEqual([]);
  expect(silence.look(nodes, started + 60_000).fell.map((one) => one.node)).toEqual(['while-away']);
});

let folder: ReturnType<typeof temporaryFolder>;
let hook: WebhookFake;
let central: TestCentral;
let start: (more?: Record<string, string>) => Promise<void>;
beforeEach(async () => {
  folder = temporaryFolder();
  hook = await webhookFake('secret');
  const file = join(folder.path, 'secret');
  writeFileSync(file, 'secret', { mode: 0o600 });
  const flags = { 'webhook-url': hook.url, 'webhook-secret-file': file, 'silent-after': '15s' };
  start = async (more = {}) => {
    central = await startCentral({ folder: folder.path, flags: { ...flags, ...more } });
  };
  await start();
});
afterEach(async () => {
  await central.stop();
  await hook.close();
  folder.remove();
});

it('a silent node is an incident that is told, once, and is told to be back', async () => {
  const speaker = central.node(await central.enrol());
  await speaker.send(summary({ sequence: 1, containers: [container('web-1')] }));
  const events = () => hook.received.map(({ notification }) => notification.event);
  await vi.waitFor(() => expect(events()).toEqual(['opened']), { timeout: 45_000, interval: 100 });
  const [told] = hook.received;
  expect(told?.notification.title).toMatch(/^Node node-1 has said nothing since 20/);
  expect(await central.metric('picket_central_nodes{state="silent"}')).toBe(1);
  const db = new DatabaseSync(central.ready.database);
  expect(db.prepare("select count(*) as n from alerts where kind = 'node'").get()).toEqual({ n: 1 });
  db.close();
  await speaker.send(summary({ sequence: 2, containers: [container('web-1')] }));
  await vi.waitFor(() => expect(events()).toEqual(['opened', 'node-back']), { timeout: 20_000 });
  const { value } = await central.call('GET', '/api/v1/incidents');
  expect(value['incidents']).toMatchObject([{ state: 'closed', severity: 'high' }]);
});

it('a silence of which the incident was closed is not told again by a central that starts anew', async () => {
  const speaker = central.node(await central.enrol());
  await speaker.send(summary({ sequence: 1, containers: [container('web-1')] }));
  const events = () => hook.received.map(({ notification }) => notification.event);
  await vi.waitFor(() => expect(events()).toEqual(['opened']), { timeout: 45_000, interval: 100 });
  await central.stop();
  const db = new DatabaseSync(central.ready.database);
  db.exec("update incidents set state = 'closed'");
  db.close();
  await start();
  const silent = () => central.metric('picket_central_nodes{state="silent"}');
  await vi.waitFor(async () => expect(await silent()).toBe(1), { timeout: 45_000, interval: 100 });
  // What is told comes after what is counted: word from the node comes after both.
  const again = central.node(await central.enrol());
  await again.send(summary({ sequence: 2, containers: [container('web-1')] }));
  await vi.waitFor(() => expect(events()).toContain('node-back'), { timeout: 20_000 });
  expect(events()).not.toContain('escalated');
});
