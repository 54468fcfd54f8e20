/** Lateral movement: what alerts was connected to, before it did, from where there was an alert. */
import type { Evidence, Incident, Reach } from '../incident.ts';
import type { Sign } from '../sign.ts';

/** Without the cluster and the container: `namespace/Kind/name`, as nodes tell a peer that they know. */
const plainOf = (workload: string): string => workload.split('/').slice(1, 4).join('/');
/** `connect shop/Deployment/api:8080`, with `udp ` before the peer where it is that. */
const CONNECT = /^connect (?:udp )?([^\s/:]+\/[^\s/:]+\/[^\s:]+):\d+$/;

/** Connections to workloads that these detections tell. */
export function reachesOf({ alert, detections }: Evidence): Reach[] {
  return detections.flatMap(({ facts, wallMs }) => {
    const to = CONNECT.exec(facts['fact'] ?? '')?.[1];
    return to === undefined || to === plainOf(alert.workload)
      ? []
      : [{ from: alert.workload, to, atMs: wallMs }];
  });
}

/** Why this alert belongs to that incident, or null; alerts of two nodes come in any order. */
export function lateral(evidence: Evidence, incident: Incident): string | null {
  const { alert, container } = evidence;
  if (container === null) return null;
  const here = plainOf(alert.workload);
  const came = incident.reaches.find(
    ({ from, to, atMs }) => to === here && from !== alert.workload && atMs <= alert.lastWallMs,
  );
  if (came !== undefined) return `${came.from} of it connected to ${here} before this`;
  const own = reachesOf(evidence);
  for (const { workload } of incident.involved) {
    const went = own.find(({ to }) => to === plainOf(workload));
    if (went !== undefined && went.atMs <= incident.lastMs)
      return `it connected to ${went.to} before that alerted`;
  }
  return null;
}

/** A connection between two that are both in the incident. */
export function moved({ reaches, involved }: Incident): Sign | null {
  const homes = new Map(involved.map(({ workload }) => [plainOf(workload), workload]));
  const found = reaches.find(({ from, to }) => homes.has(to) && homes.get(to) !== from);
  if (found === undefined) return null;
  return { rule: 'lateral', steps: 1, sentence: `${found.from} connected to ${found.to}, and both alerted.` };
}
