/** Where things are that people name by an id. */
import type { Incident } from '../correlate/incident.ts';
import type { ClusterTarget } from '../respond/cluster/action.ts';
import { BEYOND } from '../respond/cluster/order.ts';
import type { Handle } from './rows.ts';

/** As console/scope.ts: the namespace is - for what is of none. */
interface Place {
  readonly cluster: string;
  readonly namespace: string;
}
export interface PlaceStore {
  /** Of an order to a node, or of one in the cluster. */
  order(id: string): Promise<Place | null>;
  alert(id: string): Promise<Place | null>;
  /** Null also when containers of this id are in several: ids of services of a node are the same on each. */
  container(id: string): Promise<Place | null>;
  incident(id: string): Promise<Incident | null>;
}

/** Of the cluster that spoke, whatever the key says. */
const placeOf = (cluster: string, workload: string): Place => ({
  cluster,
  namespace: workload.split('/')[1] || '-',
});

export function placeStore(db: Handle, incident: PlaceStore['incident']): PlaceStore {
  return {
    incident,
    async order(id) {
      const order = await db
        .selectFrom('orders')
        .select(['cluster', 'workload'])
        .where('id', '=', id)
        .executeTakeFirst();
      if (order !== undefined) return placeOf(order.cluster, order.workload);
      const there = await db
        .selectFrom('cluster_orders')
        .select(['cluster', 'target', 'action'])
        .where('id', '=', id)
        .executeTakeFirst();
      if (there === undefined) return null;
      // It is done to the node, which is of no namespace.
      if (BEYOND.includes(there.action)) return { cluster: there.cluster, namespace: '-' };
      const { namespace, workload } = JSON.parse(there.target) as ClusterTarget;
      return namespace === '' ? placeOf(there.cluster, workload) : { cluster: there.cluster, namespace };
    },
    async alert(id) {
      const row = await db
        .selectFrom('alerts')
        .select(['cluster', 'workload', 'container'])
        .where('id', '=', id)
        .executeTakeFirst();
      if (row === undefined) return null;
      // Of a request to the API the workload is who asked: what it was about may be elsewhere.
      return placeOf(row.cluster, row.container === '' ? '' : row.workload);
    },
    async container(id) {
      const rows = await db
        .selectFrom('containers')
        .select(['cluster', 'workload'])
        .distinct()
        .where('id', '=', id)
        .execute();
      const [first, ...others] = rows.map((row) => placeOf(row.cluster, row.workload));
      const same = ({ cluster, namespace }: Place): boolean =>
        cluster === first?.cluster && namespace === first.namespace;
      return first !== undefined && others.every(same) ? first : null;
    },
  };
}
