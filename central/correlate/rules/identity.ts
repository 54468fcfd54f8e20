/** Identity: what somebody asked of the Kubernetes API, with what happened in the pods that it was about. */
import type { Evidence, Incident } from '../incident.ts';

/** Why this alert belongs to that incident, or null. */
export function identity(evidence: Evidence, incident: Incident): string | null {
  const { alert, container, identities, pods } = evidence;
  const [who] = identities;
  if (alert.container === '') {
    const known = incident.identities.find(({ user }) => identities.some((one) => one.user === user));
    if (known !== undefined) return `${known.user} asked the API for a part of it`;
    const involved = incident.involved.find(({ namespace, pod }) => pods.includes(`${namespace}/${pod}`));
    return involved === undefined
      ? null
      : `${who?.user ?? 'somebody'} asked the API about pod ${involved.namespace}/${involved.pod}`;
  }
  const pod = container === null ? '' : `${container.namespace}/${container.pod}`;
  return incident.pods.includes(pod)
    ? `pod ${pod}, about which ${incident.identities[0]?.user} asked the API`
    : null;
}
