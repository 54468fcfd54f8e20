import { generateKeyPairSync, sign } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Incident } from '../../../central/correlate/incident.ts';
import { encodeOrderPayload } from '../../../central/ingest/envelope.ts';
import type { ReportedOrder } from '../../../central/ingest/report.ts';
import { isActive, respond } from '../../../central/respond/execute.ts';
import { Again, expireLeases, type FollowParts, takeAnswers } from '../../../central/respond/follow.ts';
import { createOrderFactory, type Order } from '../../../central/respond/orders.ts';
import { parsePolicies } from '../../../central/respond/policy.ts';
import { undo } from '../../../central/respond/undo.ts';
import { fileDialect, openStore, type Store } from '../../../central/store/database.ts';
import { BOOT, container } from '../../builders/summaries.ts';
import { temporaryFolder } from '../harness.ts';

const T0 = 1_800_000_000_000;
const MINUTE = 60_000;
const NODE = { cluster: 'local', node: 'node-1' };
const { privateKey } = generateKeyPairSync('ed25519');
const { policies } = parsePolicies([
  {
    path: 'p',
    text: 'apiVersion: picket.dev/v1alpha1\nkind: PicketPolicy\nmetadata: {name: p}\nspec: {mode: enforce, limits: {maxContainers: 9, maxPercentOfWorkload: 100, perHour: 2}}\n',
  },
]);

let folder: ReturnType<typeof temporaryFolder>;
let store: Store;
let nowMs: number;
let parts: FollowParts;
beforeEach(async () => {
  folder = temporaryFolder();
  nowMs = T0;
  const clock = (): number => nowMs;
  const signer = { id: 'k', sign: (payload: Uint8Array) => sign(null, payload, privateKey) };
  const orders = createOrderFactory({ signer, encode: encodeOrderPayload, nowMs: clock });
  parts = { nowMs: clock, orders, again: new Again() };
  store = await openStore({ dialect: fileDialect(join(folder.path, 'db')), auditKey: new Uint8Array(32) });
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

/** An incident in these pods, whose containers are live. */
async function incidentIn(pods: readonly string[], sequence = 1): Promise<Incident> {
  const containers = pods.map((pod) => container(pod));
  const empty = {
    windows: [],
    detections: [],
    alerts: [],
    orderReports: [],
    health: null,
    sketches: [],
    sessions: [],
    standing: null,
    canaries: [],
    canaryIntervalMs: 0,
  };
  const head = { ...NODE, boot: BOOT, sequence, receivedMs: nowMs, anchor: { bootNs: 0n, wallMs: nowMs } };
  await store.reports.add({ ...head, ...empty, containers });
  const incident: Incident = {
    id: `inc-0000000${sequence}`,
    cluster: 'local',
    state: 'open',
    severity: 'high',
    stage: 'execution',
    confidence: 0.9,
    title: 'A server started a shell',
    firstMs: nowMs,
    lastMs: nowMs,
    members: [],
    involved: containers.map((one) => ({ ...one, node: 'node-1' })),
    techniques: [],
    identities: [],
    pods: [],
    priority: 0,
    reasons: [],
    findings: [],
    reaches: [],
    matches: [],
    facts: {},
    timeline: [],
    omitted: 0,
    revision: 1,
  };
  await store.incidents.save({ kind: 'opened', incident });
  return incident;
}
async function contained(pods: readonly string[] = ['web-1']): Promise<{ incident: Incident; order: Order }> {
  const incident = await incidentIn(pods);
  const { orders } = await respond(store.response, parts, { incident, policies });
  const [order] = orders;
  if (order === undefined) throw new Error('no order');
  return { incident, order };
}
const answer = (order: Order, state: string, untilMs = 0, effect: Partial<ReportedOrder> = {}) =>
  takeAnswers(store.response, parts, {
    speaker: NODE,
    reports: [
      {
        order: order.id,
        state,
        detail: '',
        wallMs: nowMs,
        untilMs,
        verified: '',
        proof: [],
        open: [],
        ...effect,
      },
    ],
  });
const stateOf = async (order: Order) => (await store.orders.get(order.id))?.state;
const expire = async (afterMs: number): Promise<readonly string[]> => {
  nowMs = T0 + afterMs;
  return (await expireLeases(store.response, parts)).map(({ id }) => id);
};

it('calls a lease expired when its end has passed, though the node says nothing', async () => {
  const { incident, order } = await contained();
  await answer(order, 'applied', T0 + 10 * MINUTE);
  expect(await expire(10 * MINUTE)).toEqual([]);
  expect(await expire(10 * MINUTE + 6000)).toEqual([order.id]);
  expect([await stateOf(order), (await store.incidents.get(incident.id))?.state]).toEqual([
    'expired',
    'expired',
  ]);
  expect(await store.views.steps({ limit: 1, before: null, incident: null })).toMatchObject([
    {
      actor: 'central',
      action: 'expire',
      order: order.id,
      text: `contain ${order.id}: expired: the lease ran out`,
    },
  ]);
  expect(await expire(60 * MINUTE)).toEqual([]);
});

it('gives up an order that was never answered when it may not begin any more', async () => {
  const { order } = await contained();
  expect((await store.orders.pending(NODE, T0 + 14 * MINUTE)).length).toBe(1);
  expect(await expire(15 * MINUTE + 6000)).toEqual([order.id]);
  expect(await store.orders.pending(NODE, nowMs)).toEqual([]);
});

it('lets a late answer change nothing', async () => {
  const { order } = await contained();
  await answer(order, 'expired');
  expect(await answer(order, 'applied', T0)).toEqual({ answered: [], unknown: 0, late: 1 });
  expect(await stateOf(order)).toBe('expired');
});

it('opens the incident again when the node refuses', async () => {
  const { incident, order } = await contained();
  await answer(order, 'refused');
  expect((await store.incidents.get(incident.id))?.state).toBe('open');
});

it('a release ends the containment in whichever order the node answers', async () => {
  const { incident, order } = await contained();
  const release = await undo(store.response, parts, { order: order.id, actor: 'admin', reason: 'r' });
  if ('declined' in release) throw new Error(release.message);
  // The node never had the first order: it refuses that one because the release came before it.
  expect((await store.orders.pending(NODE, nowMs)).length).toBe(1);
  await answer(order, 'refused');
  await answer(release, 'released');
  const [after, ended] = [await store.orders.get(order.id), await store.orders.get(release.id)];
  expect([after?.state, after && isActive(after), ended?.state]).toEqual(['refused', false, 'released']);
  expect((await store.incidents.get(incident.id))?.state).toBe('released');
});

it('asks a person from the third containment of an hour on', async () => {
  const incident = await incidentIn(['a-1', 'b-1', 'c-1']);
  const { plan, orders } = await respond(store.response, parts, { incident, policies });
  expect([orders.length, plan.steps.map(({ verdict, because }) => [verdict, because])[2]]).toEqual([
    2,
    ['propose', 'p has contained 2 in the last hour, at most 2 (perHour)'],
  ]);
  nowMs += 61 * MINUTE;
  const later = await respond(store.response, parts, { incident: await incidentIn(['d-1'], 2), policies });
  expect(later.orders).toHaveLength(1);
});

it('does not contain what is gone', async () => {
  const incident = await incidentIn(['web-1']);
  await incidentIn(['api-1'], 2);
  const { orders, plan } = await respond(store.response, parts, { incident, policies });
  expect([orders, plan.steps[0]?.because]).toEqual([[], 'the container is not live any more']);
});

it('writes down what the node found when it looked, and keeps it with the order', async () => {
  const { order } = await contained();
  const effect = { verified: 'tried', proof: ['network: tcp4 refused'], open: ['packet sockets'] };
  await answer(order, 'applied', T0 + 10 * MINUTE, effect);
  expect((await store.orders.get(order.id))?.effect).toEqual(effect);
  const [step] = await store.views.steps({ limit: 1, before: null, incident: null });
  expect(step).toMatchObject({
    action: 'answer',
    text: `contain ${order.id}: applied; verified from inside: network: tcp4 refused`,
  });
});

it('writes down once in 30 seconds that an order is in force anew, whatever a node says of it', async () => {
  const { order } = await contained();
  const until = T0 + 10 * MINUTE;
  await answer(order, 'applied', until);
  const before = (await store.steps.head()).line;
  const anew = async (detail: string) => (await answer(order, 'applied', until, { detail })).late;
  const said: number[] = [];
  for (let at = 0; at < 100; at += 1) said.push(await anew(`began anew ${at}`));
  expect([said.slice(0, 2), said.filter((late) => late === 1).length]).toEqual([[0, 1], 99]);
  expect((await store.steps.head()).line).toBe(before + 1);
  nowMs += 30_000;
  expect([await anew('later'), (await store.orders.get(order.id))?.detail]).toEqual([0, 'later']);
});

it('counts a container that was killed as free again', async () => {
  const { incident, order } = await contained();
  await answer(order, 'done');
  expect([await stateOf(order), (await store.response.situation(incident, nowMs)).active]).toEqual([
    'done',
    [],
  ]);
});
