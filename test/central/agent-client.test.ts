/** The agent's own client against the real central: what the two were built to apart must fit. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createVerifier } from '../../agent/contain/verify.ts';
import { CentralClient, type Credentials } from '../../agent/uplink/client.ts';
import { enrol } from '../../agent/uplink/enrol.ts';
import { encodeSummary, type SignedOrder } from '../../wire/index.ts';
import { attack, container, summary } from '../builders/summaries.ts';
import { startCentral, type TestCentral, temporaryFolder } from './harness.ts';

const folder = temporaryFolder();
const stopping = new AbortController();
let central: TestCentral;
beforeAll(async () => {
  central = await startCentral({
    folder: folder.path,
    policies: ['enforce-demo.yaml'],
    flags: { 'max-summary-bytes': '100k' },
  });
});
afterAll(async () => {
  stopping.abort();
  await central.stop();
  folder.remove();
});

it('enrols, renews, sends, is refused, and is given orders that it accepts', {
  timeout: 20_000,
}, async () => {
  const ca = readFileSync(central.ready.files.ca, 'utf8');
  const token = readFileSync(central.ready.files.joinToken, 'utf8').trim();
  const wanted = { url: central.ready.agents, cluster: 'local', node: 'node-1', ca };
  const first = await enrol({ ...wanted, token, credentials: null }, stopping.signal);
  if (!first.ok) throw new Error(first.message);
  const renewed = await enrol({ ...wanted, token: '', credentials: first.enrolled }, stopping.signal);
  if (!renewed.ok) throw new Error(renewed.message);
  const credentials: Credentials = renewed.enrolled;
  const client = new CentralClient({ url: central.ready.agents, credentials });
  const pushed: SignedOrder[] = [];
  const opened = new Promise<void>((resolve) => {
    const on = { opened: resolve, order: async (order: SignedOrder) => void pushed.push(order) };
    client.orders(stopping.signal, on).catch(() => undefined);
  });
  await opened;
  const send = (body: Uint8Array, sequence: number) =>
    client.upload(Buffer.from(body), sequence, stopping.signal);
  const outcome = await send(encodeSummary(attack([container('web-1')])), 1);
  if (outcome.kind !== 'accepted') throw new Error(JSON.stringify(outcome));
  expect(pushed).toEqual(outcome.reply.orders);
  const verifier = createVerifier({ cluster: 'local', node: 'node-1', keys: renewed.enrolled.orderKeys });
  expect(pushed.map((order) => verifier.verify(order, Date.now()).ok)).toEqual([true]);
  expect(await send(new Uint8Array(101 * 1024), 2)).toMatchObject({
    kind: 'refused',
    code: 'PICKET_TOO_LARGE',
  });
  expect(await send(encodeSummary(summary({ sequence: 3, schema: 9 })), 3)).toMatchObject({
    kind: 'refused',
    code: 'PICKET_SCHEMA',
  });
  expect((await send(encodeSummary(summary({ sequence: 4 })), 4)).kind).toBe('accepted');
  await client.close();
});
