import { afterEach, expect, it, vi } from 'vitest';
import { createDeliverer, type Deliverer, type DelivererParts } from '../../../central/notify/deliverer.ts';
import type { Channel, DeadLetter, Failure, Notification } from '../../../central/notify/notifier.ts';
import { systemClock } from '../../../kit/clock.ts';
import { notification } from '../../builders/notifications.ts';

const FAST = { tries: 3, wait: { baseMs: 2, limitMs: 4 } };
const open: Deliverer[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** A channel that answers as told and keeps the ids of each message. */
function bench(
  answer: (batch: readonly Notification[]) => Promise<Failure | null>,
  parts: Partial<DelivererParts> = {},
) {
  const messages: string[][] = [];
  const letters: DeadLetter[] = [];
  const counts: Record<string, number> = {};
  const closed = Promise.withResolvers<Failure>();
  const channel: Channel = {
    async deliver(batch) {
      messages.push(batch.map(({ id }) => id));
      return Promise.race([answer(batch), closed.promise]);
    },
    async close() {
      closed.resolve({ error: 'closed', again: true });
    },
  };
  const deliverer = createDeliverer({
    name: 'bench',
    channel,
    clock: systemClock(),
    deadLetter: async (letter) => void letters.push(letter),
    count: (result, times) => {
      counts[result] = (counts[result] ?? 0) + times;
    },
    ...FAST,
    ...parts,
  });
  open.push(deliverer);
  const ids = (): string[] => letters.map((letter) => letter.notification.id);
  return { deliverer, messages, letters, counts, ids };
}
const one = (id: string, change: Partial<Notification> = {}): Notification => notification({ id, ...change });
const never = (): Promise<never> => new Promise(() => {});

it('keeps the order, also over a message that needs several tries', async () => {
  let refusals = 2;
  const { deliverer, messages, counts } = bench(async () =>
    refusals-- > 0 ? { error: 'busy', again: true } : null,
  );
  for (const id of ['a', 'b', 'c']) deliverer.notify(one(id));
  await vi.waitFor(() => expect(counts['delivered']).toBe(3), { timeout: 20_000 });
  expect(messages).toEqual([['a'], ['a'], ['a'], ['b'], ['c']]);
});

it('puts what comes of one incident while it waits into one message, and asks a person at once', async () => {
  const { deliverer, messages } = bench(async () => null, { groupMs: 300 });
  deliverer.notify(one('a', { incident: 'inc-1' }));
  deliverer.notify(one('b', { incident: 'inc-2' }));
  deliverer.notify(one('c', { incident: 'inc-1' }));
  await vi.waitFor(() => expect(messages).toEqual([['a', 'c'], ['b']]), { timeout: 20_000 });
  const before = performance.now();
  deliverer.notify(one('d', { event: 'approval-wanted' }));
  await vi.waitFor(() => expect(messages).toHaveLength(3), { timeout: 20_000, interval: 5 });
  expect(performance.now() - before).toBeLessThan(290);
});

it('holds what is above its rate', async () => {
  const { deliverer, messages } = bench(async () => null, { perMinute: 2 });
  for (const id of ['a', 'b', 'c', 'd']) deliverer.notify(one(id));
  await vi.waitFor(() => expect(messages).toHaveLength(2), { timeout: 20_000 });
  await new Promise((done) => setTimeout(done, 100));
  expect(messages).toEqual([['a'], ['b']]);
  expect(deliverer.waiting()).toBe(2);
});

it('gives up the least severe when too many wait', async () => {
  const { deliverer, ids, counts } = bench(never);
  deliverer.notify(one('first', { severity: 'info' }));
  await vi.waitFor(() => expect(deliverer.waiting()).toBe(0), { timeout: 20_000 });
  deliverer.notify(one('great', { severity: 'critical' }));
  for (let at = 0; at < 1001; at += 1) deliverer.notify(one(`small-${at}`, { severity: 'low' }));
  expect(ids()).toEqual(['small-999', 'small-1000']);
  expect(counts).toEqual({ overflow: 2, dead: 2 });
});

it('an unreachable one delays no other', async () => {
  const stuck = bench(never);
  const well = bench(async () => null);
  for (const { deliverer } of [stuck, well]) deliverer.notify(one('a'));
  await vi.waitFor(() => expect(well.counts).toEqual({ delivered: 1 }), { timeout: 20_000 });
  expect(stuck.counts).toEqual({});
});

it('a channel that throws is one that failed', async () => {
  const { deliverer, letters } = bench(async () => {
    throw new Error('broken');
  });
  deliverer.notify(one('a'));
  await vi.waitFor(() => expect(letters).toMatchObject([{ error: 'broken', tries: 3 }]), { timeout: 20_000 });
});

it('what waits at the end is a dead letter, each once', async () => {
  const { deliverer, ids } = bench(async () => ({ error: 'busy', again: true }), {
    wait: { baseMs: 60_000, limitMs: 60_000 },
  });
  for (const id of ['a', 'b', 'c']) deliverer.notify(one(id));
  await deliverer.close();
  deliverer.notify(one('d'));
  await deliverer.close();
  expect(ids()).toEqual(['a', 'b', 'c', 'd']);
});
