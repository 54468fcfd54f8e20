/**
 * The People API as somebody sees it who is for some namespaces only: lists without what is elsewhere, and what is
 * elsewhere is unknown. An incident belongs to those who may see all of its containers and pods: its
 * story names them all. One that is not all in containers, or that may have more than it lists, is for those who see everything.
 */
import { type Incident, MOST } from '../correlate/incident.ts';
import type { Feedback } from '../feedback/feedback.ts';
import type { Subject } from '../feedback/verdict.ts';
import { BEYOND, type ClusterOrder } from '../respond/cluster/order.ts';
import type { Declined } from '../respond/declined.ts';
import { covers, type Place, placeOfWorkload, type Scope } from '../respond/scope.ts';
import type { Activity } from '../store/activity.ts';
import type { Deeds, RouteParts } from './routes.ts';

/** Where things are that are named by an id. Null: there is no such thing, or it is of no one place. */
export interface Places {
  order(id: string): Promise<Place | null>;
  alert(id: string): Promise<Place | null>;
  container(id: string): Promise<Place | null>;
  incident(id: string): Promise<Incident | null>;
}

/** Rows that are read to fill a page of what somebody may see; older ones are not looked for. */
const LOOKED_AT = 1000;
/** What of the status is not of the whole. */
const STATUS: readonly string[] = ['cluster', 'database', 'streams', 'nowMs'];

const unknown = (what: string, id: string): Declined => ({
  declined: 'not-found',
  message: `${what} ${JSON.stringify(id)}: unknown`,
});

/** As far as a head of it says. */
function seesHead(scope: Scope, { cluster, involved }: Pick<Incident, 'cluster' | 'involved'>): boolean {
  if (scope === null) return true;
  return (
    involved.length > 0 &&
    involved.length < MOST.involved &&
    involved.every(({ workload, namespace }) =>
      covers(scope, { cluster, namespace: namespace || placeOfWorkload(workload).namespace }),
    )
  );
}

type Told = Pick<Incident, 'cluster' | 'involved' | 'pods' | 'members'>;
export function seesIncident(scope: Scope, incident: Told): boolean {
  if (scope === null) return true;
  const { cluster, members, pods } = incident;
  // Of a request to the API only its actor has a place, and what it was about may be elsewhere.
  const inContainers = members.length < MOST.members && members.every(({ container }) => container !== '');
  const asked =
    pods.length < MOST.pods &&
    pods.every((pod) => covers(scope, { cluster, namespace: pod.split('/')[0] || '-' }));
  return inContainers && asked && seesHead(scope, incident);
}

/** Who may not see a thing is told what is told of one that there is not. */
export function scopedDeeds(deeds: Deeds, places: Places, scope: Scope): Deeds {
  if (scope === null) return deeds;
  const incidentSeen = async (id: string): Promise<boolean> => {
    const incident = await places.incident(id);
    return incident !== null && seesIncident(scope, incident);
  };
  return {
    async contain(asked) {
      const { incident, containers, action } = asked;
      if (incident !== '' && !(await incidentSeen(incident))) return unknown('incident', incident);
      const other = containers.find(({ workload }) => !covers(scope, placeOfWorkload(workload)));
      if (other !== undefined) return unknown('container', other.id);
      const beyond = action.cluster.find((name) => BEYOND.includes(name));
      if (beyond !== undefined)
        return {
          declined: 'forbidden',
          message: `${beyond} reaches beyond the namespaces that ${asked.actor} is for`,
        };
      return deeds.contain(asked);
    },
    async undo(asked) {
      const place = await places.order(asked.order);
      if (place === null || !covers(scope, place)) return unknown('containment', asked.order);
      return deeds.undo(asked);
    },
    async approve(asked) {
      if (!(await incidentSeen(asked.incident))) return unknown('incident', asked.incident);
      return deeds.approve({ ...asked, without: BEYOND });
    },
  };
}

export function scopedGive(
  feedback: Pick<Feedback, 'give'>,
  places: Places,
  scope: Scope,
): Pick<Feedback, 'give'> {
  if (scope === null) return feedback;
  const seen = async ({ kind, id }: Subject): Promise<boolean> => {
    if (kind === 'alert') {
      const place = await places.alert(id);
      return place !== null && covers(scope, place);
    }
    const incident = await places.incident(id);
    return incident !== null && seesIncident(scope, incident);
  };
  return {
    give: async (asked) =>
      (await seen(asked.subject)) ? feedback.give(asked) : unknown(asked.subject.kind, asked.subject.id),
  };
}

/** Most that fits the page, of what the newest rows hold. */
function only<T>(rows: readonly T[], limit: number, sees: (row: T) => boolean): T[] {
  return rows.filter(sees).slice(0, limit);
}

/** The same as of a container that there never was. The store is not asked: no container is where audits of the API are kept. */
const nothingOf = (container: string, sinceMs: number): Activity => ({
  ...{ container, sinceMs, windows: 0, connects: 0, accepts: 0, datagrams: 0, dnsQuestions: 0 },
  ...{ bytesIn: 0, bytesOut: 0, execs: 0, detections: [] },
});

type Rows = readonly { readonly workload: string }[];

function scopedViews(parts: RouteParts, scope: Scope): RouteParts['views'] {
  const { views, places } = parts;
  const ofWorkload = ({ workload }: { readonly workload: string }): boolean =>
    covers(scope, placeOfWorkload(workload));
  return {
    ...views,
    async containers({ limit, offset, ...which }) {
      const all = (await views.containers({ ...which, limit: LOOKED_AT * 10, offset: 0 })) as Rows;
      return all.filter(ofWorkload).slice(offset, offset + limit);
    },
    containersLike: async (prefix) => (await views.containersLike(prefix)).filter(ofWorkload),
    async activity(container, sinceMs) {
      const place = await places.container(container);
      if (place !== null && covers(scope, place)) return views.activity(container, sinceMs);
      return nothingOf(container, sinceMs);
    },
    incidents: (page) => views.incidents({ ...page, sees: (incident) => seesIncident(scope, incident) }),
    alerts: (page) => views.alerts({ ...page, within: scope }),
    async orders(filter) {
      const all = (await views.orders({ ...filter, limit: LOOKED_AT })) as readonly {
        readonly container: { readonly workload: string };
      }[];
      return only(all, filter.limit, ({ container }) => ofWorkload(container));
    },
  };
}

const placeOfClusterOrder = ({ cluster, action, target }: ClusterOrder): Place => ({
  cluster,
  namespace: BEYOND.includes(action) ? '-' : target.namespace || placeOfWorkload(target.workload).namespace,
});

/** The parts of the routes for somebody of this scope. */
export function within(parts: RouteParts, scope: Scope): RouteParts {
  if (scope === null) return parts;
  const { places, feedback } = parts;
  return {
    ...parts,
    views: scopedViews(parts, scope),
    status: async () =>
      Object.fromEntries(Object.entries(await parts.status()).filter(([name]) => STATUS.includes(name))),
    async incident(id) {
      const incident = await parts.incident(id);
      return incident !== null && seesIncident(scope, incident) ? incident : null;
    },
    async sessions(page) {
      const all = (await parts.sessions({ ...page, limit: LOOKED_AT })) as Rows;
      return only(all, page.limit, ({ workload }) => covers(scope, placeOfWorkload(workload)));
    },
    async workloads({ limit, offset }) {
      const all = await parts.workloads({ limit: LOOKED_AT * 10, offset: 0 });
      return all
        .filter(({ workload }) => covers(scope, placeOfWorkload(workload)))
        .slice(offset, offset + limit);
    },
    async clusterOrders(limit, incident) {
      const all = await parts.clusterOrders(LOOKED_AT, incident);
      return only(all, limit, (order) => covers(scope, placeOfClusterOrder(order)));
    },
    deeds: scopedDeeds(parts.deeds, places, scope),
    feedback: { ...feedback, feedback: scopedFeedback(feedback.feedback, places, scope) },
  };
}

/** Only giving a verdict is open to somebody of a scope; see the rules of the routes. */
function scopedFeedback(feedback: Feedback, places: Places, scope: Scope): Feedback {
  const { give } = scopedGive(feedback, places, scope);
  return {
    give,
    except: (asked) => feedback.except(asked),
    revoke: (asked) => feedback.revoke(asked),
    exceptions: (most) => feedback.exceptions(most),
    verdicts: (most) => feedback.verdicts(most),
    rules: () => feedback.rules(),
    load: () => feedback.load(),
  };
}
