import { expect, test } from 'vitest';
import { decodeAudit } from '../../../central/audit/decode.ts';
import { outcomeOf } from '../../../central/audit/event.ts';

const EVENT = {
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  auditID: 'a-1',
  requestReceivedTimestamp: '2026-11-01T10:00:00.000000Z',
  verb: 'create',
  user: { username: 'ada', groups: ['team-a'] },
  impersonatedUser: { username: 'grace' },
  sourceIPs: ['192.0.2.7'],
  userAgent: 'kubectl/v1.31.0',
  objectRef: { resource: 'pods', subresource: 'exec', namespace: 'shop', name: 'api-0' },
  requestURI: '/api/v1/namespaces/shop/pods/api-0/exec?command=ls&command=-l&container=api',
  responseStatus: { code: 101 },
  annotations: { 'authorization.k8s.io/decision': 'allow' },
};

const DECODED = {
  id: 'a-1',
  stage: '',
  time: '2026-11-01T10:00:00.000000Z',
  user: 'ada',
  groups: ['team-a'],
  impersonated: 'grace',
  verb: 'create',
  apiGroup: '',
  resource: 'pods',
  subresource: 'exec',
  namespace: 'shop',
  name: 'api-0',
  uri: EVENT.requestURI,
  code: 101,
  allowed: true,
  sources: ['192.0.2.7'],
  userAgent: 'kubectl/v1.31.0',
  object: null,
  command: ['ls', '-l'],
  container: 'api',
  provider: 'kubernetes',
  listed: [],
  owners: {},
};

test('reads an Event, with the command from its URI', () => {
  expect(decodeAudit(EVENT)).toEqual(DECODED);
});

test('reads the same out of the envelopes of AKS and of log shippers', () => {
  const aks = { category: 'kube-audit', properties: { log: JSON.stringify(EVENT) } };
  expect(decodeAudit(aks)).toEqual({ ...DECODED, provider: 'aks' });
  const eks = { logGroup: '/aws/eks/c/cluster', message: JSON.stringify(EVENT) };
  expect(decodeAudit(eks)).toEqual({ ...DECODED, provider: 'eks' });
});

test('reads a refused request out of the name of a GKE method', () => {
  const methodName = 'io.k8s.authorization.rbac.v1.clusterroles.create';
  const decoded = decodeAudit({
    insertId: 'g-1',
    protoPayload: {
      authenticationInfo: { principalEmail: 'ada@example.com' },
      authorizationInfo: [{ granted: false, permission: methodName }],
      methodName,
      resourceName: 'rbac.authorization.k8s.io/v1/clusterroles/reader',
      status: { code: 7 },
    },
  });
  expect(decoded).toMatchObject({
    id: 'g-1',
    user: 'ada@example.com',
    verb: 'create',
    apiGroup: 'rbac.authorization.k8s.io',
    resource: 'clusterroles',
    name: 'reader',
    code: 403,
    allowed: false,
    provider: 'gke',
  });
  expect(decoded === null ? '' : outcomeOf(decoded)).toBe('refused');
});

test.each([
  ['core.v1.pods.exec.create', 'core/v1/namespaces/shop/pods/api-0/exec', 'pods exec create shop api-0'],
  ['batch.v1.cronjobs.patch', 'batch/v1/namespaces/shop/cronjobs/night', 'cronjobs  patch shop night'],
  ['readyz', '/readyz', '  get  '],
])('reads the GKE method %s', (method, resourceName, expected) => {
  const event = decodeAudit({ protoPayload: { methodName: `io.k8s.${method}`, resourceName } });
  const { resource, subresource, verb, namespace, name } = event ?? {};
  expect([resource, subresource, verb, namespace, name].join(' ')).toBe(expected);
});

test.each([
  ['nothing', null],
  ['text', 'kind: Event'],
  ['a request to something else', { protoPayload: { methodName: 'compute.instances.list' } }],
  ['other activity of a cloud', { category: 'Administrative', operationName: 'virtualMachines/write' }],
  ['a wrapped text that is cut', { properties: { log: '{"kind":"Event","verb":"cr' } }],
])('%s is no request to an API server', (_, line) => {
  expect(decodeAudit(line)).toBeNull();
});

test('fields of the wrong kind are empty and never an error', () => {
  const hostile = {
    kind: 'Event',
    verb: 5,
    user: [],
    objectRef: 'pods',
    sourceIPs: [1, 'x'],
    requestURI: {},
  };
  const odd = { responseStatus: null, requestObject: 7, annotations: 'no' };
  expect(decodeAudit({ ...hostile, ...odd })).toMatchObject({
    verb: 'get',
    user: '',
    resource: '',
    sources: ['x'],
    code: null,
    allowed: null,
  });
});

test('takes lists of bad addresses and owners of networks from an enriched log', () => {
  const enrichment = {
    tor_exit_nodes: ['192.0.2.7'],
    empty_threat_list: [],
    asn: { sourceIPs: [{ p_match: '192.0.2.7', domain: 'Example.net', name: 'Example' }] },
  };
  expect(decodeAudit({ ...EVENT, enrichment })).toMatchObject({
    listed: ['tor_exit_nodes'],
    owners: { '192.0.2.7': 'example.net example' },
  });
});
