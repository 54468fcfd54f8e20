/** Prometheus Alertmanager, API v2: an open incident is a firing alert, a closed one a resolved alert. */
import { failureFrom, failureOf, httpTarget } from '../http.ts';
import type { Channel, Notification } from '../notifier.ts';
import { asText, headline, plain } from '../words.ts';

export interface AlertmanagerParts {
  /** Such as http://alertmanager.monitoring:9093, with a path prefix where it has one. */
  readonly url: string;
  readonly nowMs: () => number;
  readonly ca?: string;
}

/** An alert that nobody resolves (central gone for good) ends after this. */
const HOLD_MS = 24 * 3_600_000;
/** Incidents whose labels are remembered. */
const KNOWN = 1000;
const LABEL = 200;

type Labels = Readonly<Record<string, string>>;

/** What makes an alert this alert: equal labels are one alert to Alertmanager. Severity is one, since people route by it. */
function labelsOf(one: Notification): Labels {
  const about = one.incident === '' ? { place: one.places[0] ?? one.cluster } : { incident: one.incident };
  const name = one.event === 'test' ? 'PicketTest' : one.incident === '' ? 'PicketEvent' : 'PicketIncident';
  const labels = {
    alertname: name,
    cluster: one.cluster,
    severity: one.severity,
    namespace: one.namespaces[0] ?? '',
    ...about,
  };
  // An empty label is no label.
  return Object.fromEntries(
    Object.entries(labels).flatMap(([key, value]) => (value === '' ? [] : [[key, plain(value, LABEL)]])),
  );
}

export function alertmanager(parts: AlertmanagerParts): Channel {
  const url = new URL(parts.url);
  const target = httpTarget(url.origin, parts.ca);
  const path = `${url.pathname.replace(/\/$/, '')}/api/v2/alerts`;
  /** Incident or place → the labels under which it fires now. */
  const firing = new Map<string, Labels>();
  const iso = (ms: number): string => new Date(ms).toISOString();

  const alertsOf = (one: Notification): object[] => {
    const key = one.incident || one.places[0] || one.id;
    const before = firing.get(key);
    const ends = one.event === 'closed' || one.event === 'node-back';
    const now = labelsOf(one);
    const annotations = { summary: headline(one), description: asText(one) };
    const resolved = (labels: Labels): object => ({ labels, annotations, endsAt: iso(parts.nowMs()) });
    if (ends) return [resolved(before ?? now)];
    const alert = { labels: now, annotations, startsAt: iso(one.atMs), endsAt: iso(parts.nowMs() + HOLD_MS) };
    const moved = before !== undefined && JSON.stringify(before) !== JSON.stringify(now);
    return moved ? [resolved(before), alert] : [alert];
  };
  const remember = (one: Notification): void => {
    const key = one.incident || one.places[0] || one.id;
    firing.delete(key);
    if (one.event !== 'closed' && one.event !== 'node-back') firing.set(key, labelsOf(one));
    const [oldest] = firing.keys();
    if (firing.size > KNOWN && oldest !== undefined) firing.delete(oldest);
  };
  return {
    async deliver([one]) {
      if (one === undefined) return null;
      try {
        const body = JSON.stringify(alertsOf(one));
        const failure = failureOf(await target.post(path, { 'content-type': 'application/json' }, body));
        if (failure === null) remember(one);
        return failure;
      } catch (error) {
        return failureFrom(error);
      }
    },
    close: () => target.close(),
  };
}
