/** Orders that central carries out in the cluster itself. */
import type { ClusterChange, ClusterOrder, ClusterOrderStore } from '../respond/cluster/order.ts';
import type { Handle } from './rows.ts';

export interface ClusterOrderRow {
  id: string;
  cluster: string;
  action: string;
  /** JSON, as `before` and `seen`, which are empty until there is something. */
  target: string;
  incident: string;
  policy: string;
  actor: string;
  reason: string;
  state: string;
  before: string;
  seen: string;
  detail: string;
  released_by: string;
  issued_ms: number;
  not_after_ms: number;
  lease_ms: number;
  until_ms: number;
}

const textOf = (value: object | null): string => (value === null ? '' : JSON.stringify(value));
const parsed = (text: string): unknown => (text === '' ? null : JSON.parse(text));

function orderOf(row: ClusterOrderRow): ClusterOrder {
  const { id, cluster, action, incident, policy, actor, reason, detail } = row;
  return {
    ...{ id, cluster, action, incident, policy, actor, reason, detail },
    target: parsed(row.target) as ClusterOrder['target'],
    state: row.state as ClusterOrder['state'],
    before: parsed(row.before) as ClusterOrder['before'],
    seen: parsed(row.seen) as ClusterOrder['seen'],
    issuedMs: row.issued_ms,
    notAfterMs: row.not_after_ms,
    leaseMs: row.lease_ms,
    untilMs: row.until_ms,
    releasedBy: row.released_by,
  };
}

function setOf({
  state,
  before,
  seen,
  detail,
  untilMs,
  releasedBy,
}: ClusterChange): Partial<ClusterOrderRow> {
  return {
    ...(state === undefined ? {} : { state }),
    ...(before === undefined ? {} : { before: textOf(before) }),
    ...(seen === undefined ? {} : { seen: textOf(seen) }),
    ...(detail === undefined ? {} : { detail }),
    ...(untilMs === undefined ? {} : { until_ms: untilMs }),
    ...(releasedBy === undefined ? {} : { released_by: releasedBy }),
  };
}

export function clusterOrderStore(db: Handle): ClusterOrderStore {
  return {
    async add({ target, before, seen, issuedMs, notAfterMs, leaseMs, untilMs, releasedBy, ...rest }) {
      await db
        .insertInto('cluster_orders')
        .values({
          ...rest,
          target: textOf(target),
          before: textOf(before),
          seen: textOf(seen),
          issued_ms: issuedMs,
          not_after_ms: notAfterMs,
          lease_ms: leaseMs,
          until_ms: untilMs,
          released_by: releasedBy,
        })
        .execute();
    },
    async get(id) {
      const row = await db.selectFrom('cluster_orders').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : orderOf(row);
    },
    async change(id, from, change) {
      const { numUpdatedRows } = await db
        .updateTable('cluster_orders')
        .set(setOf(change))
        .where('id', '=', id)
        .where('state', '=', from)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
    async open(nowMs) {
      const rows = await db
        .selectFrom('cluster_orders')
        .selectAll()
        .where((eb) =>
          eb.or([
            eb('state', 'in', ['queued', 'begun', 'releasing']),
            eb.and([eb('state', '=', 'applied'), eb('until_ms', '<=', nowMs)]),
          ]),
        )
        .orderBy('issued_ms')
        .limit(1000)
        .execute();
      return rows.map(orderOf);
    },
    async list(limit, incident) {
      let query = db.selectFrom('cluster_orders').selectAll().orderBy('issued_ms', 'desc').limit(limit);
      if (incident !== null) query = query.where('incident', '=', incident);
      return (await query.execute()).map(orderOf);
    },
  };
}
