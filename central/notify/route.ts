/** Which notification goes where, and what is silenced. Pure. */
import { matchesGlob } from '../../kit/glob.ts';
import { EVENTS, type Notification, type NotificationEvent, severityRank } from './notifier.ts';

export interface Match {
  /** Patterns; empty: all. */
  readonly namespaces: readonly string[];
  readonly clusters: readonly string[];
  /** Empty: all but canaries. */
  readonly events: readonly NotificationEvent[];
  readonly minSeverity: string;
}
export interface Silence {
  readonly name: string;
  readonly namespaces: readonly string[];
  readonly clusters: readonly string[];
  readonly events: readonly NotificationEvent[];
  /** What is more severe is told all the same. */
  readonly maxSeverity: string;
  /** Unix time, ms. */
  readonly untilMs: number;
  readonly reason: string;
}

const fits = (patterns: readonly string[], value: string): boolean =>
  patterns.length === 0 || patterns.some((pattern) => matchesGlob(pattern, value));
/** No list means all but canaries: nobody is to be woken by one who did not ask for it by name. */
const among = (events: readonly string[], event: string): boolean =>
  events.includes(event) || (events.length === 0 && event !== 'canary');

/** One namespace of several is enough: whoever owns it wants to know. */
export function wants(match: Match, one: Notification): boolean {
  return (
    fits(match.clusters, one.cluster) &&
    among(match.events, one.event) &&
    severityRank(one.severity) >= severityRank(match.minSeverity) &&
    (match.namespaces.length === 0 || one.namespaces.some((namespace) => fits(match.namespaces, namespace)))
  );
}

/** The silence that covers it: all of its namespaces, or it is heard. */
export function silencedBy(silences: readonly Silence[], one: Notification, nowMs: number): Silence | null {
  const covers = (silence: Silence): boolean =>
    silence.untilMs > nowMs &&
    fits(silence.clusters, one.cluster) &&
    among(silence.events, one.event) &&
    severityRank(one.severity) <= severityRank(silence.maxSeverity) &&
    (silence.namespaces.length === 0 ||
      (one.namespaces.length > 0 &&
        one.namespaces.every((namespace) => fits(silence.namespaces, namespace))));
  return silences.find(covers) ?? null;
}

export const isEvent = (text: string): text is NotificationEvent =>
  (EVENTS as readonly string[]).includes(text);
