/** What there is to tell about an incident or an order. */
import type { Incident, Involved } from '../correlate/incident.ts';
import type { NodeIdentity, ReportedCanary } from '../ingest/report.ts';
import type { Order } from '../respond/orders.ts';
import type { Notification, NotificationEvent } from './notifier.ts';

export type About = Omit<Notification, 'id' | 'atMs'>;

const PLACES = 5;
const STORY = 8;

const placeOf = ({ namespace, pod, name, id, node }: Involved): string =>
  `${pod === '' ? name || id.slice(0, 12) : `${namespace}/${pod}/${name}`} on ${node}`;

export function aboutIncident(
  event: NotificationEvent,
  incident: Incident,
  what: { text: string; orders: readonly Pick<Order, 'id'>[]; actor: string; plan?: string },
): About {
  const { id, cluster, severity, title, involved, techniques, timeline } = incident;
  const namespaces = [...new Set(involved.map(({ namespace }) => namespace))].filter((name) => name !== '');
  return {
    event,
    cluster,
    incident: id,
    severity,
    title,
    text: what.text,
    orders: what.orders.map((order) => order.id),
    ...(what.plan === undefined ? {} : { plan: what.plan }),
    actor: what.actor,
    namespaces,
    places: involved.slice(0, PLACES).map(placeOf),
    techniques,
    timeline: timeline.slice(-STORY).map(({ atMs, text }) => ({ atMs, text })),
  };
}

/** About a node that is proved to see. The first entry of the timeline is when the kernel told of it. */
export function aboutCanary(
  { cluster, node }: NodeIdentity,
  { id, wallMs, detectMs }: ReportedCanary,
): About {
  return {
    event: 'canary',
    cluster,
    incident: '',
    severity: '',
    title: `${node} saw its canary ${id} in ${detectMs.toFixed(1)} ms`,
    text: 'Nothing happened: the node started a harmless program of its own and saw it.',
    orders: [],
    actor: `node:${node}`,
    namespaces: [],
    places: [node],
    techniques: [],
    timeline: [{ atMs: wallMs, text: 'seen by the kernel' }],
  };
}

/** About an order that may have no incident. */
export function aboutOrder(
  event: NotificationEvent,
  order: Order,
  what: { incident: Incident | null; actor: string },
): About {
  const { cluster, incident, id, kind, target, node, reason } = order;
  const name = target.containerName || target.containerId.slice(0, 12);
  const [, namespace = ''] = target.workload.split('/');
  return {
    event,
    cluster,
    incident,
    severity: what.incident?.severity ?? '',
    title: `${kind} of ${name} on ${node}: ${event}`,
    text: reason,
    orders: [id],
    actor: what.actor,
    namespaces: namespace === '' ? [] : [namespace],
    places: [`${namespace === '' ? '' : `${namespace}/`}${name} on ${node}`],
    techniques: what.incident?.techniques ?? [],
    timeline: [],
  };
}
