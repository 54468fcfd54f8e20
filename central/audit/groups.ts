/**
 * Findings to alerts. What one identity does in one go is one alert, and what the cluster's controllers and fresh service
 * accounts do because of it belongs to it: a Helm install is one alert and not a hundred.
 */
import { createHash } from 'node:crypto';
import type { ReportedAlert, ReportedDetection, Severity } from '../ingest/report.ts';
import { identityKey } from './actor.ts';
import { isDelete, isWrite } from './capability.ts';
import { type AuditEvent, outcomeOf } from './event.ts';
import type { Finding } from './finding.ts';
import { peerOf } from './observe.ts';
import { tame } from './plain.ts';

/** No finding for so long ends a group, and none is longer, ms. */
const GAP_MS = 120_000;
const LONGEST_MS = 600_000;
/** Groups that may grow; the oldest is closed. */
const OPEN = 256;
/** Findings told one by one in an alert; the others count. */
const DETECTIONS = 50;
const SENTENCES = 12;
const NAMESPACES = 64;
/** Below, a service account's finding may be what its installation asked for. */
const GRAVE = 0.6;

/** Who is behind an alert, for incidents and for people. */
export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
  readonly sources: readonly string[];
  readonly userAgent: string;
}
/** An alert about the API, with what the others know alerts by. */
export interface ApiAlert {
  readonly alert: ReportedAlert;
  readonly detections: readonly ReportedDetection[];
  readonly identity: Identity;
  /** Pods that it is about. */
  readonly pods: readonly { readonly namespace: string; readonly pod: string }[];
  /** It may open an incident by itself. */
  readonly grave: boolean;
}

interface Group {
  readonly id: string;
  readonly who: string;
  readonly firstMs: number;
  lastMs: number;
  readonly findings: Finding[];
  count: number;
  worst: Finding;
  readonly namespaces: Set<string>;
  revision: number;
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 20);

function severityOf({ score, byHabit }: Finding): Severity {
  if (byHabit || score < GRAVE) return 'low';
  return score >= 0.85 ? 'high' : 'medium';
}

const targetOf = ({ verb, resource, subresource, namespace, name, uri }: AuditEvent): string =>
  resource === ''
    ? `${verb} ${uri.split('?')[0]}`
    : `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`} ${namespace === '' ? name : `${namespace}/${name}`}`;

const OUTCOME = { done: '', refused: '; it was refused', failed: '; it failed' } as const;

/** One plain sentence about a finding. */
const sentenceOf = ({ actor, sentence, event }: Finding): string =>
  tame(`${actor.user} ${sentence}: ${targetOf(event)}${OUTCOME[outcomeOf(event)]}.`, 1024);

function detectionOf(finding: Finding, { id, cluster }: { id: string; cluster: string }): ReportedDetection {
  const { event, actor, ms, name, score, techniques } = finding;
  const facts = {
    user: actor.user,
    verb: event.verb,
    resource: event.subresource === '' ? event.resource : `${event.resource}/${event.subresource}`,
    namespace: event.namespace,
    name: event.name,
    source: peerOf(event),
    user_agent: event.userAgent,
    outcome: outcomeOf(event),
    ...(event.command.length > 0 ? { command: event.command.join(' ') } : {}),
  };
  return {
    id: `det-${hash(`api ${cluster} ${event.id} ${event.time} ${actor.who} ${name} ${targetOf(event)}`)}`,
    detector: `api-${name}`,
    severity: severityOf(finding),
    score,
    timeNs: 0n,
    wallMs: ms,
    container: '',
    workload: identityKey(cluster, actor),
    pid: 0,
    processStartNs: 0n,
    summary: sentenceOf(finding),
    alert: id,
    techniques: [...techniques],
    facts: Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, tame(value, 1024)])),
  };
}

export class Groups {
  readonly #cluster: string;
  readonly #open = new Map<string, Group>();
  #changed = new Set<Group>();

  constructor(cluster: string) {
    this.#cluster = cluster;
  }

  get open(): number {
    return this.#open.size;
  }

  /** A request that is part of what a group does, told or not. */
  touch(event: AuditEvent, who: string): void {
    const group = this.#open.get(who);
    if (group === undefined || !(isWrite(event) || isDelete(event))) return;
    if (event.namespace !== '' && group.namespaces.size < NAMESPACES) group.namespaces.add(event.namespace);
  }

  add(finding: Finding): void {
    const group = this.#homeOf(finding) ?? this.#begin(finding);
    group.lastMs = Math.max(group.lastMs, finding.ms);
    group.count += 1;
    group.revision += 1;
    if (group.findings.length < DETECTIONS) group.findings.push(finding);
    if (finding.score > group.worst.score || group.worst.byHabit) group.worst = finding;
    if (finding.event.namespace !== '' && group.namespaces.size < NAMESPACES)
      group.namespaces.add(finding.event.namespace);
    this.#changed.add(group);
  }

  #homeOf(finding: Finding): Group | null {
    const { actor, ms, score } = finding;
    const grows = (group: Group): boolean => ms - group.lastMs <= GAP_MS && ms - group.firstMs <= LONGEST_MS;
    const own = this.#open.get(actor.who);
    if (own !== undefined && grows(own)) return own;
    const others = [...this.#open.values()].filter(grows);
    if (actor.kind === 'cluster' || actor.kind === 'node') return others.at(-1) ?? null;
    if (actor.kind !== 'service-account' || score >= GRAVE) return null;
    return others.findLast(({ namespaces }) => namespaces.has(actor.namespace)) ?? null;
  }

  #begin(finding: Finding): Group {
    const { actor, ms, event, name } = finding;
    const group: Group = {
      id: `alr-${hash(`api ${this.#cluster} ${event.id} ${event.time} ${actor.who} ${name} ${targetOf(event)}`)}`,
      who: actor.who,
      firstMs: ms,
      lastMs: ms,
      findings: [],
      count: 0,
      worst: finding,
      namespaces: new Set(),
      revision: 0,
    };
    this.#open.delete(actor.who);
    this.#open.set(actor.who, group);
    const [oldest] = this.#open.keys();
    if (this.#open.size > OPEN && oldest !== undefined) this.#open.delete(oldest);
    return group;
  }

  /** Alerts that were opened or have grown since the last time. */
  take(): ApiAlert[] {
    const alerts = [...this.#changed].map((group) => this.#alertOf(group));
    this.#changed = new Set();
    return alerts;
  }

  #alertOf(group: Group): ApiAlert {
    const { id, findings, worst, firstMs, lastMs, count, revision } = group;
    const detections = findings.map((finding) => detectionOf(finding, { id, cluster: this.#cluster }));
    const { user, groups, impersonated, sources, userAgent } = worst.event;
    const sentences = findings.flatMap((finding) => [
      sentenceOf(finding),
      ...finding.reasons.map((reason) => tame(`It ${reason}.`, 512)),
    ]);
    const severity = severityOf(worst);
    const alert: ReportedAlert = {
      id,
      severity,
      score: worst.score,
      firstNs: 0n,
      lastNs: 0n,
      firstWallMs: firstMs,
      lastWallMs: lastMs,
      container: '',
      workload: identityKey(this.#cluster, worst.actor),
      title: sentenceOf(worst),
      explanation: [...new Set(sentences)].slice(0, SENTENCES),
      detectors: [...new Set(detections.map(({ detector }) => detector))].slice(0, SENTENCES),
      techniques: [...new Set(findings.flatMap(({ techniques }) => techniques))].sort(),
      count,
      revision,
      quality: '',
    };
    const pods = findings
      .filter(({ event }) => event.resource === 'pods' && event.name !== '')
      .map(({ event }) => ({ namespace: event.namespace, pod: event.name }));
    return {
      alert,
      detections,
      identity: {
        user: tame(impersonated === null ? user : `${user} as ${impersonated}`, 512),
        groups: groups.slice(0, 32).map((name) => tame(name, 253)),
        sources: sources.slice(0, 8).map((source) => tame(source, 64)),
        userAgent: tame(userAgent, 256),
      },
      pods: [...new Map(pods.map((pod) => [`${pod.namespace}/${pod.pod}`, pod])).values()],
      grave: severity !== 'low',
    };
  }
}
