/** The contract of everything that tells people or systems: deliver one notification. */

export const EVENTS = ['opened', 'escalated', 'executed', 'undone', 'expired', 'approval-wanted'] as const;
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
}

/** One that was given up, with why. */
export interface DeadLetter {
  readonly notifier: string;
  readonly notification: Notification;
  readonly error: string;
  readonly tries: number;
  readonly atMs: number;
}

export interface Notifier {
  readonly name: string;
  /** Takes the notification over and returns at once; what cannot be delivered ends as a dead letter. */
  notify(notification: Notification): void;
  /** Gives up what is waiting, each as a dead letter. Resolves when the last one is written. */
  close(): Promise<void>;
}
