/** From a line of an audit log to an event; decoders of the envelopes of EKS, GKE and AKS. */
import type { AuditEvent } from './event.ts';
import { gkeEvent } from './gke.ts';
import { listOf, type Obj, objectOf, textOf, textsOf } from './plain.ts';

/** An Event of audit.k8s.io/v1 that is wrapped: as text by AKS (`properties.log`), as `message` by log shippers. */
function unwrapped(raw: Obj): { event: Obj; provider: AuditEvent['provider'] } {
  for (const [wrapped, provider] of [
    [objectOf(raw['properties'])['log'], 'aks'],
    [raw['log'], 'aks'],
    [raw['message'], 'eks'],
  ] as const) {
    const event = parsed(wrapped);
    if (event !== null) return { event, provider };
  }
  const source = `${textOf(raw['logGroup'])} ${textOf(raw['p_log_type'])}`;
  if (raw['provider'] === 'admission') return { event: raw, provider: 'admission' };
  return { event: raw, provider: /eks/i.test(source) ? 'eks' : 'kubernetes' };
}

function parsed(text: unknown): Obj | null {
  if (typeof text !== 'string' || !text.startsWith('{')) return null;
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Commands of exec stand in the query, and only of some servers in the object too. */
function commandOf(uri: string, object: unknown): string[] {
  const query = uri.split('?')[1];
  const asked = query === undefined ? [] : new URLSearchParams(query).getAll('command');
  return asked.length > 0 ? asked : textsOf(objectOf(object)['command']);
}

function containerOf(uri: string, object: unknown): string {
  const query = uri.split('?')[1];
  const asked = query === undefined ? null : new URLSearchParams(query).get('container');
  return asked ?? textOf(objectOf(object)['container']);
}

/** What a pipeline of logs may add: lists of bad addresses, and the owners of networks. */
export function enrichmentOf(raw: Obj): Pick<AuditEvent, 'listed' | 'owners'> {
  const enrichment = objectOf(raw['p_enrichment'] ?? raw['enrichment']);
  const listed: string[] = [];
  const owners: Record<string, string> = {};
  for (const [name, found] of Object.entries(enrichment)) {
    const lists = Array.isArray(found) ? [found] : Object.values(objectOf(found)).map(listOf);
    if (/tor|threat|malicious|greynoise|abuse|ioc|bad/i.test(name) && lists.some((list) => list.length > 0))
      listed.push(name);
    for (const entry of lists.flat().map(objectOf)) {
      const address = textOf(entry['p_match'] ?? entry['ip']);
      const owner = `${textOf(entry['domain'])} ${textOf(entry['name'])}`.trim();
      if (address !== '' && owner !== '') owners[address] = owner.toLowerCase();
    }
  }
  return { listed, owners };
}

/**
 * The event that a line of a log tells.
 * @returns null for what is no request to a Kubernetes API server: providers log much else in the same place.
 */
export function decodeAudit(value: unknown): AuditEvent | null {
  const raw = objectOf(value);
  const enriched = enrichmentOf(raw);
  const gke = gkeEvent(raw);
  if (gke !== null) return { ...gke, ...enriched };
  const { event, provider } = unwrapped(raw);
  const user = objectOf(event['user']);
  if (event['kind'] !== 'Event' || (event['verb'] === undefined && textOf(user['username']) === ''))
    return null;
  const ref = objectOf(event['objectRef']);
  const status = objectOf(event['responseStatus']);
  const uri = textOf(event['requestURI']);
  const decision = objectOf(event['annotations'])['authorization.k8s.io/decision'];
  const object = event['requestObject'] ?? null;
  return {
    id: textOf(event['auditID']),
    stage: textOf(event['stage']),
    time: textOf(event['requestReceivedTimestamp'] ?? event['stageTimestamp']),
    user: textOf(user['username']),
    groups: textsOf(user['groups']),
    impersonated: textOf(objectOf(event['impersonatedUser'])['username']) || null,
    verb: textOf(event['verb']) || 'get',
    apiGroup: textOf(ref['apiGroup']),
    resource: textOf(ref['resource']),
    subresource: textOf(ref['subresource']),
    namespace: textOf(ref['namespace']),
    name: textOf(ref['name']) || textOf(objectOf(objectOf(object)['metadata'])['name']),
    uri,
    code: typeof status['code'] === 'number' ? status['code'] : null,
    allowed: decision === 'allow' ? true : decision === 'forbid' ? false : null,
    sources: textsOf(event['sourceIPs']),
    userAgent: textOf(event['userAgent']),
    object,
    command: commandOf(uri, object),
    container: containerOf(uri, object),
    provider,
    ...enriched,
  };
}
