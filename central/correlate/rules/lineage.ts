/** Lineage: the same workload, or another container of the same pod. */
import type { Evidence, Incident } from '../incident.ts';

/** Why this alert belongs to that incident, or null. */
export function lineage(evidence: Evidence, incident: Incident): string | null {
  const { alert, container, node } = evidence;
  for (const involved of incident.involved) {
    if (alert.workload !== '' && involved.workload === alert.workload)
      return `same workload ${alert.workload}`;
    if (container !== null && container.podUid !== '' && involved.podUid === container.podUid)
      return `same pod ${container.namespace}/${container.pod}`;
    if (involved.node === node && involved.id === alert.container) return `same container on node ${node}`;
  }
  return null;
}
