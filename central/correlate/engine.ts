/** Alerts to incidents: a function of what is known and what is new. No clock of its own, no I/O. */
import { createHash } from 'node:crypto';
import type { Means } from '../../kit/exception.ts';
import { SEVERITIES, type Severity } from '../ingest/report.ts';
import { assess } from './assess.ts';
import { type ExceptionRule, exceptionFor } from './exception.ts';
import {
  type Evidence,
  type Incident,
  type IncidentChange,
  type Involved,
  type Member,
  MOST,
  type TimelineEntry,
} from './incident.ts';
import type { Match } from './intel.ts';
import { JOIN_RULES } from './rules/index.ts';
import { reachesOf } from './rules/lateral.ts';
import { fingerprint, spreads } from './rules/spread.ts';
import type { Surroundings } from './surroundings.ts';
import { stageOf } from './tactics.ts';

// As MOST: beyond these it only counts.
const FACTS = 200;
const TIMELINE = 500;
const IDENTITIES = 32;
const REACHES = 100;
const MATCHES = 32;
/** Facts that lists of threats may know. */
const LISTABLE = ['peer', 'peer_name', 'dns_name', 'sha256', 'source'] as const;

export interface EngineInput {
  /** Incidents that may still grow. */
  readonly incidents: readonly Incident[];
  readonly evidence: readonly Evidence[];
  /** Alert id → incident id, for alerts that are updated. */
  readonly memberships: ReadonlyMap<string, string>;
  /** Ids of closed incidents of which people called each alert a false alarm. */
  readonly calledFalse: ReadonlySet<string>;
  readonly exceptions: readonly ExceptionRule[];
  /** Of a pattern in clear and a value that its node told as a hash. */
  readonly means?: Means | undefined;
  readonly around: Surroundings;
  readonly windowMs: number;
  readonly nowMs: number;
}
export interface EngineOutput {
  readonly changes: readonly IncidentChange[];
  /** Alerts that an exception kept from opening or joining an incident. */
  readonly suppressed: readonly { readonly alert: string; readonly exception: string }[];
}

const rank = (severity: string): number => Math.max(0, (SEVERITIES as readonly string[]).indexOf(severity));
const severityAt = (at: number): Severity => SEVERITIES[Math.min(at, SEVERITIES.length - 1)] ?? 'critical';

/** Derived from the alert that opens it, so that the same alerts give the same incident. */
const incidentId = (alert: string): string =>
  `inc-${createHash('sha256').update(alert).digest('hex').slice(0, 20)}`;

function involvedOf({ node, alert, container }: Evidence): Involved {
  return {
    node,
    id: alert.container,
    name: container?.name ?? '',
    podUid: container?.podUid ?? '',
    pod: container?.pod ?? '',
    namespace: container?.namespace ?? alert.workload.split('/')[1] ?? '',
    workload: alert.workload,
    image: container?.image ?? '',
  };
}

function memberOf({ node, alert }: Evidence, because: string): Member {
  const { id, score, title, detectors, techniques } = alert;
  const severity = severityAt(rank(alert.severity));
  return {
    alert: id,
    container: alert.container === '' ? '' : `${node}/${alert.container}`,
    severity,
    score,
    title,
    detectors,
    techniques,
    impaired: alert.quality !== '',
    because,
  };
}

function timelineOf({ node, alert, detections, visits }: Evidence): TimelineEntry[] {
  const place = { node, container: alert.container };
  const entries: TimelineEntry[] = detections.map(({ id, wallMs, summary }) => ({
    ...place,
    atMs: wallMs,
    kind: 'detection',
    ref: id,
    text: summary,
  }));
  return [
    ...visits,
    ...entries,
    { ...place, atMs: alert.lastWallMs, kind: 'alert', ref: alert.id, text: alert.title },
  ];
}

/** By key, later ones replace earlier ones; what is beyond `most` is left out, the oldest stay. */
function merge<T>(old: readonly T[], added: readonly T[], key: (entry: T) => string, most: number): T[] {
  const all = new Map(old.map((entry) => [key(entry), entry]));
  for (const entry of added) if (all.has(key(entry)) || all.size < most) all.set(key(entry), entry);
  return [...all.values()];
}

function factsOf(incident: Incident, evidence: Evidence): Record<string, readonly string[]> {
  const facts: Record<string, readonly string[]> = { ...incident.facts };
  // One and the same request to the API in two places is no spread.
  if (evidence.alert.container === '') return facts;
  const here = `${evidence.node}/${evidence.alert.container}`;
  for (const detection of evidence.detections) {
    const print = spreads(detection) ? fingerprint(detection) : null;
    if (print === null || (facts[print] === undefined && Object.keys(facts).length >= FACTS)) continue;
    const places = facts[print] ?? [];
    if (!places.includes(here) && places.length < MOST.involved) facts[print] = [...places, here];
  }
  return facts;
}

/** 1 − Π(1 − best score of each detector): independent witnesses; halved in weight where something was lost. */
function confidenceOf(members: readonly Member[]): number {
  const best = new Map<string, number>();
  for (const { detectors, score, impaired } of members)
    for (const detector of detectors)
      best.set(detector, Math.max(best.get(detector) ?? 0, impaired ? score / 2 : score));
  const doubt = [...best.values()].reduce((product, score) => product * (1 - Math.min(score, 0.95)), 1);
  return Math.round((1 - doubt) * 1000) / 1000;
}

/** Peers and names in the facts, and where requests came from, as far as lists say something of them. */
function matchesOf({ detections, identities }: Evidence, around: Surroundings): Match[] {
  const values = detections.flatMap(({ facts }) => [
    ...LISTABLE.flatMap((name) => facts[name] ?? []),
    /^connect (?:udp )?(.+):\d+$/.exec(facts['fact'] ?? '')?.[1] ?? '',
  ]);
  const sources = identities.flatMap((identity) => identity.sources);
  return [...new Set([...values, ...sources])].flatMap((value) =>
    value === '' ? [] : around.matchesOf(value),
  );
}

const placeOf = ({ namespace, pod, name, id, node }: Involved): string =>
  pod === '' ? `${name === '' ? id.slice(0, 12) : name} on ${node}` : `${namespace}/${pod}/${name}`;

function titleOf(members: readonly Member[], involved: readonly Involved[]): string {
  const worst = members.reduce((a, b) => (rank(b.severity) > rank(a.severity) ? b : a));
  const nodes = new Set(involved.map(({ node }) => node)).size;
  const [first] = involved;
  if (first === undefined) return worst.title.replace(/\.$/, '');
  const place = placeOf(first);
  const many =
    involved.length > 1 ? ` and ${involved.length - 1} more on ${nodes} node${nodes > 1 ? 's' : ''}` : '';
  return `${worst.title.replace(/\.$/, '')} (in ${place}${many})`;
}

function grow(
  incident: Incident,
  evidence: Evidence,
  { because, around }: { because: string; around: Surroundings },
): Incident {
  const members = merge(incident.members, [memberOf(evidence, because)], ({ alert }) => alert, MOST.members);
  const involved = merge(
    incident.involved,
    evidence.alert.container === '' ? [] : [involvedOf(evidence)],
    ({ node, id }) => `${node}/${id}`,
    MOST.involved,
  );
  const added = timelineOf(evidence);
  const timeline = merge(incident.timeline, added, ({ ref }) => ref, TIMELINE).sort(
    (a, b) => a.atMs - b.atMs,
  );
  const techniques = [...new Set([...incident.techniques, ...evidence.alert.techniques])].sort();
  const facts = factsOf(incident, evidence);
  const refs = new Set(timeline.map(({ ref }) => ref));
  const whole: Incident = {
    ...incident,
    members,
    involved,
    techniques,
    identities: merge(incident.identities, evidence.identities, ({ user }) => user, IDENTITIES),
    pods: merge(incident.pods, evidence.pods, (pod) => pod, MOST.pods),
    reaches: merge(incident.reaches, reachesOf(evidence), ({ from, to }) => `${from} ${to}`, REACHES),
    matches: merge(incident.matches, matchesOf(evidence, around), ({ indicator }) => indicator, MATCHES),
    facts,
    timeline,
    stage: stageOf(techniques),
    confidence: confidenceOf(members),
    title: titleOf(members, involved),
    firstMs: Math.min(incident.firstMs, evidence.alert.firstWallMs),
    lastMs: Math.max(incident.lastMs, evidence.alert.lastWallMs),
    omitted: incident.omitted + added.filter(({ ref }) => !refs.has(ref)).length,
    state: incident.state === 'closed' ? 'open' : incident.state,
    revision: incident.revision + 1,
  };
  return assess(whole, around);
}

function opened(evidence: Evidence, around: Surroundings): Incident {
  const { alert, cluster } = evidence;
  const empty: Incident = {
    id: incidentId(alert.id),
    cluster,
    state: 'open',
    severity: 'info',
    stage: 'unknown',
    confidence: 0,
    priority: 0,
    reasons: [],
    findings: [],
    title: '',
    firstMs: alert.firstWallMs,
    lastMs: alert.lastWallMs,
    members: [],
    involved: [],
    techniques: [],
    identities: [],
    pods: [],
    reaches: [],
    matches: [],
    facts: {},
    timeline: [],
    omitted: 0,
    revision: 0,
  };
  return grow(empty, evidence, { because: 'the first alert', around });
}

function homeOf(
  evidence: Evidence,
  input: EngineInput,
  incidents: ReadonlyMap<string, Incident>,
): [Incident, string] | null {
  const { alert, cluster } = evidence;
  const member = incidents.get(input.memberships.get(alert.id) ?? '');
  if (member !== undefined)
    return [member, member.members.find((known) => known.alert === alert.id)?.because ?? 'known alert'];
  const near = [...incidents.values()].filter(
    (incident) =>
      incident.cluster === cluster &&
      incident.state !== 'closed' &&
      alert.firstWallMs <= incident.lastMs + input.windowMs &&
      alert.lastWallMs >= incident.firstMs - input.windowMs,
  );
  for (const rule of JOIN_RULES)
    for (const incident of near) {
      const because = rule(evidence, incident);
      if (because !== null) return [incident, because];
    }
  return null;
}

/** Container → rank of its own worst alert. */
function worstByContainer({ members }: Incident): Map<string, number> {
  const worst = new Map<string, number>();
  for (const { container, severity } of members)
    worst.set(container, Math.max(rank(severity), worst.get(container) ?? 0));
  return worst;
}

/** Something that a decision was made on has become worse or wider; also one container alone, as plans go by each. */
function escalated(before: Incident, after: Incident, calledFalse: boolean): boolean {
  // It was told as closed, and policies that came meanwhile left it out; what people called false is nothing to tell.
  if (before.state === 'closed' && !calledFalse) return true;
  if (rank(after.severity) > rank(before.severity)) return true;
  if (after.involved.length > before.involved.length) return true;
  const was = worstByContainer(before);
  return [...worstByContainer(after)].some(([container, worst]) => worst > (was.get(container) ?? -1));
}

/** Which incidents the new alerts open or change; each incident appears once, as it is after all of them. */
export function correlate(input: EngineInput): EngineOutput {
  const incidents = new Map(input.incidents.map((incident) => [incident.id, incident]));
  const kinds = new Map<string, IncidentChange['kind']>();
  const suppressed: { alert: string; exception: string }[] = [];
  for (const evidence of input.evidence) {
    const exception = exceptionFor(evidence, input.exceptions, input);
    if (exception !== null) {
      suppressed.push({ alert: evidence.alert.id, exception: exception.name });
      continue;
    }
    const home = homeOf(evidence, input, incidents);
    if (home === null && !evidence.opens) continue;
    if (home === null) {
      const incident = opened(evidence, input.around);
      incidents.set(incident.id, incident);
      kinds.set(incident.id, 'opened');
      continue;
    }
    const [before, because] = home;
    const after = grow(before, evidence, { because, around: input.around });
    incidents.set(after.id, after);
    const worse = escalated(before, after, input.calledFalse.has(after.id));
    if (kinds.get(after.id) !== 'opened' && (worse || !kinds.has(after.id)))
      kinds.set(after.id, worse ? 'escalated' : 'updated');
  }
  const changes = [...kinds].flatMap(([id, kind]) => {
    const incident = incidents.get(id);
    return incident === undefined ? [] : [{ kind, incident }];
  });
  return { changes, suppressed };
}
