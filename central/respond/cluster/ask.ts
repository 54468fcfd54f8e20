/** Makes cluster orders of what a plan or a person wants, and takes them back. */
import { randomBytes } from 'node:crypto';
import type { Involved } from '../../correlate/incident.ts';
import type { Declined } from '../declined.ts';
import type { ClusterOrder, ClusterStore } from './order.ts';

/** How long an order may wait for the API server and still begin. */
const BEGIN_MS = 300_000;
export const CLUSTER_ORDER = 'clu-';

export interface Wanted {
  readonly cluster: string;
  readonly target: Involved;
  readonly actions: readonly string[];
  readonly leaseMs: number;
  readonly actor: string;
  readonly reason: string;
  readonly incident: string;
  readonly policy: string;
}

/** One order for each action; none for what is no pod. */
export async function askCluster(
  store: ClusterStore,
  wanted: Wanted,
  nowMs: number,
): Promise<readonly ClusterOrder[]> {
  const { target, actions, cluster, actor, reason, incident, policy, leaseMs } = wanted;
  if (target.pod === '' || target.podUid === '') return [];
  const { node, namespace, pod, podUid, workload, name: container, id: containerId } = target;
  const orders = actions.map(
    (action): ClusterOrder => ({
      id: `${CLUSTER_ORDER}${randomBytes(10).toString('hex')}`,
      cluster,
      action,
      target: { node, namespace, pod, podUid, container, containerId, workload },
      ...{ incident, policy, actor, reason, leaseMs },
      state: 'queued',
      before: null,
      seen: null,
      detail: '',
      issuedMs: nowMs,
      notAfterMs: nowMs + BEGIN_MS,
      untilMs: 0,
      releasedBy: '',
    }),
  );
  for (const order of orders) {
    await store.clusterOrders.add(order);
    const text = `${order.action} of ${namespace}/${pod}: ${reason}`;
    await store.appendStep({ atMs: nowMs, actor, action: 'contain', incident, order: order.id, text });
  }
  return orders;
}

/** Takes a cluster order back: at the next run. */
export async function undoCluster(
  store: ClusterStore,
  asked: { order: string; actor: string; reason: string },
  nowMs: number,
): Promise<ClusterOrder | Declined> {
  const { actor, reason } = asked;
  const order = await store.clusterOrders.get(asked.order);
  if (order === null) return { declined: 'not-found', message: `order ${asked.order}: unknown` };
  const change = { state: 'releasing', releasedBy: actor } as const;
  if (!(await store.clusterOrders.change(order.id, 'applied', change)))
    return {
      declined: 'conflict',
      message: `order ${order.id}: it is ${order.state}, which nothing takes back`,
    };
  const { incident, id } = order;
  const text = `release ${id}: ${reason}`;
  await store.appendStep({ atMs: nowMs, actor, action: 'undo', incident, order: id, text });
  return { ...order, ...change };
}
