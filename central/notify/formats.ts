/** A notification as JSON of ours, of Falco, and of OCSF: what the generic webhook and syslog can send. */
import type { Notification, NotificationEvent } from './notifier.ts';
import { asText, headline } from './words.ts';

export const FORMATS = ['picket', 'falco', 'ocsf'] as const;
export type Format = (typeof FORMATS)[number];

// https://falco.org/docs/concepts/rules/basic-elements/#priority
const FALCO_PRIORITY: Readonly<Record<string, string>> = {
  info: 'Informational',
  low: 'Notice',
  medium: 'Warning',
  high: 'Error',
  critical: 'Critical',
};

/** As Falco's json_output with json_include_tags_property. */
export function falcoOf(one: Notification): object {
  const { cluster, incident, places, actor, techniques, event, namespaces } = one;
  return {
    uuid: one.id,
    output: headline(one, 1000),
    priority: FALCO_PRIORITY[one.severity] ?? 'Informational',
    rule: `picket ${event}`,
    source: 'picket',
    time: new Date(one.atMs).toISOString(),
    hostname: cluster,
    tags: ['picket', ...techniques],
    output_fields: {
      'k8s.ns.name': namespaces[0] ?? null,
      'picket.cluster': cluster,
      'picket.incident': incident,
      'picket.where': places.join(', '),
      'picket.actor': actor,
    },
  };
}

// https://schema.ocsf.io/1.3.0/classes/detection_finding
const OCSF = { version: '1.3.0', category: 2, class: 2004 };
const OCSF_SEVERITY: Readonly<Record<string, number>> = { info: 1, low: 2, medium: 3, high: 4, critical: 5 };
/** activity: 1 create, 2 update, 3 close. status: 1 new, 2 in progress, 4 resolved. */
const OCSF_STATE: Partial<Record<NotificationEvent, readonly [activity: number, status: number]>> = {
  opened: [1, 1],
  closed: [3, 4],
  'node-back': [3, 4],
};

/** OCSF Detection Finding. */
export function ocsfOf(one: Notification): object {
  const [activity, status] = OCSF_STATE[one.event] ?? [2, 2];
  return {
    class_uid: OCSF.class,
    class_name: 'Detection Finding',
    category_uid: OCSF.category,
    category_name: 'Findings',
    activity_id: activity,
    type_uid: OCSF.class * 100 + activity,
    severity_id: OCSF_SEVERITY[one.severity] ?? 0,
    status_id: status,
    time: one.atMs,
    message: headline(one, 1000),
    metadata: {
      version: OCSF.version,
      uid: one.id,
      product: { name: 'picket', vendor_name: 'picket' },
    },
    finding_info: {
      uid: one.incident === '' ? one.id : one.incident,
      title: one.title,
      desc: asText(one),
      attacks: one.techniques.map((uid) => ({ technique: { uid }, version: '15.1' })),
    },
    resources: one.places.map((name) => ({ name, type: 'container', group: { name: one.cluster } })),
    unmapped: { event: one.event, actor: one.actor, orders: one.orders },
  };
}

export function format(one: Notification, as: Format): object {
  if (as === 'falco') return falcoOf(one);
  return as === 'ocsf' ? ocsfOf(one) : one;
}
