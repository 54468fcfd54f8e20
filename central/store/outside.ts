/** Alerts that no agent reported: of central itself, of other detectors. */
import type { Evidence } from '../correlate/incident.ts';
import type { Handle } from './rows.ts';

export interface OutsideStore {
  /** `kind`: where it is from. One that is known is replaced. */
  add(evidence: Evidence, kind: 'node' | 'falco'): Promise<void>;
}

export function outsideStore(db: Handle): OutsideStore {
  return {
    async add({ cluster, node, alert, detections }, kind) {
      const place = { cluster, node, boot: kind };
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
        ...{ id, severity, score, container, workload, title, count, revision, quality, ...place, kind },
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
    },
  };
}
