/** What people and systems are told, and the contract of everything that carries it. */

export const EVENTS = [
  'opened',
  'escalated',
  'executed',
  'undone',
  'expired',
  'approval-wanted',
  'closed',
  'feedback',
  'node-back',
  'canary',
  'test',
] as const;
export type NotificationEvent = (typeof EVENTS)[number];

export interface Notification {
  readonly id: string;
  readonly event: NotificationEvent;
  /** Unix time, ms. */
  readonly atMs: number;
  readonly cluster: string;
  /** Incident id, or empty. */
  readonly incident: string;
  readonly severity: string;
  /** One plain sentence. */
  readonly title: string;
  /** The printed plan, a reason, or empty. */
  readonly text: string;
  readonly orders: readonly string[];
  /** The plan that waits for an approval. */
  readonly plan?: string;
  /** Who caused it: `policy:NAME`, `node:NAME`, `central`, or a person's name. */
  readonly actor: string;
  readonly namespaces: readonly string[];
  /** `namespace/pod/name on node`, the first few. */
  readonly places: readonly string[];
  readonly techniques: readonly string[];
  /** The last entries of the incident's timeline. */
  readonly timeline: readonly { readonly atMs: number; readonly text: string }[];
}

/** One that was given up, with why. */
export interface DeadLetter {
  readonly notifier: string;
  readonly notification: Notification;
  readonly error: string;
  readonly tries: number;
  readonly atMs: number;
}

/** Why a message did not arrive. `again`: another try may help; `afterMs`: not before. Never holds a secret. */
export interface Failure {
  readonly error: string;
  readonly again: boolean;
  readonly afterMs?: number;
}

/** One way out. Knows how a message looks and how it is handed over once; waiting and trying again is the deliverer's. */
export interface Channel {
  /** One message about these, oldest first; more than one only where its kind can be grouped. Never throws. */
  deliver(batch: readonly Notification[]): Promise<Failure | null>;
  /** Breaks what is open; a delivery under way fails. */
  close(): Promise<void>;
}

/** From least to most; an order that has no incident has no severity, and counts as info. */
const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'];
export const severityRank = (severity: string): number => Math.max(0, SEVERITIES.indexOf(severity));
