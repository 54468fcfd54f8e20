/** Lists for people. Each is bounded; `before` is the last key of the page before. */

import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Incident, Involved } from '../correlate/incident.ts';
import { type Features, featuresOfIncident } from '../feedback/features.ts';
import type { Scope } from '../respond/scope.ts';
import { type Activity, activityOf } from './activity.ts';
import { orderAction } from './order-action.ts';
import type { Handle } from './rows.ts';

export interface Page {
  readonly limit: number;
  /** Rows older than this; null: from the newest. */
  readonly before: number | null;
}
export interface Views {
  counts(): Promise<Readonly<Record<string, number>>>;
  nodes(limit: number): Promise<readonly object[]>;
  /** `called`: only those whose id begins so, or whose pod or own name it is. */
  containers(page: {
    limit: number;
    offset: number;
    live: boolean;
    called?: string;
  }): Promise<readonly object[]>;
  /** What a container did since then. */
  activity(container: string, sinceMs: number): Promise<Activity>;
  /** Containers whose id begins so. */
  containersLike(prefix: string): Promise<readonly FoundContainer[]>;
  /** `sees`: which of them; of the newest LOOKED_AT, and no more of them than fill the page. */
  incidents(
    page: Page & { state: string | null; sees?: (incident: Incident) => boolean },
  ): Promise<readonly IncidentHead[]>;
  /** By name of the exception. */
  exceptionHits(): Promise<Readonly<Record<string, { hits: number; lastMs: number }>>>;
  alerts(page: Page & { within?: Scope }): Promise<readonly object[]>;
  orders(filter: {
    incident: string | null;
    limit: number;
    kind: 'contain' | null;
  }): Promise<readonly object[]>;
  plans(incident: string): Promise<readonly object[]>;
  steps(page: Page & { incident: string | null }): Promise<readonly object[]>;
  policies(limit: number): Promise<readonly object[]>;
  deadLetters(limit: number): Promise<readonly object[]>;
}
/** An incident in a list: without its story. */
export interface IncidentHead extends Omit<Incident, 'timeline' | 'facts' | 'members' | 'state'> {
  readonly state: string;
  readonly alerts: number;
  readonly evidence: Features;
}
export interface FoundContainer extends Involved {
  readonly cluster: string;
}

const COUNTED = [
  'nodes',
  'containers',
  'summaries',
  'windows',
  'detections',
  'alerts',
  'incidents',
  'orders',
  'steps',
  'dead_letters',
  'feedback',
] as const;
const FOUND = 20;
/** Incidents that are read to fill a page of those that somebody may see; each is a document of up to some 100 KB. */
const LOOKED_AT = 1000;
const BATCH = 50;
/** Written before there were pods. */
const WITHOUT = { pods: [] };

/**
 * Where an alert is: in the namespace of its container. One of no container is of none, whatever its workload is: of a request
 * to the API that is who asked, and what was asked about may be anywhere.
 */
const NAMESPACE = sql<string>`case when alerts.container = '' then '-' else
  substr(substr(alerts.workload, instr(alerts.workload, '/') + 1), 1,
    instr(substr(alerts.workload, instr(alerts.workload, '/') + 1), '/') - 1) end`;

/** Its texts have no sign of GLOB but `*`, which means the same. */
const alertsWithin = (scope: NonNullable<Scope>): RawBuilder<SqlBool> =>
  sql<SqlBool>`(${sql.join(
    scope.map(
      ({ cluster, namespace }) =>
        sql`alerts.cluster glob ${cluster} and coalesce(nullif(${NAMESPACE}, ''), '-') glob ${namespace}`,
    ),
    sql` or `,
  )})`;

const json = (text: string): unknown => (text === '' ? null : JSON.parse(text));

function headOf(incident: Incident, state: string): IncidentHead {
  const { timeline, facts, members, ...head } = incident;
  return { ...head, state, alerts: members.length, evidence: featuresOfIncident({ members }) };
}

function people(db: Handle): Pick<Views, 'incidents' | 'plans' | 'orders' | 'steps'> {
  return {
    async incidents({ limit, before, state, sees }) {
      let query = db.selectFrom('incidents').select('document').select('state').orderBy('last_ms', 'desc');
      if (before !== null) query = query.where('last_ms', '<', before);
      if (state !== null) query = query.where('state', '=', state);
      const found: IncidentHead[] = [];
      const batch = sees === undefined ? limit : Math.max(limit, BATCH);
      for (let at = 0; found.length < limit && at < LOOKED_AT; at += batch) {
        const rows = await query
          .limit(Math.min(batch, LOOKED_AT - at))
          .offset(at)
          .execute();
        for (const row of rows) {
          if (found.length === limit) break;
          const incident = { ...WITHOUT, ...(JSON.parse(row.document) as Incident) };
          if (sees?.(incident) ?? true) found.push(headOf(incident, row.state));
        }
        if (rows.length < batch) break;
      }
      return found;
    },
    async plans(incident) {
      const rows = await db
        .selectFrom('plans')
        .select(['state', 'document'])
        .where('incident', '=', incident)
        .orderBy('made_ms')
        .execute();
      return rows.map((row) => ({ ...(JSON.parse(row.document) as object), state: row.state }));
    },
    async orders({ incident, limit, kind }) {
      let query = db.selectFrom('orders').selectAll().orderBy('issued_ms', 'desc').limit(limit);
      if (incident !== null) query = query.where('incident', '=', incident);
      if (kind !== null) query = query.where('kind', '=', kind);
      return (await query.execute()).map((row) => ({
        id: row.id,
        kind: row.kind,
        state: row.state,
        cluster: row.cluster,
        node: row.node,
        container: {
          id: row.container_id,
          name: row.container_name,
          podUid: row.pod_uid,
          workload: row.workload,
        },
        ...orderAction(row),
        effect: json(row.effect),
        leaseMs: row.lease_ms,
        issuedMs: row.issued_ms,
        sentMs: row.sent_ms,
        untilMs: row.until_ms,
        notAfterMs: row.not_after_ms,
        reason: row.reason,
        actor: row.actor,
        incident: row.incident,
        policy: row.policy,
        releases: row.releases,
        releasedBy: row.released_by,
        detail: row.detail,
      }));
    },
    async steps({ limit, before, incident }) {
      let query = db.selectFrom('steps').selectAll().orderBy('id', 'desc').limit(limit);
      if (before !== null) query = query.where('id', '<', before);
      if (incident !== null) query = query.where('incident', '=', incident);
      return (await query.execute()).map(
        ({ id, at_ms, actor, action, incident: of, order_id, text, hash }) => ({
          id,
          atMs: at_ms,
          actor,
          action,
          incident: of,
          order: order_id,
          text,
          hash,
        }),
      );
    },
  };
}

function reported(db: Handle): Pick<Views, 'nodes' | 'containers' | 'containersLike' | 'alerts'> {
  const names = [
    'cluster',
    'node',
    'id',
    'name',
    'pod_uid as podUid',
    'pod',
    'namespace',
    'workload',
    'image',
  ] as const;
  return {
    async nodes(limit) {
      const rows = await db
        .selectFrom('nodes')
        .leftJoin('canaries', (join) =>
          join.onRef('canaries.cluster', '=', 'nodes.cluster').onRef('canaries.node', '=', 'nodes.node'),
        )
        .selectAll('nodes')
        .select(['interval_ms', 'proved_ms', 'failures', 'result', 'detect_ms', 'notify_ms', 'notified_ms'])
        .orderBy('nodes.node')
        .limit(limit)
        .execute();
      return rows.map((row) => ({
        cluster: row.cluster,
        node: row.node,
        boot: row.boot,
        sequence: row.sequence,
        firstSeenMs: row.first_seen_ms,
        lastSeenMs: row.last_seen_ms,
        health: json(row.health),
        canary:
          row.interval_ms === null
            ? null
            : {
                ...{ intervalMs: row.interval_ms, provedMs: row.proved_ms, failures: row.failures },
                ...{ result: row.result, detectMs: row.detect_ms },
                ...{ notifyMs: row.notify_ms, notifiedMs: row.notified_ms },
              },
      }));
    },
    async containers({ limit, offset, live, called = '' }) {
      let query = db
        .selectFrom('containers')
        .select([...names, 'runtime', 'live', 'first_seen_ms as firstSeenMs', 'last_seen_ms as lastSeenMs'])
        .orderBy('workload')
        .orderBy('id')
        .limit(limit)
        .offset(offset);
      if (live) query = query.where('live', '=', 1);
      if (called !== '')
        query = query.where((is) =>
          is.or([
            is.and([is('id', '>=', called), is('id', '<', `${called}\uffff`)]),
            is('pod', '=', called),
            is('name', '=', called),
          ]),
        );
      return (await query.execute()).map((row) => ({ ...row, live: row.live === 1 }));
    },
    containersLike(prefix) {
      return db
        .selectFrom('containers')
        .select([...names])
        .where('id', '>=', prefix)
        .where('id', '<', `${prefix}\uffff`)
        .where('live', '=', 1)
        .limit(FOUND)
        .execute();
    },
    async alerts({ limit, before, within = null }) {
      let query = db
        .selectFrom('alerts')
        .leftJoin('incident_alerts', 'incident_alerts.alert', 'alerts.id')
        .selectAll('alerts')
        .select('incident_alerts.incident')
        .orderBy('last_wall_ms', 'desc')
        .limit(limit);
      if (before !== null) query = query.where('last_wall_ms', '<', before);
      if (within !== null) query = query.where(alertsWithin(within));
      return (await query.execute()).map((row) => ({
        id: row.id,
        cluster: row.cluster,
        node: row.node,
        severity: row.severity,
        score: row.score,
        firstMs: row.first_wall_ms,
        lastMs: row.last_wall_ms,
        firstNs: row.first_ns,
        lastNs: row.last_ns,
        container: row.container,
        workload: row.workload,
        title: row.title,
        explanation: json(row.explanation),
        detectors: json(row.detectors),
        techniques: json(row.techniques),
        count: row.count,
        revision: row.revision,
        quality: row.quality,
        suppressed: row.suppressed,
        kind: row.kind,
        identities: json(row.identities) ?? [],
        incident: row.incident,
      }));
    },
  };
}

export function createViews(db: Handle): Views {
  return {
    ...people(db),
    ...reported(db),
    activity: (container, sinceMs) => activityOf(db, container, sinceMs),
    async counts() {
      const counts: Record<string, number> = {};
      for (const table of COUNTED) {
        const row = await db
          .selectFrom(table)
          .select(db.fn.countAll<number>().as('rows'))
          .executeTakeFirstOrThrow();
        counts[table] = row.rows;
      }
      return counts;
    },
    async policies(limit) {
      const rows = await db
        .selectFrom('policies')
        .selectAll()
        .orderBy('place', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      const hits = new Map(
        (await db.selectFrom('exception_hits').selectAll().execute()).map(({ name, hits: times }) => [
          name,
          times,
        ]),
      );
      return rows.map(({ kind, name, version, body, source, actor, at_ms, place }) => ({
        kind,
        name,
        version,
        inForce: place >= 0,
        place,
        source,
        actor,
        atMs: at_ms,
        document: json(body),
        ...(kind === 'PicketException' ? { hits: hits.get(name) ?? 0 } : {}),
      }));
    },
    async exceptionHits() {
      const rows = await db.selectFrom('exception_hits').selectAll().execute();
      return Object.fromEntries(rows.map(({ name, hits, last_ms }) => [name, { hits, lastMs: last_ms }]));
    },
    async deadLetters(limit) {
      const rows = await db
        .selectFrom('dead_letters')
        .selectAll()
        .orderBy('at_ms', 'desc')
        .limit(limit)
        .execute();
      return rows.map(({ id, at_ms, notifier, event, document, error, tries }) => ({
        id,
        atMs: at_ms,
        notifier,
        event,
        error,
        tries,
        notification: json(document),
      }));
    },
  };
}
