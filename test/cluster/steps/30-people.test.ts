/** Those who are told of an incident by the release's notifiers: over each way, the message has arrived. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attach } from '../cluster.ts';
import { until } from '../command.ts';
import { type People, startPeople } from '../people.ts';
import { incidents } from '../release.ts';
import { podOfShop, SHOP } from '../shop.ts';

const cluster = attach();
let people: People;

beforeAll(async () => {
  people = await startPeople(cluster);
  const pod = await podOfShop(cluster);
  await cluster.kubectl(['exec', '-n', SHOP, pod, '--', 'sh', '-c', 'cp /bin/busybox /tmp/id; /tmp/id']);
});
afterAll(async () => {
  await people?.close();
});

/** Waits until one of them names an incident of the shop that central has. */
const named = (what: string, texts: () => Promise<readonly string[]>): Promise<string> =>
  until(
    what,
    async () => {
      const ids = (await incidents(cluster)).map(({ id }) => String(id));
      const all = await texts();
      return ids.find((id) => all.some((text) => text.includes(id) && text.includes(SHOP))) ?? null;
    },
    240_000,
  );

test('Slack, by chat.postMessage', async () => {
  expect(
    await named('a message in the channel', async () => people.chat.requests.map(({ body }) => body)),
  ).toMatch(/^inc-/);
});

test('PagerDuty, as an event with the incident as its key', async () => {
  const events = async (): Promise<string[]> => people.page.requests.map(({ body }) => body);
  const id = await named('an event', events);
  const keys = (await events()).map((body) => (JSON.parse(body) as { dedup_key: string }).dedup_key);
  expect(keys).toContain(id);
});

test('email, over STARTTLS and with a login', async () => {
  // Bodies are quoted-printable.
  const texts = async (): Promise<string[]> =>
    people.mail.mails.map(({ raw }) => raw.replaceAll('=\r\n', ''));
  await named('a mail', texts);
  const { from, to, secure, user } = people.mail.mails[0] ?? { from: '', to: [], secure: false, user: '' };
  expect({ from, to, secure, user: user.includes('anna') }).toEqual({
    from: 'picket@example.org',
    to: ['on-call@example.org'],
    secure: true,
    user: true,
  });
});

test("Debian's Alertmanager, as an alert that fires", async () => {
  const firing = async (): Promise<string[]> =>
    (await people.alerts.firing()).map((labels) => JSON.stringify(labels));
  const id = await named('an alert', firing);
  expect((await people.alerts.firing()).find(({ incident }) => incident === id)).toMatchObject({
    alertname: 'PicketIncident',
    cluster: 'test',
    namespace: SHOP,
  });
});
