/** What the objects of the cluster are made from: containments with their pods, and proposals that wait for a person. */
import type { Proposal } from '../cluster/containment-object.ts';
import type { ObjectSource } from '../cluster/containments.ts';
import type { Plan } from '../respond/plan.ts';
import { orderAction } from './order-action.ts';
import { chunks, type Handle } from './rows.ts';

const IN_FORCE = ['queued', 'sent', 'applied'] as const;
/** Of each: what a cluster's objects can be. */
const MOST = 2000;
const IN_A_POD = 64;

const proposalsOf = (
  rows: readonly { readonly document: string; readonly incident: string }[],
  cluster: string,
): Proposal[] =>
  rows
    .map(({ document, incident }) => ({
      plan: JSON.parse(document) as Plan,
      incident: JSON.parse(incident) as { cluster: string; title: string },
    }))
    .filter(({ incident }) => incident.cluster === cluster)
    .map(({ plan, incident: { title } }) => ({ plan, title }));

export function containmentStore(db: Handle): ObjectSource {
  const plans = db
    .selectFrom('plans')
    .innerJoin('incidents', 'incidents.id', 'plans.incident')
    .select(['plans.document', 'incidents.document as incident'])
    .orderBy('plans.made_ms', 'desc');
  return {
    async containments({ cluster, sinceMs }) {
      const rows = await db
        .selectFrom('orders')
        .leftJoin('containers', (join) =>
          join
            .onRef('containers.cluster', '=', 'orders.cluster')
            .onRef('containers.node', '=', 'orders.node')
            .onRef('containers.id', '=', 'orders.container_id'),
        )
        .selectAll('orders')
        .select(['containers.pod', 'containers.namespace'])
        .where('orders.kind', '=', 'contain')
        .where('orders.cluster', '=', cluster)
        .where((eb) => eb.or([eb('orders.state', 'in', [...IN_FORCE]), eb('orders.issued_ms', '>', sinceMs)]))
        .orderBy('orders.issued_ms', 'desc')
        .limit(MOST)
        .execute();
      return rows.map((row) => ({
        order: row.id,
        state: row.state,
        releasedBy: row.released_by,
        detail: row.detail,
        node: row.node,
        namespace: row.namespace ?? '',
        pod: row.pod ?? '',
        podUid: row.pod_uid,
        container: row.container_name,
        action: orderAction(row),
        leaseMs: row.lease_ms,
        issuedMs: row.issued_ms,
        untilMs: row.until_ms,
        reason: row.reason,
        actor: row.actor,
        incident: row.incident,
      }));
    },
    async proposals({ cluster }) {
      const rows = await plans.where('plans.state', '=', 'proposed').limit(MOST).execute();
      return proposalsOf(rows, cluster);
    },
    async superseded({ cluster, plans: ids }) {
      const found: Proposal[] = [];
      for (const part of chunks(ids)) {
        const rows = await plans
          .where('plans.state', '=', 'recorded')
          .where('plans.id', 'in', part)
          .execute();
        found.push(...proposalsOf(rows, cluster));
      }
      return found;
    },
    async containersOfPod({ cluster, namespace, pod }) {
      return db
        .selectFrom('containers')
        .select([
          'cluster',
          'node',
          'id',
          'name',
          'pod_uid as podUid',
          'pod',
          'namespace',
          'workload',
          'image',
        ])
        .where('cluster', '=', cluster)
        .where('namespace', '=', namespace)
        .where('pod', '=', pod)
        .where('live', '=', 1)
        .orderBy('name')
        .limit(IN_A_POD)
        .execute();
    },
    async nodes({ cluster }) {
      const rows = await db
        .selectFrom('nodes')
        .leftJoin('canaries', (join) =>
          join.onRef('canaries.cluster', '=', 'nodes.cluster').onRef('canaries.node', '=', 'nodes.node'),
        )
        .select(['nodes.node', 'last_seen_ms', 'health'])
        .select(['interval_ms', 'since_ms', 'proved_ms', 'failures', 'result', 'detail'])
        .select(['detect_ms', 'notify_ms', 'notified_ms'])
        .where('nodes.cluster', '=', cluster)
        .orderBy('nodes.node')
        .limit(10_000)
        .execute();
      return rows.map((row) => ({
        node: row.node,
        lastSeenMs: row.last_seen_ms,
        health: row.health === '' ? null : JSON.parse(row.health),
        canary:
          row.interval_ms === null
            ? null
            : {
                ...{ cluster, node: row.node, lastSeenMs: row.last_seen_ms },
                ...{ intervalMs: row.interval_ms, sinceMs: row.since_ms ?? 0, provedMs: row.proved_ms ?? 0 },
                ...{ failures: row.failures ?? 0, result: row.result ?? '', detail: row.detail ?? '' },
                ...{ detectMs: row.detect_ms ?? 0, notifyMs: row.notify_ms ?? 0 },
                notifiedMs: row.notified_ms ?? 0,
              },
      }));
    },
  };
}
