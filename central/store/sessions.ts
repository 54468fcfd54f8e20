/** Entries into containers as nodes tell them, joined with requests to the API, and the alerts that came of them. */
import type { PodEntry } from '../audit/watch.ts';
import { APART_MS, type EnteredContainer, type Named, nameOf, sentenceOf } from '../correlate/sessions.ts';
import type { Report, ReportedAlert } from '../ingest/report.ts';
import type { ApiTables } from './api-schema.ts';
import { flag, type Handle, texts } from './rows.ts';

/** What is said of an alert's sessions. */
export interface SessionNote {
  readonly session: EnteredContainer;
  /** Null: nobody is known who asked. */
  readonly named: Named | null;
  readonly sentence: string;
}
export interface SessionStore {
  /** Keeps what a report says of sessions, and names them as far as requests are known. */
  add(report: Report): Promise<void>;
  /** Names sessions that these requests may be. @returns alerts about what came of those whose names changed. */
  name(entries: readonly PodEntry[]): Promise<readonly string[]>;
  notesOf(alert: string): Promise<readonly SessionNote[]>;
  /** The alert, with whom its identities were told as. */
  alert(id: string): Promise<{ alert: ReportedAlert; cluster: string; node: string } | null>;
  setIdentities(alert: string, identities: readonly object[]): Promise<void>;
  list(page: { limit: number; before: number | null }): Promise<readonly object[]>;
}

/** Requests and sessions of one pod within the time that a join looks at. */
const NEAR = 200;
/** Sessions of one alert that are told, the latest: the incident keeps what was told of those before. */
const NOTES = 32;

type SessionRow = ApiTables['sessions'];

const sessionOf = (row: SessionRow): EnteredContainer => ({
  ...{ cluster: row.cluster, node: row.node, boot: row.boot, root: row.root, container: row.container },
  ...{ namespace: row.namespace, pod: row.pod, name: row.name, workload: row.workload, atMs: row.at_ms },
  ...{ pid: row.pid, exe: row.exe, argsSha256: row.args_sha256, argsCount: row.args_count },
  ...{ argsBytes: row.args_bytes, argsCut: row.args_cut === 1 },
});

const entryOf = (row: ApiTables['pod_entries']): PodEntry => ({
  ...{ id: row.id, cluster: row.cluster, atMs: row.at_ms, kind: row.kind as PodEntry['kind'] },
  ...{ user: row.user_name, groups: texts(row.user_groups), sources: texts(row.sources) },
  ...{ userAgent: row.user_agent, namespace: row.namespace, pod: row.pod, container: row.container },
  ...{ command: texts(row.command), outcome: row.outcome as PodEntry['outcome'] },
  from: row.provider as PodEntry['from'],
});

async function entriesNear(db: Handle, session: EnteredContainer): Promise<PodEntry[]> {
  const rows = await db
    .selectFrom('pod_entries')
    .selectAll()
    .where('cluster', '=', session.cluster)
    .where('namespace', '=', session.namespace)
    .where('pod', '=', session.pod)
    .where('at_ms', '>=', session.atMs - APART_MS)
    .where('at_ms', '<=', session.atMs + APART_MS)
    .orderBy('at_ms')
    .limit(NEAR)
    .execute();
  return rows.map(entryOf);
}

/** @returns whether anything changed. */
async function setName(db: Handle, session: EnteredContainer, before: string): Promise<boolean> {
  const named = nameOf(session, await entriesNear(db, session));
  const identities = JSON.stringify(named?.identities ?? []);
  if (identities === before) return false;
  await db
    .updateTable('sessions')
    .set({ identities, named_by: named?.by ?? '' })
    .where('cluster', '=', session.cluster)
    .where('node', '=', session.node)
    .where('boot', '=', session.boot)
    .where('root', '=', session.root)
    .execute();
  return true;
}

async function insert(db: Handle, report: Report): Promise<void> {
  const { cluster, node, boot } = report;
  for (const one of report.sessions) {
    const container = await db
      .selectFrom('containers')
      .select(['namespace', 'pod', 'name'])
      .where('cluster', '=', cluster)
      .where('node', '=', node)
      .where('id', '=', one.container)
      .executeTakeFirst();
    const row: SessionRow = {
      ...{ cluster, node, boot, root: one.root, container: one.container, workload: one.workload },
      ...{ namespace: '', pod: '', name: '', ...container },
      ...{ at_ms: one.wallMs, pid: one.pid, exe: one.exe, args_sha256: one.argsSha256 },
      ...{ args_count: one.argsCount, args_bytes: one.argsBytes, args_cut: flag(one.argsCut) },
      ...{ identities: '[]', named_by: '' },
    };
    await db
      .insertInto('sessions')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    await setName(db, sessionOf(row), '[]');
  }
  for (const { alert, facts, wallMs } of report.detections) {
    const root = facts['session'];
    if (root === undefined || alert === '') continue;
    await db
      .insertInto('session_alerts')
      .values({ cluster, node, boot, root, alert, at_ms: wallMs })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

async function alertsOf(db: Handle, { cluster, node, boot, root }: EnteredContainer): Promise<string[]> {
  const rows = await db
    .selectFrom('session_alerts')
    .select('alert')
    .where('cluster', '=', cluster)
    .where('node', '=', node)
    .where('boot', '=', boot)
    .where('root', '=', root)
    .limit(NEAR)
    .execute();
  return rows.map(({ alert }) => alert);
}

function noteOf(row: SessionRow): SessionNote {
  const session = sessionOf(row);
  const identities = JSON.parse(row.identities) as Named['identities'];
  const named = identities.length === 0 ? null : { identities, entries: [], by: row.named_by as Named['by'] };
  const place = `${session.namespace}/${session.pod}/${session.name}`;
  const unknown = `Somebody entered ${place} and started ${session.exe} (process ${session.pid}); no request to the API for it is known.`;
  return { session, named, sentence: named === null ? unknown : sentenceOf(session, named) };
}

export function sessionStore(db: Handle): SessionStore {
  return {
    add: (report) => insert(db, report),
    async name(entries) {
      const alerts = new Set<string>();
      for (const { cluster, namespace, pod, atMs } of entries) {
        const rows = await db
          .selectFrom('sessions')
          .selectAll()
          .where('cluster', '=', cluster)
          .where('namespace', '=', namespace)
          .where('pod', '=', pod)
          .where('at_ms', '>=', atMs - APART_MS)
          .where('at_ms', '<=', atMs + APART_MS)
          .limit(NEAR)
          .execute();
        for (const row of rows)
          if (await setName(db, sessionOf(row), row.identities))
            for (const alert of await alertsOf(db, sessionOf(row))) alerts.add(alert);
      }
      return [...alerts];
    },
    async notesOf(alert) {
      const rows = await db
        .selectFrom('session_alerts')
        .innerJoin('sessions', (join) =>
          join
            .onRef('sessions.cluster', '=', 'session_alerts.cluster')
            .onRef('sessions.node', '=', 'session_alerts.node')
            .onRef('sessions.boot', '=', 'session_alerts.boot')
            .onRef('sessions.root', '=', 'session_alerts.root'),
        )
        .selectAll('sessions')
        .where('session_alerts.alert', '=', alert)
        .orderBy('sessions.at_ms', 'desc')
        .limit(NOTES)
        .execute();
      return rows.reverse().map(noteOf);
    },
    async alert(id) {
      const row = await db.selectFrom('alerts').selectAll().where('id', '=', id).executeTakeFirst();
      if (row === undefined) return null;
      const { severity, score, container, workload, title, count, revision, quality, cluster, node } = row;
      const alert: ReportedAlert = {
        ...{ id, severity, score, container, workload, title, count, revision, quality },
        ...{ firstNs: BigInt(row.first_ns), lastNs: BigInt(row.last_ns) },
        ...{ firstWallMs: row.first_wall_ms, lastWallMs: row.last_wall_ms },
        explanation: texts(row.explanation),
        detectors: texts(row.detectors),
        techniques: texts(row.techniques),
      };
      return { alert, cluster, node };
    },
    async setIdentities(alert, identities) {
      await db
        .updateTable('alerts')
        .set({ identities: JSON.stringify(identities) })
        .where('id', '=', alert)
        .execute();
    },
    async list({ limit, before }) {
      let query = db.selectFrom('sessions').selectAll().orderBy('at_ms', 'desc').limit(limit);
      if (before !== null) query = query.where('at_ms', '<', before);
      return (await query.execute()).map((row) => {
        const { session, named, sentence } = noteOf(row);
        return { ...session, identities: named?.identities ?? [], by: named?.by ?? '', sentence };
      });
    },
  };
}
