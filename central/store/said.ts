/** What people said of alerts: of one subject the last verdict counts. */
import type { VerdictKind } from '../feedback/verdict.ts';
import { chunks, type Handle } from './rows.ts';

/** The last verdict on each alert: on itself, or on the incident that it is part of. */
export async function said(
  db: Handle,
  alerts: readonly { id: string; incident: string }[],
): Promise<Map<string, VerdictKind>> {
  const subjects = [...new Set(alerts.flatMap(({ id, incident }) => [id, incident]))].filter(
    (id) => id !== '',
  );
  const latest = new Map<string, { kind: VerdictKind; atMs: number }>();
  for (const part of chunks(subjects))
    for (const row of await db
      .selectFrom('feedback')
      .select(['subject', 'verdict', 'at_ms'])
      .where('subject', 'in', part)
      .orderBy('at_ms')
      .execute())
      latest.set(row.subject, { kind: row.verdict as VerdictKind, atMs: row.at_ms });
  const found = new Map<string, VerdictKind>();
  for (const { id, incident } of alerts) {
    const [own, whole] = [latest.get(id), latest.get(incident)];
    const later = (own?.atMs ?? -1) >= (whole?.atMs ?? -1) ? own : whole;
    if (later !== undefined) found.set(id, later.kind);
  }
  return found;
}
