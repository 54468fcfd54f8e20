/** An alert with its detections that no agent reported: of central itself, of the API's activity, of other detectors. */
import type { ReportedAlert, ReportedDetection } from '../ingest/report.ts';
import type { Handle } from './rows.ts';

export interface Unreported {
  readonly alert: ReportedAlert;
  readonly detections: readonly ReportedDetection[];
}
/** Where it is from. */
export interface Place {
  readonly cluster: string;
  readonly node: string;
  readonly boot: string;
}

/** An alert that is known is replaced; a detection stays as it was. `more`: what only this kind of alert has. */
export async function keepAlert(
  db: Handle,
  place: Place,
  { alert, detections }: Unreported,
  more: { readonly kind: string; readonly identities?: string },
): Promise<void> {
  for (const { timeNs, processStartNs, wallMs, techniques, facts, ...rest } of detections)
    await db
      .insertInto('detections')
      .values({
        ...{ ...rest, ...place, time_ns: String(timeNs), process_start_ns: String(processStartNs) },
        ...{ wall_ms: wallMs, techniques: JSON.stringify(techniques), facts: JSON.stringify(facts) },
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  const { id, severity, score, container, workload, title, count, revision, quality } = alert;
  const row = {
    ...{ id, severity, score, container, workload, title, count, revision, quality, ...place, ...more },
    ...{ first_ns: '0', last_ns: '0', first_wall_ms: alert.firstWallMs, last_wall_ms: alert.lastWallMs },
    explanation: JSON.stringify(alert.explanation),
    detectors: JSON.stringify(alert.detectors),
    techniques: JSON.stringify(alert.techniques),
    suppressed: '',
  };
  await db
    .insertInto('alerts')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}
