/** An alert of a node with what central knows around it. */
import type { EventBook } from './cluster/event-book.ts';
import type { Evidence, TimelineEntry } from './correlate/incident.ts';
import type { NodeIdentity, ReportedAlert, ReportedContainer } from './ingest/report.ts';
import type { StoreParts } from './store/database.ts';

/** Detections of one alert that are looked at; what an alert is about shows in the first ones. */
const DETECTIONS = 50;

/** What Kubernetes said of a pod so long before belongs to the picture; the kubelet waits five minutes between two starts at most. */
const BEFORE_MS = 600_000;
const EVENTS = 8;

/** Context alone: it changes neither score nor severity. */
function podEntries(
  book: Pick<EventBook, 'ofPod'>,
  { cluster, node, alert }: { cluster: string; node: string; alert: ReportedAlert },
  container: ReportedContainer | null,
): TimelineEntry[] {
  if (container === null) return [];
  const { namespace, pod, podUid, name } = container;
  const span = { fromMs: alert.firstWallMs - BEFORE_MS, toMs: alert.lastWallMs };
  const found = book.ofPod({ cluster, namespace, pod, podUid, container: name }, span);
  const latest = found.toSorted((a, b) => b.lastMs - a.lastMs).slice(0, EVENTS);
  return latest.map(({ reason, count, lastMs, container: of }) => ({
    atMs: Math.min(lastMs, alert.lastWallMs),
    kind: 'pod-event',
    ref: `pod ${podUid} ${of} ${reason}`,
    node,
    container: alert.container,
    text: `Kubernetes says of ${of === '' ? 'the pod' : `container ${of}`}: ${reason}${count > 1 ? `, ${count} times` : ''}.`,
  }));
}

/** The evidence with what Kubernetes said of the node around that time. Context alone, as that of pods. */
export function withNode(evidence: Evidence, book: Pick<EventBook, 'ofNode'>): Evidence {
  const { cluster, node, alert } = evidence;
  if (node === '') return evidence;
  const span = { fromMs: alert.firstWallMs - BEFORE_MS, toMs: alert.lastWallMs };
  const found = book.ofNode({ cluster, node }, span);
  const latest = found.toSorted((a, b) => b.lastMs - a.lastMs).slice(0, EVENTS);
  const told = latest.map(
    ({ reason, count, lastMs }): TimelineEntry => ({
      atMs: Math.min(lastMs, alert.lastWallMs),
      kind: 'node-event',
      ref: `node ${node} ${reason}`,
      node,
      container: '',
      text: `Kubernetes says of node ${node}: ${reason}${count > 1 ? `, ${count} times` : ''}.`,
    }),
  );
  return told.length === 0 ? evidence : { ...evidence, visits: [...evidence.visits, ...told] };
}

/** Inside a transaction: who is behind the alert is written down with it. */
export async function evidenceOf(
  store: StoreParts,
  { cluster, node }: NodeIdentity,
  alert: ReportedAlert,
  book: Pick<EventBook, 'ofPod'>,
): Promise<Evidence> {
  const notes = await store.sessions.notesOf(alert.id);
  const identities = [
    ...new Map(notes.flatMap(({ named }) => named?.identities ?? []).map((one) => [one.user, one])).values(),
  ];
  if (identities.length > 0) await store.sessions.setIdentities(alert.id, identities);
  const container = await store.reports.container({ cluster, node, id: alert.container });
  const entered = notes.map(
    ({ session, sentence }): TimelineEntry => ({
      atMs: session.atMs,
      kind: 'session',
      ref: `${session.node} ${session.boot} ${session.root}`,
      node: session.node,
      container: session.container,
      text: sentence,
    }),
  );
  return {
    cluster,
    node,
    alert,
    container,
    detections: await store.reports.detectionsOf(alert.id, DETECTIONS),
    identities,
    visits: [...entered, ...podEntries(book, { cluster, node, alert }, container)],
    pods: [],
    opens: true,
  };
}
