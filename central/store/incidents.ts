/** Incidents and which alert belongs to which. The document column is the shape of correlate, whole. */
import type { Incident, IncidentChange, IncidentState } from '../correlate/incident.ts';
import { chunks, type Handle } from './rows.ts';
import { said } from './said.ts';

export interface IncidentStore {
  get(id: string): Promise<Incident | null>;
  /** Those that alerts from `sinceMs` on may still join, newest first, and those that these alerts belong to. */
  candidates(sinceMs: number, alerts: readonly string[]): Promise<readonly Incident[]>;
  memberships(alerts: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Whether the alert is known and its incident closed. */
  isClosedFor(alert: string): Promise<boolean>;
  /** Of these, those of which people called each alert a false alarm. */
  calledFalse(incidents: readonly Incident[]): Promise<ReadonlySet<string>>;
  save(change: IncidentChange): Promise<void>;
  setState(id: string, state: IncidentState): Promise<void>;
  /** Opened or escalated and not yet responded to: all, or this one if it is. */
  unanswered(id?: string): Promise<readonly Incident[]>;
  answered(id: string): Promise<void>;
  /** Those that were responded to, are not closed, and are more than what people called false alarms; newest first. */
  underWay(): Promise<readonly Incident[]>;
  /** Whether it is not closed, and more than what people called false alarms. */
  isUnderWay(id: string): Promise<boolean>;
  /** It is to be responded to once more. */
  askAgain(id: string): Promise<void>;
  /** Closes incidents that have been quiet since `beforeMs` and hold no containment. Says which; the rest next time. */
  closeQuiet(beforeMs: number): Promise<readonly Incident[]>;
}

/** Incidents that an alert is compared with. */
const CANDIDATES = 1000;
const CLOSABLE: readonly IncidentState[] = ['open', 'released', 'expired'];

export function incidentStore(db: Handle): IncidentStore {
  // The columns are what counts: state changes without the document.
  const parse = (row: { document: string; state: string }): Incident => ({
    // Written before there were these.
    ...{ identities: [], pods: [], reaches: [], matches: [], priority: 0, reasons: [], findings: [] },
    ...(JSON.parse(row.document) as Incident),
    state: row.state as IncidentState,
  });
  const memberships = async (alerts: readonly string[]): Promise<ReadonlyMap<string, string>> => {
    const found = new Map<string, string>();
    for (const part of chunks(alerts)) {
      const rows = await db.selectFrom('incident_alerts').selectAll().where('alert', 'in', part).execute();
      for (const row of rows) found.set(row.alert, row.incident);
    }
    return found;
  };
  /** Without those of which each alert was called a false alarm, by itself or with its incident. */
  const real = async (incidents: readonly Incident[]): Promise<Incident[]> => {
    const alerts = incidents.flatMap(({ id, members }) =>
      members.map(({ alert }) => ({ id: alert, incident: id })),
    );
    const verdicts = await said(db, alerts);
    return incidents.filter(
      ({ members }) =>
        members.length === 0 || members.some(({ alert }) => verdicts.get(alert) !== 'false-positive'),
    );
  };
  return {
    memberships,
    async isClosedFor(alert) {
      const row = await db
        .selectFrom('incident_alerts')
        .innerJoin('incidents', 'incidents.id', 'incident_alerts.incident')
        .select('incidents.state')
        .where('incident_alerts.alert', '=', alert)
        .executeTakeFirst();
      return row?.state === 'closed';
    },
    async calledFalse(incidents) {
      const left = new Set((await real(incidents)).map(({ id }) => id));
      return new Set(incidents.flatMap(({ id }) => (left.has(id) ? [] : [id])));
    },
    async get(id) {
      const row = await db
        .selectFrom('incidents')
        .select(['document', 'state'])
        .where('id', '=', id)
        .executeTakeFirst();
      return row === undefined ? null : parse(row);
    },
    async candidates(sinceMs, alerts) {
      const near = await db
        .selectFrom('incidents')
        .select(['id', 'document', 'state'])
        .where('last_ms', '>=', sinceMs)
        .where('state', '!=', 'closed')
        .orderBy('last_ms', 'desc')
        .limit(CANDIDATES)
        .execute();
      const known = new Set(near.map(({ id }) => id));
      const homes = [...new Set((await memberships(alerts)).values())].filter((id) => !known.has(id));
      for (const part of chunks(homes))
        near.push(
          ...(await db
            .selectFrom('incidents')
            .select(['id', 'document', 'state'])
            .where('id', 'in', part)
            .execute()),
        );
      return near.map(parse);
    },
    async save({ kind, incident }) {
      const { id, cluster, state, severity, stage, title, firstMs, lastMs, revision, members } = incident;
      const what = { cluster, state, severity, stage, title, first_ms: firstMs, last_ms: lastMs, revision };
      const row = {
        ...what,
        document: JSON.stringify(incident),
        ...(kind === 'updated' ? {} : { unanswered: 1 }),
      };
      await db
        .insertInto('incidents')
        .values({ id, unanswered: 1, ...row })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
        .execute();
      for (const part of chunks(members))
        await db
          .insertInto('incident_alerts')
          .values(part.map(({ alert }) => ({ alert, incident: id })))
          .onConflict((conflict) => conflict.doNothing())
          .execute();
    },
    async setState(id, state) {
      await db.updateTable('incidents').set({ state }).where('id', '=', id).execute();
    },
    async unanswered(id) {
      const all = db.selectFrom('incidents').select(['document', 'state']).where('unanswered', '=', 1);
      const query = id === undefined ? all.limit(CANDIDATES) : all.where('id', '=', id);
      return (await query.execute()).map(parse);
    },
    async answered(id) {
      await db.updateTable('incidents').set({ unanswered: 0 }).where('id', '=', id).execute();
    },
    async underWay() {
      const found: Incident[] = [];
      for (let at = 0; found.length < CANDIDATES; at += CANDIDATES) {
        const rows = await db
          .selectFrom('incidents')
          .select(['document', 'state'])
          .where('state', '!=', 'closed')
          .where('unanswered', '=', 0)
          .orderBy('last_ms', 'desc')
          .orderBy('id')
          .limit(CANDIDATES)
          .offset(at)
          .execute();
        found.push(...(await real(rows.map(parse))));
        if (rows.length < CANDIDATES) break;
      }
      return found.slice(0, CANDIDATES);
    },
    async isUnderWay(id) {
      const row = await db
        .selectFrom('incidents')
        .select(['document', 'state'])
        .where('id', '=', id)
        .where('state', '!=', 'closed')
        .executeTakeFirst();
      return row !== undefined && (await real([parse(row)])).length > 0;
    },
    async askAgain(id) {
      await db.updateTable('incidents').set({ unanswered: 1 }).where('id', '=', id).execute();
    },
    async closeQuiet(beforeMs) {
      const quiet = await db
        .selectFrom('incidents')
        .select(['id', 'document', 'state'])
        .where('last_ms', '<', beforeMs)
        .where('state', 'in', [...CLOSABLE])
        .limit(CANDIDATES)
        .execute();
      const closed: Incident[] = [];
      for (const row of quiet) {
        // What joined it meanwhile keeps it open.
        const { numUpdatedRows } = await db
          .updateTable('incidents')
          .set({ state: 'closed' })
          .where('id', '=', row.id)
          .where('last_ms', '<', beforeMs)
          .where('state', 'in', [...CLOSABLE])
          .executeTakeFirst();
        if (numUpdatedRows > 0n) closed.push(parse({ ...row, state: 'closed' }));
      }
      return closed;
    },
  };
}
