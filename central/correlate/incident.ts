/** The shape of an incident: alerts that belong together, as one story. */
import type { Identity } from '../audit/groups.ts';
import type { ReportedAlert, ReportedContainer, ReportedDetection, Severity } from '../ingest/report.ts';
import type { Match } from './intel.ts';
import type { Stage } from './tactics.ts';

/**
 * open: nothing was decided that acts. awaiting: a person is asked. contained: an order is in force or on its way.
 * released: a person took it back. expired: the lease ended. closed: quiet for longer than the incident window.
 */
export const INCIDENT_STATES = ['open', 'awaiting', 'contained', 'released', 'expired', 'closed'] as const;
export type IncidentState = (typeof INCIDENT_STATES)[number];

/** An incident is read by people and rewritten with each alert: beyond these it only counts. */
export const MOST = { members: 500, involved: 500, pods: 64 } as const;

/** A container as a part of an incident; names may be empty where the node did not know them. */
export interface Involved {
  readonly node: string;
  readonly id: string;
  readonly name: string;
  readonly podUid: string;
  readonly pod: string;
  readonly namespace: string;
  readonly workload: string;
  readonly image: string;
}
export interface TimelineEntry {
  readonly atMs: number;
  /** session: somebody entered a container. pod-event, node-event: what Kubernetes says of its pod or node. */
  readonly kind: 'detection' | 'alert' | 'session' | 'pod-event' | 'node-event';
  /** The detection's or alert's id. */
  readonly ref: string;
  readonly node: string;
  readonly container: string;
  readonly text: string;
}
/** What an alert brought in; one that was updated is replaced. */
export interface Member {
  readonly alert: string;
  /** The container it is about, as `node/id`. */
  readonly container: string;
  readonly severity: Severity;
  readonly score: number;
  readonly title: string;
  readonly detectors: readonly string[];
  readonly techniques: readonly string[];
  /** Something was lost or unknown when it was made. */
  readonly impaired: boolean;
  /** Why it belongs here, a sentence. */
  readonly because: string;
}
/** A workload connected to another, `namespace/Kind/name`. */
export interface Reach {
  readonly from: string;
  readonly to: string;
  readonly atMs: number;
}
export interface Incident {
  readonly id: string;
  readonly cluster: string;
  readonly state: IncidentState;
  readonly severity: Severity;
  readonly stage: Stage;
  /** 0..1: how sure the alerts together make us that this is no chance. */
  readonly confidence: number;
  /** 0..100: how soon people are to look at it. */
  readonly priority: number;
  /** What the priority is made of, the most first. */
  readonly reasons: readonly string[];
  /** What rules say of it as a whole, plain sentences. */
  readonly findings: readonly string[];
  readonly title: string;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly members: readonly Member[];
  readonly involved: readonly Involved[];
  readonly techniques: readonly string[];
  /** Who asked the API for a part of it, or entered a container of it. */
  readonly identities: readonly Identity[];
  /** Pods that requests to the API were about, as `namespace/pod`. */
  readonly pods: readonly string[];
  /** Connections of its containers to known workloads. */
  readonly reaches: readonly Reach[];
  /** What is on lists of threats. */
  readonly matches: readonly Match[];
  /** Fingerprints of facts → containers (`node/id`) in which they were seen. */
  readonly facts: Readonly<Record<string, readonly string[]>>;
  readonly timeline: readonly TimelineEntry[];
  /** Alerts, containers, facts or timeline entries beyond the bounds of this shape. */
  readonly omitted: number;
  readonly revision: number;
}

/** An alert with what central knows around it. */
export interface Evidence {
  readonly cluster: string;
  readonly node: string;
  readonly alert: ReportedAlert;
  readonly container: ReportedContainer | null;
  readonly detections: readonly ReportedDetection[];
  /** Who is behind it, as far as is known; several: any of them. */
  readonly identities: readonly Identity[];
  /** How its processes came into the container, where somebody entered it, and what Kubernetes said of its pod meanwhile. */
  readonly visits: readonly TimelineEntry[];
  /** Pods that a request was about, as `namespace/pod`. */
  readonly pods: readonly string[];
  /** Whether it opens an incident where it belongs to none. */
  readonly opens: boolean;
}
/** What became of an incident: `updated` changes nothing that anyone must act on. */
export interface IncidentChange {
  readonly kind: 'opened' | 'escalated' | 'updated';
  readonly incident: Incident;
}
