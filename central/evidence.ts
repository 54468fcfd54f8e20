/** An alert of a node with what central knows around it. */
import type { Evidence } from './correlate/incident.ts';
import type { NodeIdentity, ReportedAlert } from './ingest/report.ts';
import type { StoreParts } from './store/database.ts';

/** Detections of one alert that are looked at; what an alert is about shows in the first ones. */
const DETECTIONS = 50;

/** Inside a transaction: who is behind the alert is written down with it. */
export async function evidenceOf(
  store: StoreParts,
  { cluster, node }: NodeIdentity,
  alert: ReportedAlert,
): Promise<Evidence> {
  const notes = await store.sessions.notesOf(alert.id);
  const identities = [
    ...new Map(notes.flatMap(({ named }) => named?.identities ?? []).map((one) => [one.user, one])).values(),
  ];
  if (identities.length > 0) await store.sessions.setIdentities(alert.id, identities);
  return {
    cluster,
    node,
    alert,
    container: await store.reports.container({ cluster, node, id: alert.container }),
    detections: await store.reports.detectionsOf(alert.id, DETECTIONS),
    identities,
    visits: notes.map(({ session, sentence }) => ({
      atMs: session.atMs,
      kind: 'session',
      ref: `${session.node} ${session.boot} ${session.root}`,
      node: session.node,
      container: session.container,
      text: sentence,
    })),
    pods: [],
    opens: true,
  };
}
