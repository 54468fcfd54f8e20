/** Orders, plans, and what the guard looks at. */
import type { Incident } from '../correlate/incident.ts';
import type { NodeIdentity, SignedOrder } from '../ingest/report.ts';
import type { ClusterTarget } from '../respond/cluster/action.ts';
import type { PlanState } from '../respond/execute.ts';
import { containerKey, keyOf, type Situation } from '../respond/guard.ts';
import type { Order, OrderState } from '../respond/orders.ts';
import type { Plan } from '../respond/plan.ts';
import { orderAction } from './order-action.ts';
import { flag, type Handle } from './rows.ts';
import type { Tables } from './schema.ts';

const HOUR_MS = 3_600_000;
/** After its bound, before central calls an order expired: the node's answer may be on its way. */
const GRACE_MS = 5000;
const UNSETTLED: readonly OrderState[] = ['queued', 'sent'];
const IN_FORCE: readonly OrderState[] = ['queued', 'sent', 'applied'];

type Row = Tables['orders'];

function rowOf(order: Order): Row {
  return {
    id: order.id,
    cluster: order.cluster,
    node: order.node,
    kind: order.kind,
    state: order.state,
    pod_uid: order.target.podUid,
    container_name: order.target.containerName,
    container_id: order.target.containerId,
    workload: order.target.workload,
    network_deny: flag(order.networkDeny),
    kill_on_exec: flag(order.killOnExec),
    exec_deny: flag(order.execDeny),
    cut_probes: flag(order.cutProbes),
    allow: JSON.stringify(order.allow),
    freeze: flag(order.freeze),
    kill: flag(order.kill),
    effect: order.effect === null ? '' : JSON.stringify(order.effect),
    lease_ms: order.leaseMs,
    not_after_ms: order.notAfterMs,
    until_ms: order.untilMs,
    issued_ms: order.issuedMs,
    sent_ms: order.sentMs,
    reason: order.reason,
    actor: order.actor,
    incident: order.incident,
    policy: order.policy,
    releases: order.releases,
    released_by: order.releasedBy,
    detail: order.detail,
    payload: order.signed.payload,
    key_id: order.signed.keyId,
    signature: order.signed.signature,
  };
}

function orderOf(row: Row): Order {
  return {
    id: row.id,
    cluster: row.cluster,
    node: row.node,
    kind: row.kind === 'release' ? 'release' : 'contain',
    state: row.state as OrderState,
    target: {
      podUid: row.pod_uid,
      containerName: row.container_name,
      containerId: row.container_id,
      workload: row.workload,
    },
    ...orderAction(row),
    effect: row.effect === '' ? null : (JSON.parse(row.effect) as Order['effect']),
    leaseMs: row.lease_ms,
    notAfterMs: row.not_after_ms,
    untilMs: row.until_ms,
    issuedMs: row.issued_ms,
    sentMs: row.sent_ms,
    reason: row.reason,
    actor: row.actor,
    incident: row.incident,
    policy: row.policy,
    releases: row.releases,
    releasedBy: row.released_by,
    detail: row.detail,
    signed: { payload: row.payload, keyId: row.key_id, signature: row.signature },
  };
}

/** A plan of before there was freezing, killing, an allow-list or one of the rest says nothing of it. */
function planOf(document: string): Plan {
  const plan = JSON.parse(document) as Plan;
  const before = { allow: [], freeze: false, kill: false, execDeny: false, cutProbes: false, cluster: [] };
  return {
    ...plan,
    steps: plan.steps.map((step) => ({ ...step, action: { ...before, ...step.action } })),
  };
}

export interface OrderStore {
  add(order: Order): Promise<void>;
  get(id: string): Promise<Order | null>;
  update(
    id: string,
    change: Partial<Pick<Order, 'state' | 'releasedBy' | 'detail' | 'untilMs' | 'effect'>>,
  ): Promise<void>;
  ofIncident(incident: string): Promise<readonly Order[]>;
  overdue(nowMs: number): Promise<readonly Order[]>;
  /** Orders that this node has not answered and that still count; a contain order that was taken back does not. */
  pending(node: NodeIdentity, nowMs: number): Promise<readonly SignedOrder[]>;
  /** What left for this node is `sent`. */
  sent(node: NodeIdentity, nowMs: number): Promise<void>;
  situation(incident: Incident | null, nowMs: number): Promise<Situation>;
  savePlan(plan: Plan, state: PlanState): Promise<void>;
  freePlanId(id: string): Promise<string>;
  proposedPlan(incident: string): Promise<Plan | null>;
  supersededPlan(incident: string, plan: string): Promise<Plan | null>;
  lastPlan(incident: string): Promise<Plan | null>;
}

/** What is done in the cluster about a container, as the guard counts it. */
async function inCluster(db: Handle, nowMs: number) {
  const rows = await db
    .selectFrom('cluster_orders')
    .select(['id', 'target', 'state', 'policy', 'incident', 'released_by', 'issued_ms'])
    .where((eb) =>
      eb.or([
        eb('state', 'in', ['queued', 'begun', 'applied', 'releasing']),
        eb('issued_ms', '>', nowMs - HOUR_MS),
        eb('released_by', '!=', ''),
      ]),
    )
    .execute();
  return rows.map((row) => {
    const { node, podUid, container, containerId, workload } = JSON.parse(row.target) as ClusterTarget;
    const place = { node, podUid, containerName: container, containerId, workload };
    const { id: order, policy, incident } = row;
    return {
      ...{ order, policy, incident, place, key: containerKey(place) },
      active: !['done', 'failed', 'released', 'expired'].includes(row.state) && row.released_by === '',
      recent: row.issued_ms > nowMs - HOUR_MS && policy !== '',
      released: row.released_by !== '',
    };
  });
}

/** What a person put away of this incident. */
async function refusedIn(db: Handle, incident: string): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('plans')
    .select('document')
    .where('incident', '=', incident)
    .where('state', '=', 'refused')
    .execute();
  const steps = rows.flatMap(({ document }) => planOf(document).steps);
  return new Set(steps.filter(({ verdict }) => verdict === 'propose').map(({ target }) => keyOf(target)));
}

/** What was contained for as long as it was to be, with nothing of the incident seen after it. */
async function servedIn(db: Handle, { id, lastMs }: Incident): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('orders')
    .selectAll()
    .where('incident', '=', id)
    .where('kind', '=', 'contain')
    .where('state', '=', 'expired')
    // 0: the node never did it.
    .where('until_ms', '>', 0)
    .where('until_ms', '>=', lastMs)
    .execute();
  return new Set(rows.map((row) => containerKey({ ...orderOf(row).target, node: row.node })));
}

async function situation(db: Handle, of: Incident | null, nowMs: number): Promise<Situation> {
  const incident = of?.id ?? '';
  const contained = db.selectFrom('orders').selectAll().where('kind', '=', 'contain');
  const active = await contained
    .where('state', 'in', [...IN_FORCE])
    .where('released_by', '=', '')
    .execute();
  const recent = await contained
    .where('issued_ms', '>', nowMs - HOUR_MS)
    .where('policy', '!=', '')
    .execute();
  const released = await contained.where('incident', '=', incident).where('released_by', '!=', '').execute();
  const live = await db
    .selectFrom('containers')
    .select(['node', 'id', 'name', 'pod_uid', 'workload'])
    .where('live', '=', 1)
    .execute();
  const cluster = await inCluster(db, nowMs);
  const key = (row: Row): string => containerKey({ ...orderOf(row).target, node: row.node });
  const count = (names: readonly string[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
    return counts;
  };
  const onNode = active.map((row) => ({
    ...orderOf(row).target,
    order: row.id,
    node: row.node,
    policy: row.policy,
  }));
  // A container that is held on its node and in the cluster counts once.
  const held = new Map(
    cluster.filter((one) => one.active).map(({ key: at, place, ...one }) => [at, { ...place, ...one }]),
  );
  for (const one of onNode) held.delete(containerKey(one));
  const counted = new Set(recent.map((row) => `${key(row)} ${row.incident}`));
  const also = new Map(
    cluster.filter((one) => one.recent).map((one) => [`${one.key} ${one.incident}`, one.policy]),
  );
  for (const one of counted) also.delete(one);
  return {
    active: [...onNode, ...held.values()],
    lastHour: count([...recent.map(({ policy }) => policy), ...also.values()]),
    live: new Set(
      live.map((one) =>
        containerKey({ node: one.node, podUid: one.pod_uid, containerName: one.name, containerId: one.id }),
      ),
    ),
    replicas: count(live.map(({ workload }) => workload)),
    released: new Set(
      incident === ''
        ? []
        : [
            ...released.map(key),
            ...cluster.filter((one) => one.released && one.incident === incident).map((one) => one.key),
          ],
    ),
    refused: of === null ? new Set() : await refusedIn(db, of.id),
    served: of === null ? new Set() : await servedIn(db, of),
  };
}

export function orderStore(db: Handle): OrderStore {
  const unsettled = (node: NodeIdentity) =>
    db
      .selectFrom('orders')
      .where('cluster', '=', node.cluster)
      .where('node', '=', node.node)
      .where('state', 'in', [...UNSETTLED])
      .where('released_by', '=', '');
  return {
    async add(order) {
      await db.insertInto('orders').values(rowOf(order)).execute();
    },
    async get(id) {
      const row = await db.selectFrom('orders').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : orderOf(row);
    },
    async update(id, { state, releasedBy, detail, untilMs, effect }) {
      const set = {
        ...(state === undefined ? {} : { state }),
        ...(releasedBy === undefined ? {} : { released_by: releasedBy }),
        ...(detail === undefined ? {} : { detail }),
        ...(untilMs === undefined ? {} : { until_ms: untilMs }),
        ...(effect === undefined || effect === null ? {} : { effect: JSON.stringify(effect) }),
      };
      await db.updateTable('orders').set(set).where('id', '=', id).execute();
    },
    async ofIncident(incident) {
      const rows = await db
        .selectFrom('orders')
        .selectAll()
        .where('incident', '=', incident)
        .orderBy('issued_ms')
        .execute();
      return rows.map(orderOf);
    },
    async overdue(nowMs) {
      const rows = await db
        .selectFrom('orders')
        .selectAll()
        .where('state', 'in', [...IN_FORCE])
        .where((eb) =>
          eb.or([
            eb('not_after_ms', '<', nowMs - GRACE_MS),
            eb.and([
              eb('state', '=', 'applied'),
              eb('until_ms', '>', 0),
              eb('until_ms', '<', nowMs - GRACE_MS),
            ]),
          ]),
        )
        .limit(1000)
        .execute();
      return rows.map(orderOf);
    },
    async pending(node, nowMs) {
      const rows = await unsettled(node)
        .select(['payload', 'key_id', 'signature'])
        .where('not_after_ms', '>', nowMs)
        .orderBy('issued_ms')
        .limit(1000)
        .execute();
      return rows.map((row) => ({ payload: row.payload, keyId: row.key_id, signature: row.signature }));
    },
    async sent(node, nowMs) {
      await db
        .updateTable('orders')
        .set({ state: 'sent', sent_ms: nowMs })
        .where('cluster', '=', node.cluster)
        .where('node', '=', node.node)
        .where('state', '=', 'queued')
        .where('released_by', '=', '')
        .execute();
    },
    situation: (incident, nowMs) => situation(db, incident, nowMs),
    async savePlan(plan, state) {
      const row = { incident: plan.incident, made_ms: plan.madeMs, state, document: JSON.stringify(plan) };
      // A newer plan of the same incident takes the place of one that still waits; what a person decided is no newer one.
      if (state !== 'approved' && state !== 'refused')
        await db
          .updateTable('plans')
          .set({ state: 'recorded' })
          .where('incident', '=', plan.incident)
          .where('state', '=', 'proposed')
          .execute();
      await db
        .insertInto('plans')
        .values({ id: plan.id, ...row })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
        .execute();
    },
    async freePlanId(id) {
      const rows = await db
        .selectFrom('plans')
        .select(['id', 'state'])
        .where((eb) => eb.or([eb('id', '=', id), eb('id', 'like', `${id}-%`)]))
        .execute();
      const undecided = rows.find(({ state }) => state === 'recorded' || state === 'proposed');
      return undecided?.id ?? (rows.length === 0 ? id : `${id}-${rows.length}`);
    },
    async proposedPlan(incident) {
      const row = await db
        .selectFrom('plans')
        .select('document')
        .where('incident', '=', incident)
        .where('state', '=', 'proposed')
        .orderBy('made_ms', 'desc')
        .executeTakeFirst();
      return row === undefined ? null : planOf(row.document);
    },
    async supersededPlan(incident, plan) {
      const row = await db
        .selectFrom('plans')
        .select('document')
        .where('id', '=', plan)
        .where('incident', '=', incident)
        .where('state', '=', 'recorded')
        .executeTakeFirst();
      const found = row === undefined ? null : planOf(row.document);
      return found?.steps.some(({ verdict }) => verdict === 'propose') ? found : null;
    },
    async lastPlan(incident) {
      const row = await db
        .selectFrom('plans')
        .select('document')
        .where('incident', '=', incident)
        .orderBy('made_ms', 'desc')
        .executeTakeFirst();
      return row === undefined ? null : planOf(row.document);
    },
  };
}
