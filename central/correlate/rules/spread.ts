/**
 * Spread: the same detector saw the same fact in another container. One cause in many places is one incident: a worm,
 * an image with something in it, or a release; which of these, people see from the containers and nodes listed.
 */
import type { Evidence, Incident } from '../incident.ts';
import type { Sign } from '../sign.ts';

/** Facts that name one instance, or are hashed with a node's own key, and so never recur elsewhere; and its circumstances. */
const INSTANCE =
  /(^|_)(pid|ppid|tid|session|context|args_hash|inode|cgroup|port|start|start_ns|time|count|score|boot_ns|rarity|seen)$/;
const FINGERPRINT_CHARACTERS = 512;

/** What a detection says, without what belongs to one instance of it; null when nothing is left to compare. */
export function fingerprint(detection: {
  detector: string;
  facts: Readonly<Record<string, string>>;
}): string | null {
  const facts = Object.entries(detection.facts)
    .filter(([key, value]) => !INSTANCE.test(key) && value !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (facts.length === 0) return null;
  return `${detection.detector} ${JSON.stringify(facts)}`.slice(0, FINGERPRINT_CHARACTERS);
}

/** Weak signs are the same everywhere when containers start: they make no story of several. */
export const spreads = ({ severity }: { severity: string }): boolean =>
  severity !== 'info' && severity !== 'low';

/** The same fact in two places or more. */
export function widespread({ facts }: Incident): Sign | null {
  const most = Math.max(0, ...Object.values(facts).map(({ length }) => length));
  if (most < 2) return null;
  return { rule: 'spread', steps: 1, sentence: `The same was seen in ${most} containers.` };
}

/** Why this alert belongs to that incident, or null. */
export function spread(evidence: Evidence, incident: Incident): string | null {
  const here = `${evidence.node}/${evidence.alert.container}`;
  for (const detection of evidence.detections.filter(spreads)) {
    const places = incident.facts[fingerprint(detection) ?? ''];
    const elsewhere = places?.find((place) => place !== here);
    if (elsewhere !== undefined) return `${detection.detector} saw the same in container ${elsewhere}`;
  }
  return null;
}
