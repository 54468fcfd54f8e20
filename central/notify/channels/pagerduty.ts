/** PagerDuty Events v2: an incident of ours is one of theirs, triggered, acknowledged and resolved under one key. */
import { failureFrom, failureOf, httpTarget } from '../http.ts';
import type { Channel, Notification } from '../notifier.ts';
import { asText, details, headline, plain } from '../words.ts';

export interface PagerDutyParts {
  /** https://events.pagerduty.com, or its European twin. */
  readonly url: string;
  /** The integration's key, read anew for each message. */
  readonly routingKey: () => string;
  readonly ca?: string;
}

// https://developer.pagerduty.com/docs/send-alert-event
const SEVERITY: Readonly<Record<string, string>> = {
  info: 'info',
  low: 'warning',
  medium: 'warning',
  high: 'error',
  critical: 'critical',
};
const SUMMARY = 1024;

/** What a policy or central itself does leaves the page open: a person has still to look. */
const isPerson = (actor: string): boolean =>
  actor !== '' && actor !== 'central' && !/^(policy|node):/.test(actor);

/** null: nothing that their side needs to know. */
export function eventAction({ event, actor }: Notification): 'trigger' | 'acknowledge' | 'resolve' | null {
  switch (event) {
    case 'closed':
    case 'node-back':
      return 'resolve';
    case 'executed':
      return isPerson(actor) ? 'acknowledge' : 'trigger';
    case 'undone':
    case 'feedback':
      return isPerson(actor) ? 'acknowledge' : null;
    case 'expired':
      return null;
    default:
      return 'trigger';
  }
}

/** The incident; without one (a silent node, a container that was cut by hand), what its title names. */
export function dedupKey(one: Notification): string {
  if (one.incident !== '') return one.incident;
  return plain(`picket/${one.cluster}/${one.orders[0] ?? (one.places[0] || one.id)}`, 255);
}

export function pagerduty(parts: PagerDutyParts): Channel {
  const target = httpTarget(new URL(parts.url).origin, parts.ca);
  const bodyOf = (one: Notification, action: string): object => ({
    routing_key: parts.routingKey(),
    event_action: action,
    dedup_key: dedupKey(one),
    ...(action === 'trigger'
      ? {
          client: 'picket',
          payload: {
            summary: headline(one, SUMMARY),
            source: one.places[0] ?? one.cluster,
            severity: SEVERITY[one.severity] ?? 'warning',
            timestamp: new Date(one.atMs).toISOString(),
            component: one.namespaces[0] ?? '',
            group: one.cluster,
            class: one.event,
            custom_details: { ...Object.fromEntries(details(one)), message: asText(one) },
          },
        }
      : {}),
  });
  return {
    async deliver([one]) {
      const action = one === undefined ? null : eventAction(one);
      if (one === undefined || action === null) return null;
      try {
        const body = JSON.stringify(bodyOf(one, action));
        return failureOf(await target.post('/v2/enqueue', { 'content-type': 'application/json' }, body));
      } catch (error) {
        return failureFrom(error);
      }
    },
    close: () => target.close(),
  };
}
