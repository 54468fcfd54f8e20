import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { dueForRenewal, enrol } from '../../../agent/uplink/enrol.ts';
import { type Enrolled, readEnrolled, writeEnrolled } from '../../../agent/uplink/files.ts';
import { Spool } from '../../../agent/uplink/spool.ts';
import { detectionEntry, summaryOf, windowEntry } from '../../../agent/uplink/summarize.ts';
import { Uplink } from '../../../agent/uplink/uplink.ts';
import { bootId, systemClock } from '../../../kit/clock.ts';
import { LOOK, type SignedOrder } from '../../../wire/index.ts';
import { type FakeCentral, startFakeCentral } from '../../fakes/central.ts';

vi.setConfig({ testTimeout: 15_000 });
const folder = mkdtempSync(join(tmpdir(), 'picket-uplink-'));
const clock = systemClock();
const boot = bootId();
let central: FakeCentral;
let enrolled: Enrolled;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  central = await startFakeCentral(join(folder));
  const answer = await enrol(request(central.token), new AbortController().signal);
  if (!answer.ok) throw new Error(`${answer.code}: ${answer.message}`);
  enrolled = answer.enrolled;
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  central.choose = () => 'accept';
  central.paceMs = 0;
  central.pending = [];
  central.stored.length = 0;
  central.tried.length = 0;
});
afterAll(async () => {
  await central.down();
  rmSync(folder, { recursive: true });
});

const request = (token: string) => ({
  url: central.url,
  cluster: 'local',
  node: 'node-a',
  ca: central.authority.certificate,
  token,
  credentials: null,
});

interface Options {
  readonly intervalMs?: number;
  readonly heartbeatLimitMs?: number;
  readonly silentMs?: number;
  readonly credentials?: Enrolled;
}

function startUplink(options: Options = {}) {
  const { intervalMs = 20, heartbeatLimitMs = 45_000, silentMs = 0, credentials = enrolled } = options;
  const orders: SignedOrder[] = [];
  const log: string[] = [];
  const spool = new Spool({
    folder: mkdtempSync(join(folder, 'spool-')),
    boot,
    clock,
    maxBytes: 1024 ** 2,
    onError: (error) => log.push(String(error)),
  });
  const uplink = new Uplink({
    url: central.url,
    credentials,
    spool,
    summarize: (segment) =>
      summaryOf(segment, {
        cluster: 'local',
        node: 'node-a',
        boot,
        bootNs: clock.bootNs(),
        wallMs: clock.wallMs(),
        containers: [],
        health: {},
      }),
    onOrder: async (order) => void orders.push(order),
    intervalMs,
    heartbeatLimitMs,
    silentMs,
    random: () => 0,
    log: (message) => log.push(message),
  });
  uplink.start();
  closing.push(async () => {
    await uplink.stop();
    await spool.close();
  });
  return { uplink, spool, orders, log };
}

const detect = (spool: Spool, id: string): boolean =>
  spool.append(detectionEntry({ id, detector: 'rarity' }));
const storedIds = (): string[] => central.stored.flatMap(({ detections }) => detections.map(({ id }) => id));
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 8000, interval: 10 });

test('sends what is spooled, then heartbeats, over one connection that also carries the order stream', async () => {
  const { spool, uplink } = startUplink();
  detect(spool, 'det-1');
  await until(() => expect(storedIds()).toEqual(['det-1']));
  await until(() => expect(uplink.counts.sent).toBeGreaterThan(3));
  expect(central.streams()).toBe(1);
  expect(central.connections()).toBe(1);
  const sequences = central.stored.map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.map((_, index) => (sequences[0] ?? 0) + index));
});

test('delivers each detection of an outage exactly once', async () => {
  const { spool, uplink } = startUplink();
  await until(() => expect(uplink.counts.sent).toBeGreaterThan(0));
  await central.down();
  const ids = Array.from({ length: 2000 }, (_, index) => `det-${index}`);
  for (const id of ids) detect(spool, id);
  await until(() => expect(uplink.counts.failures.size).toBeGreaterThan(0));
  await central.up();
  await until(() => expect(storedIds()).toHaveLength(ids.length));
  expect(storedIds()).toEqual(ids);
});

test('a summary whose answer was lost is sent again and stored once', async () => {
  let lost = 0;
  central.choose = ({ detections }) => (detections.length > 0 && lost++ === 0 ? 'lose' : 'accept');
  const { spool, uplink } = startUplink();
  detect(spool, 'det-once');
  await until(() => expect(uplink.counts.duplicates).toBe(1));
  expect(storedIds()).toEqual(['det-once']);
});

test('one that central refuses for good is counted with its code and blocks nothing', async () => {
  central.choose = ({ detections }) =>
    detections.some(({ id }) => id === 'det-bad') ? { status: 400, code: 'PICKET_HOSTILE_NAME' } : 'accept';
  const { spool, uplink } = startUplink();
  detect(spool, 'det-bad');
  await until(() => expect([...uplink.counts.refused]).toEqual([['PICKET_HOSTILE_NAME', 1]]));
  detect(spool, 'det-good');
  await until(() => expect(storedIds()).toEqual(['det-good']));
});

test.each([401, 408, 429, 500, 503])('tries again after %i', async (status) => {
  let refusals = 0;
  central.choose = () => (refusals++ === 0 ? { status, code: 'PICKET_LATER', retryAfter: 0 } : 'accept');
  const { spool, uplink } = startUplink();
  detect(spool, 'det-later');
  await until(() => expect(storedIds()).toEqual(['det-later']));
  expect(uplink.counts.failures.get('PICKET_LATER')).toBe(1);
  expect(uplink.counts.refused.size).toBe(0);
});

test('waits as long as retry-after says', async () => {
  const times: number[] = [];
  central.choose = () => {
    times.push(performance.now());
    return times.length === 1 ? { status: 429, code: 'PICKET_BUSY', retryAfter: 1 } : 'accept';
  };
  startUplink();
  await until(() => expect(times.length).toBeGreaterThan(1));
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(950);
});

test('sends no sooner than central asked for, even when woken', async () => {
  central.paceMs = 400;
  const { uplink } = startUplink();
  await until(() => expect(central.tried).toHaveLength(1));
  const before = performance.now();
  while (central.tried.length < 2) {
    uplink.wake();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(performance.now() - before).toBeGreaterThan(330);
});

test('sends at once when woken', async () => {
  const { spool, uplink } = startUplink({ intervalMs: 60_000 });
  await until(() => expect(uplink.counts.sent).toBe(1));
  detect(spool, 'det-now');
  const before = performance.now();
  uplink.wake();
  await until(() => expect(storedIds()).toEqual(['det-now']));
  expect(performance.now() - before).toBeLessThan(1000);
});

test('hands over orders from the stream and from replies', async () => {
  const { orders } = startUplink();
  await until(() => expect(central.streams()).toBe(1));
  const streamed = central.sign({ id: 'ord-streamed' });
  central.push(streamed);
  await until(() =>
    expect(orders.some(({ payload }) => Buffer.from(payload).includes('ord-streamed'))).toBe(true),
  );
  central.pending = [central.sign({ id: 'ord-replied' })];
  await until(() =>
    expect(orders.some(({ payload }) => Buffer.from(payload).includes('ord-replied'))).toBe(true),
  );
});

test('with nothing to tell it is silent while the order stream is open, and then tells at once', async () => {
  const { spool, uplink } = startUplink({ silentMs: 60_000 });
  await until(() => expect(uplink.counts.streamsOpened).toBe(1));
  await until(() => expect(uplink.counts.sent).toBeGreaterThan(0));
  await sleep(100);
  const { sent } = uplink.counts;
  await sleep(300);
  expect(uplink.counts.sent).toBe(sent);
  detect(spool, 'det-after');
  uplink.press();
  await until(() => expect(storedIds()).toContain('det-after'));
});

test('told to look it asks at once, with nothing to tell', async () => {
  const { uplink, orders } = startUplink({ intervalMs: 60_000, silentMs: 600_000 });
  await until(() => expect(uplink.counts.streamsOpened).toBe(1));
  await until(() => expect(uplink.counts.sent).toBeGreaterThan(0));
  const { sent } = uplink.counts;
  central.push(LOOK);
  await vi.waitFor(() => expect(uplink.counts.sent).toBe(sent + 1), { timeout: 40_000, interval: 10 });
  expect(orders).toEqual([]);
});

test('windows wait for what is pressing, and go with it', async () => {
  const { spool, uplink } = startUplink({ silentMs: 60_000 });
  await until(() => expect(uplink.counts.streamsOpened).toBe(1));
  await until(() => expect(uplink.counts.sent).toBeGreaterThan(0));
  spool.append(windowEntry({ container: 'c1' }));
  await sleep(300);
  expect(central.stored.flatMap(({ windows }) => windows)).toEqual([]);
  detect(spool, 'det-with');
  uplink.press();
  await until(() => expect(storedIds()).toEqual(['det-with']));
  expect(central.stored.flatMap(({ windows }) => windows)).toHaveLength(1);
});

test('windows alone go when central has heard nothing for a while', async () => {
  const { spool } = startUplink({ silentMs: 200 });
  spool.append(windowEntry({ container: 'c1' }));
  await until(() => expect(central.stored.flatMap(({ windows }) => windows)).toHaveLength(1));
});

test('opens the order stream again when heartbeats stop coming', async () => {
  const { uplink } = startUplink({ heartbeatLimitMs: 200 });
  await until(() => expect(uplink.counts.streamsOpened).toBeGreaterThan(1));
  expect([...uplink.counts.failures.keys()].some((code) => code.startsWith('STREAM_'))).toBe(true);
});

test('without a certificate that central knows nothing is stored and nothing is lost', async () => {
  const other = await startFakeCentral(mkdtempSync(join(folder, 'other-')));
  closing.push(() => other.down());
  const foreign = await enrol(
    { ...request(other.token), url: other.url, ca: other.authority.certificate },
    new AbortController().signal,
  );
  if (!foreign.ok) throw new Error(foreign.message);
  const credentials = { ...foreign.enrolled, ca: central.authority.certificate };
  const { spool, uplink } = startUplink({ credentials });
  detect(spool, 'det-kept');
  await until(() => expect(uplink.counts.failures.get('PICKET_CERTIFICATE')).toBeGreaterThan(0));
  expect(central.stored).toEqual([]);
  expect(spool.waiting).toBe(1);
  await uplink.renew(enrolled);
  await until(() => expect(storedIds()).toEqual(['det-kept']));
});

test('stops within a second while central does not answer', async () => {
  central.choose = () => 'lose';
  const { uplink } = startUplink();
  await until(() => expect(central.tried.length).toBeGreaterThan(0));
  const before = performance.now();
  await uplink.stop();
  expect(performance.now() - before).toBeLessThan(1000);
});

test('enrolment keeps the key to its owner and reads back as it was written', async () => {
  const state = mkdtempSync(join(folder, 'state-'));
  expect(await readEnrolled(state)).toBeNull();
  await writeEnrolled(state, enrolled);
  expect(await readEnrolled(state)).toEqual(enrolled);
  expect(statSync(join(state, 'node.key')).mode & 0o777).toBe(0o600);
});

test('a certificate that is not of the key counts as none', async () => {
  const state = mkdtempSync(join(folder, 'state-'));
  const second = await enrol(request(central.token), new AbortController().signal);
  if (!second.ok) throw new Error(second.message);
  await writeEnrolled(state, { ...enrolled, key: second.enrolled.key });
  expect(await readEnrolled(state)).toBeNull();
});

test('a wrong join token is told with its code', async () => {
  expect(await enrol(request('wrong'), new AbortController().signal)).toEqual({
    ok: false,
    code: 'PICKET_TOKEN',
    message: 'refused with PICKET_TOKEN',
  });
});

test('renews with the certificate it has, for the same names and another key', async () => {
  const answer = await enrol({ ...request(''), credentials: enrolled }, new AbortController().signal);
  if (!answer.ok) throw new Error(answer.message);
  expect(answer.enrolled.key).not.toBe(enrolled.key);
  const { uplink } = startUplink({ credentials: answer.enrolled });
  await until(() => expect(uplink.counts.sent).toBeGreaterThan(0));
});

test('a certificate is due when less than a third of its life is left', () => {
  const day = 86_400_000;
  expect(dueForRenewal(enrolled.certificate, Date.now() + 59 * day)).toBe(false);
  expect(dueForRenewal(enrolled.certificate, Date.now() + 61 * day)).toBe(true);
});
