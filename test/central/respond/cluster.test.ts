/** What guards say to actions in the cluster, and that what is asked for there is carried out by central itself. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Deeds } from '../../../central/console/routes.ts';
import { scopedDeeds } from '../../../central/console/within.ts';
import type { Incident, Involved } from '../../../central/correlate/incident.ts';
import { encodeOrderPayload } from '../../../central/ingest/envelope.ts';
import { undoCluster } from '../../../central/respond/cluster/ask.ts';
import { approve, containByHand, type ResponseParts, respond } from '../../../central/respond/execute.ts';
import { createOrderFactory } from '../../../central/respond/orders.ts';
import { DEFAULT_ACTION, parsePolicies } from '../../../central/respond/policy.ts';
import { parseScope } from '../../../central/respond/scope.ts';
import { fileDialect, openStore, type Store } from '../../../central/store/database.ts';
import { BOOT, container } from '../../builders/summaries.ts';
import { temporaryFolder } from '../harness.ts';

const T0 = 1_800_000_000_000;
const { privateKey } = generateKeyPairSync('ed25519');
const policyOf = (spec: string) =>
  parsePolicies([
    {
      path: 'p',
      text: `apiVersion: picket.dev/v1alpha1\nkind: PicketPolicy\nmetadata: {name: p}\nspec: ${spec}\n`,
    },
  ]).policies;
const ONLY = 'networkDeny: false, killOnExec: false';
const WIDE = 'limits: {maxContainers: 9, maxPercentOfWorkload: 100, perHour: 9}';

let folder: ReturnType<typeof temporaryFolder>;
let store: Store;
let parts: ResponseParts;
beforeEach(async () => {
  folder = temporaryFolder();
  const nowMs = () => T0;
  const signer = { id: 'k', sign: (payload: Uint8Array) => sign(null, payload, privateKey) };
  parts = { nowMs, orders: createOrderFactory({ signer, encode: encodeOrderPayload, nowMs }) };
  store = await openStore({ dialect: fileDialect(join(folder.path, 'db')), auditKey: new Uint8Array(32) });
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

let sequence = 0;
/** An incident in these pods, which are live. */
async function incidentIn(pods: readonly string[], namespace = 'shop', live = true): Promise<Incident> {
  const on = pods.map((pod) => container(pod, namespace));
  sequence += 1;
  await store.reports.add({
    cluster: 'local',
    node: 'node-1',
    boot: BOOT,
    sequence,
    receivedMs: T0,
    anchor: { bootNs: 1n, wallMs: T0 },
    containers: live ? on : [],
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
  });
  const involved = on.map(
    (one): Involved => ({
      node: 'node-1',
      id: one.id,
      name: one.name,
      podUid: one.podUid,
      pod: one.pod,
      namespace: one.namespace,
      workload: one.workload,
      image: one.image,
    }),
  );
  const incident: Incident = {
    id: `inc-${sequence}`,
    cluster: 'local',
    state: 'open',
    severity: 'high',
    stage: 'execution',
    confidence: 0.9,
    title: 'A server started a shell',
    firstMs: T0,
    lastMs: T0,
    members: on.map((one) => ({
      alert: `alr-${one.id.slice(0, 8)}`,
      container: `node-1/${one.id}`,
      severity: 'high',
      score: 0.9,
      title: '',
      detectors: ['rarity'],
      techniques: [],
      impaired: false,
      because: '',
    })),
    involved,
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
const made = async (): Promise<readonly string[]> =>
  (await store.clusterOrders.list(100, null)).map(({ action, target }) => `${action} ${target.pod}`).sort();

describe('a policy', () => {
  const enforce = policyOf(`{mode: enforce, action: {${ONLY}, cluster: [quarantine, evict]}, ${WIDE}}`);

  it('that enforces has its actions done, and no order for a node that has nothing to do', async () => {
    const { orders, plan } = await respond(store.response, parts, {
      incident: await incidentIn(['web-1']),
      policies: enforce,
    });
    expect([orders, await made()]).toEqual([[], ['evict web-1', 'quarantine web-1']]);
    expect(plan.steps[0]?.verdict).toBe('execute');
  });

  it('that observes or asks has nothing done, until a person says yes', async () => {
    const incident = await incidentIn(['web-1']);
    const observe = policyOf(`{mode: observe, action: {${ONLY}, cluster: [evict]}}`);
    await respond(store.response, parts, { incident, policies: observe });
    const ask = policyOf(`{mode: ask, action: {${ONLY}, cluster: [evict]}}`);
    const asking = await incidentIn(['web-2']);
    await respond(store.response, parts, { incident: asking, policies: ask });
    expect(await made()).toEqual([]);
    const by = { incident: asking.id, actor: 'ann', reason: 'yes', policies: ask };
    await approve(store.response, parts, by);
    expect(await made()).toEqual(['evict web-2']);
  });

  it('that asks for what reaches beyond a namespace is not for somebody of it to approve or take back', async () => {
    const ask = policyOf(`{mode: ask, action: {${ONLY}, cluster: [evict, cordon]}}`);
    const incident = await incidentIn(['web-1']);
    await respond(store.response, parts, { incident, policies: ask });
    const deeds = {
      contain: () => Promise.reject(new Error('not asked')),
      undo: () => Promise.reject(new Error('not asked')),
      approve: (asked: Parameters<Deeds['approve']>[0]) =>
        approve(store.response, parts, { ...asked, policies: ask }),
    };
    const of = (scope: string): Deeds => scopedDeeds(deeds, store.places, parseScope(scope));
    const by = { incident: incident.id, actor: 'ann', reason: 'yes' };
    expect(await of('local/shop').approve(by)).toEqual({
      declined: 'forbidden',
      message: 'cordon reaches beyond the namespaces that ann is for',
    });
    expect(await made()).toEqual([]);
    await deeds.approve(by);
    const orders = await store.clusterOrders.list(9, null);
    const places = await Promise.all(
      orders.map(async ({ id, action }) => [action, await store.places.order(id)]),
    );
    expect(Object.fromEntries(places)).toEqual({
      evict: { cluster: 'local', namespace: 'shop' },
      cordon: { cluster: 'local', namespace: '-' },
    });
    const cordon = orders.find(({ action }) => action === 'cordon')?.id ?? '';
    expect(await of('local/shop').undo({ order: cordon, actor: 'ann', reason: 'no' })).toMatchObject({
      declined: 'not-found',
    });
  });

  it('is held to its limits and to what is protected, gone, contained or given back', async () => {
    const tight = (limits: string): typeof enforce =>
      policyOf(`{mode: enforce, action: {${ONLY}, cluster: [cordon]}, limits: {${limits}}}`);
    const verdicts = async (incident: Incident, policies: typeof enforce): Promise<readonly string[]> =>
      (await respond(store.response, parts, { incident, policies })).plan.steps.map(
        ({ verdict, because }) => `${verdict}: ${because}`,
      );
    expect(await verdicts(await incidentIn(['dns-1'], 'kube-system'), enforce)).toEqual([
      'refuse: namespace kube-system is protected',
    ]);
    expect(await verdicts(await incidentIn(['gone-1'], 'shop', false), enforce)).toEqual([
      'refuse: the container is not live any more',
    ]);
    const replicas = await incidentIn(['web-1', 'web-2']);
    expect(await verdicts(replicas, tight('maxContainers: 1, maxPercentOfWorkload: 100'))).toEqual([
      'execute: policy p says enforce',
      'propose: it would be container 2 that p holds, at most 1 (maxContainers)',
    ]);
    expect(await made()).toEqual(['cordon web-1']);
    expect((await verdicts(replicas, enforce))[0]).toContain('refuse: it is already contained by clu-');
    const all = await store.clusterOrders.list(9, null);
    const held = all.find(({ target }) => target.pod === 'web-1');
    await store.clusterOrders.change(held?.id ?? '', 'queued', { state: 'applied' });
    const by = { order: held?.id ?? '', actor: 'ann', reason: 'wrong' };
    expect(await undoCluster(store.response, by, T0)).toMatchObject({ state: 'releasing' });
    expect((await verdicts(replicas, enforce))[0]).toBe('refuse: a person released it in this incident');
    const others = await incidentIn(['api-1', 'api-2', 'api-3']);
    expect(await verdicts(others, tight('maxContainers: 9, maxPercentOfWorkload: 40'))).toEqual([
      'execute: policy p says enforce',
      'propose: 67 % of 3 live replicas would be cut, at most 40 % (maxPercentOfWorkload)',
      'propose: 67 % of 3 live replicas would be cut, at most 40 % (maxPercentOfWorkload)',
    ]);
    expect(
      await verdicts(
        await incidentIn(['db-1']),
        tight('maxContainers: 9, maxPercentOfWorkload: 100, perHour: 2'),
      ),
    ).toEqual(['propose: p has contained 3 in the last hour, at most 2 (perHour)']);
  });
});

it('a person may have it done too, for what is a pod', async () => {
  const { involved } = await incidentIn(['web-1']);
  const action = { ...DEFAULT_ACTION, cluster: ['scale-down'] };
  const asked = { cluster: 'local', targets: involved, action, actor: 'ann', reason: 'now', incident: '' };
  const done = await containByHand(store.response, parts, asked);
  expect(done).toMatchObject({ orders: [{ networkDeny: true }], clusterOrders: [{ action: 'scale-down' }] });
  const steps = await store.views.steps({ limit: 9, before: null, incident: null });
  expect(steps).toContainEqual(
    expect.objectContaining({ actor: 'ann', text: 'scale-down of shop/web-1: now' }),
  );
});
