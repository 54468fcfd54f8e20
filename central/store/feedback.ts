/** Verdicts of people, append-only, and the exceptions that follow from them. */
import type { Selectable } from 'kysely';
import type { Evidence } from '../correlate/incident.ts';
import type {
  ExceptionView,
  FeedbackStore,
  MadeException,
  PastAlert,
  Subject,
  Verdict,
  VerdictKind,
} from '../feedback/verdict.ts';
import type { ReportStore } from './reports.ts';
import { chunks, type Handle, texts } from './rows.ts';
import { said } from './said.ts';
import type { Tables } from './schema.ts';

type AlertRow = Selectable<Tables['alerts']>;
/** Detections of one alert that are looked at, as correlation does. */
const DETECTIONS = 50;
/** Alerts that verdicts are about, themselves or by their incidents; those of the newest verdicts first. */
const JUDGED = 20_000;

async function evidenceOf(reports: ReportStore, row: AlertRow): Promise<Evidence> {
  const { cluster, node, id, container } = row;
  return {
    cluster,
    node,
    alert: {
      id,
      severity: row.severity,
      score: row.score,
      firstNs: BigInt(row.first_ns),
      lastNs: BigInt(row.last_ns),
      firstWallMs: row.first_wall_ms,
      lastWallMs: row.last_wall_ms,
      container,
      workload: row.workload,
      title: row.title,
      explanation: texts(row.explanation),
      detectors: texts(row.detectors),
      techniques: texts(row.techniques),
      count: row.count,
      revision: row.revision,
      quality: row.quality,
    },
    container: await reports.container({ cluster, node, id: container }),
    detections: await reports.detectionsOf(id, DETECTIONS),
    identities: [],
    pods: [],
    visits: [],
    opens: true,
  };
}

function verdictOf(row: Tables['feedback']): Verdict {
  return {
    id: row.id,
    atMs: row.at_ms,
    actor: row.actor,
    subject: { kind: row.subject_kind as Subject['kind'], id: row.subject },
    verdict: row.verdict as VerdictKind,
    reason: row.reason,
    features: JSON.parse(row.features) as Record<string, number>,
    confidence: row.confidence,
  };
}

function exceptionsOf(db: Handle): Pick<FeedbackStore, 'addException' | 'revoke' | 'exceptions'> {
  return {
    async addException(made: MadeException) {
      const row = {
        workload: made.workload,
        detector: made.detector ?? '',
        facts: JSON.stringify(made.facts),
        reason: made.reason,
        actor: made.actor,
        made_ms: made.madeMs,
        expires_ms: made.expiresMs,
        verdict: made.verdict,
        revoked_ms: 0,
        revoked_by: '',
      };
      await db
        .insertInto('exceptions')
        .values({ name: made.name, ...row })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
        .execute();
    },
    async revoke(name, { actor, atMs }) {
      const { numUpdatedRows } = await db
        .updateTable('exceptions')
        .set({ revoked_ms: atMs, revoked_by: actor })
        .where('name', '=', name)
        .where('revoked_ms', '=', 0)
        .where('expires_ms', '>', atMs)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
    async exceptions(nowMs, most) {
      const rows = await db
        .selectFrom('exceptions')
        .leftJoin('exception_hits', 'exception_hits.name', 'exceptions.name')
        .selectAll('exceptions')
        .select(['exception_hits.hits', 'exception_hits.last_ms'])
        .orderBy((eb) => eb.case().when('revoked_ms', '=', 0).then(0).else(1).end())
        .orderBy((eb) => eb.case().when('expires_ms', '>', nowMs).then(0).else(1).end())
        .orderBy('made_ms', 'desc')
        .limit(most)
        .execute();
      return rows.map(
        (row): ExceptionView => ({
          name: row.name,
          workload: row.workload,
          detector: row.detector === '' ? null : row.detector,
          facts: JSON.parse(row.facts) as Record<string, string>,
          reason: row.reason,
          actor: row.actor,
          madeMs: row.made_ms,
          expiresMs: row.expires_ms,
          verdict: row.verdict,
          revokedMs: row.revoked_ms,
          revokedBy: row.revoked_by,
          hits: row.hits ?? 0,
          lastHitMs: row.last_ms ?? 0,
        }),
      );
    },
  };
}

export function feedbackStore(db: Handle, reports: ReportStore): FeedbackStore {
  return {
    ...exceptionsOf(db),
    async evidence(subject) {
      const members =
        subject.kind === 'alert'
          ? [subject.id]
          : (
              await db
                .selectFrom('incident_alerts')
                .select('alert')
                .where('incident', '=', subject.id)
                .execute()
            ).map(({ alert }) => alert);
      const found: Evidence[] = [];
      for (const part of chunks(members))
        for (const row of await db.selectFrom('alerts').selectAll().where('id', 'in', part).execute())
          found.push(await evidenceOf(reports, row));
      return found;
    },
    async history(workloads, sinceMs, most) {
      const past: { row: AlertRow; incident: string }[] = [];
      for (const part of chunks(workloads)) {
        const rows = await db
          .selectFrom('alerts')
          .leftJoin('incident_alerts', 'incident_alerts.alert', 'alerts.id')
          .selectAll('alerts')
          .select('incident_alerts.incident')
          .where('workload', 'in', part)
          .where('last_wall_ms', '>=', sinceMs)
          .orderBy('last_wall_ms', 'desc')
          .limit(most)
          .execute();
        past.push(...rows.map((row) => ({ row, incident: row.incident ?? '' })));
      }
      const verdicts = await said(
        db,
        past.map(({ row, incident }) => ({ id: row.id, incident })),
      );
      const alerts: PastAlert[] = [];
      for (const { row, incident } of past)
        alerts.push({
          evidence: await evidenceOf(reports, row),
          incident,
          verdict: verdicts.get(row.id) ?? null,
        });
      return alerts;
    },
    async judged(most) {
      const subjects = await db
        .selectFrom('feedback')
        .select('subject')
        .orderBy('at_ms', 'desc')
        .limit(most)
        .execute();
      const about = [...new Set(subjects.map(({ subject }) => subject))];
      const alerts = new Map<string, { id: string; incident: string; workload: string; detectors: string }>();
      const known = db
        .selectFrom('alerts')
        .leftJoin('incident_alerts', 'incident_alerts.alert', 'alerts.id')
        .select(['alerts.id', 'alerts.workload', 'alerts.detectors', 'incident_alerts.incident']);
      for (const part of chunks(about)) {
        const within = db.selectFrom('incident_alerts').select('alert').where('incident', 'in', part);
        // One after the other: an index serves neither half of an `or` over two tables.
        for (const query of [
          known.where('alerts.id', 'in', part),
          known.where('alerts.id', 'in', within.limit(JUDGED)),
        ])
          for (const row of await query.limit(Math.max(0, JUDGED - alerts.size)).execute())
            alerts.set(row.id, { ...row, incident: row.incident ?? '' });
      }
      const verdicts = await said(db, [...alerts.values()]);
      return [...alerts.values()].flatMap(({ id, workload, detectors }) => {
        const verdict = verdicts.get(id);
        return verdict === undefined ? [] : [{ workload, detectors: texts(detectors), verdict }];
      });
    },
    async addVerdict({ id, atMs, actor, subject, verdict, reason, features, confidence }) {
      await db
        .insertInto('feedback')
        .values({
          id,
          at_ms: atMs,
          actor,
          subject_kind: subject.kind,
          subject: subject.id,
          verdict,
          reason,
          features: JSON.stringify(features),
          confidence,
        })
        .execute();
    },
    async verdict(id) {
      const row = await db.selectFrom('feedback').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : verdictOf(row);
    },
    async verdicts(most) {
      const rows = await db.selectFrom('feedback').selectAll().orderBy('at_ms', 'desc').limit(most).execute();
      return rows.map(verdictOf);
    },
  };
}
