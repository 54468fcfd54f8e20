/** Google Cloud's audit log: the request is in the name of a method, `io.k8s.core.v1.pods.exec.create`. */
import type { AuditEvent } from './event.ts';
import { listOf, type Obj, objectOf, textOf, textsOf } from './plain.ts';

/** HTTP status of a code of google.rpc.Code. */
const HTTP: Readonly<Record<number, number>> = {
  0: 200,
  3: 400,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 400,
  10: 409,
  13: 500,
  14: 503,
  16: 401,
};

const PREFIX = 'io.k8s.';
const isVersion = (part: string): boolean => /^v\d+((alpha|beta)\d+)?$/.test(part);

interface Method {
  readonly apiGroup: string;
  readonly resource: string;
  readonly subresource: string;
  readonly verb: string;
}

/** Of `io.k8s.GROUP.VERSION.RESOURCE[.SUBRESOURCE].VERB`, or `io.k8s.readyz` for what is no resource. */
function methodOf(name: string): Method | null {
  if (!name.startsWith(PREFIX)) return null;
  const parts = name.slice(PREFIX.length).split('.');
  const version = parts.findIndex(isVersion);
  if (version === -1) return { apiGroup: '', resource: '', subresource: '', verb: 'get' };
  const group = parts.slice(0, version).join('.');
  const rest = parts.slice(version + 1);
  const verb = rest.at(-1) ?? 'get';
  const [resource = '', subresource = ''] = rest.slice(0, -1);
  const apiGroup = group === 'core' ? '' : group.includes('rbac') ? 'rbac.authorization.k8s.io' : group;
  return { apiGroup, resource, subresource, verb };
}

/** `core/v1/namespaces/NAMESPACE/pods/NAME/exec`. */
function placeOf(path: string): { namespace: string; name: string } {
  const parts = path.split('/');
  const at = parts.indexOf('namespaces');
  const rest = at === -1 ? parts.slice(2) : parts.slice(at + 2);
  return { namespace: at === -1 ? '' : (parts[at + 1] ?? ''), name: rest[1] ?? '' };
}

function codeOf(payload: Obj): number | null {
  const response = objectOf(payload['response']);
  if (response['kind'] === 'Status' && typeof response['code'] === 'number') return response['code'];
  if (response['status'] === 'Failure') return 500;
  const { code } = objectOf(payload['status']);
  return typeof code === 'number' ? (HTTP[code] ?? 500) : null;
}

/** @returns null for what is no request to Kubernetes. */
export function gkeEvent(raw: Obj): Omit<AuditEvent, 'listed' | 'owners'> | null {
  const payload = objectOf(raw['protoPayload']);
  const authorizations = listOf(payload['authorizationInfo'] ?? raw['authorizationInfo']).map(objectOf);
  const permission = authorizations.find((entry) => textOf(entry['permission']).startsWith(PREFIX));
  const method = methodOf(textOf(payload['methodName'])) ?? methodOf(textOf(permission?.['permission']));
  if (method === null) return null;
  const caller = objectOf(payload['requestMetadata']);
  const authentication = objectOf(payload['authenticationInfo']);
  const path = textOf(payload['resourceName']) || textOf(permission?.['resource']);
  const object = payload['request'] ?? null;
  const source = textOf(caller['callerIp'] ?? caller['callerIP']);
  return {
    id: textOf(objectOf(raw['operation'])['id']) || textOf(raw['insertId']),
    stage: '',
    time: textOf(raw['timestamp'] ?? payload['timestamp']),
    user: textOf(authentication['principalEmail']) || textOf(authentication['authoritySelector']),
    groups: [],
    impersonated: null,
    ...method,
    ...placeOf(path),
    uri: path,
    code: codeOf(payload),
    allowed: authorizations.some(({ granted }) => granted === false)
      ? false
      : authorizations.some(({ granted }) => granted === true)
        ? true
        : null,
    sources: source === '' ? [] : [source],
    userAgent: textOf(caller['callerSuppliedUserAgent']),
    object,
    command: textsOf(objectOf(object)['command']),
    container: textOf(objectOf(object)['container']),
    provider: 'gke',
  };
}
