import { describe, expect, test } from 'vitest';
import { decodeAudit } from '../../../central/audit/decode.ts';
import { CAPABILITIES, type Risk, riskOf } from '../../../central/audit/risk.ts';

interface Asked {
  readonly verb?: string;
  readonly user?: string;
  readonly ref?: Record<string, string>;
  readonly object?: unknown;
  readonly code?: number;
  readonly uri?: string;
  readonly sources?: readonly string[];
  readonly agent?: string;
  readonly more?: object;
}

function risk(asked: Asked): Risk {
  const event = decodeAudit({
    kind: 'Event',
    verb: asked.verb ?? 'create',
    user: { username: asked.user ?? 'ada' },
    objectRef: asked.ref ?? {},
    requestObject: asked.object,
    responseStatus: { code: asked.code ?? 200 },
    requestURI: asked.uri ?? '',
    sourceIPs: asked.sources ?? ['10.0.0.9'],
    userAgent: asked.agent ?? 'kubectl',
    ...asked.more,
  });
  if (event === null) throw new Error('not decoded');
  return riskOf(event);
}

const pods = { resource: 'pods', namespace: 'shop', name: 'p' };
const pod = (spec: object): Asked => ({
  ref: pods,
  object: { spec: { containers: [{ name: 'c' }], ...spec } },
});
const mount = (path: string, readOnly = false): Asked =>
  pod({
    volumes: [{ name: 'v', hostPath: { path } }],
    containers: [{ name: 'c', volumeMounts: [{ name: 'v', mountPath: '/m', readOnly }] }],
  });
const context = (securityContext: object): Asked => pod({ containers: [{ name: 'c', securityContext }] });
const role = (resources: string[], verbs: string[], verb = 'create'): Asked => ({
  verb,
  ref: { resource: 'clusterroles', name: 'r' },
  object: { rules: [{ apiGroups: [''], resources, verbs }] },
});
const bind = (name: string, subject = 'ada', resource = 'clusterrolebindings'): Asked => ({
  ref: { resource, name: 'b' },
  object: { roleRef: { kind: 'ClusterRole', name }, subjects: [{ kind: 'User', name: subject }] },
});
const run = (...command: string[]): Asked => ({
  verb: 'get',
  ref: { ...pods, subresource: 'exec' },
  uri: `/exec?${command.map((word) => `command=${encodeURIComponent(word)}`).join('&')}`,
});
const of = (resource: string, verb = 'create', more: Asked = {}): Asked => ({
  verb,
  ref: { resource, name: 'n' },
  ...more,
});
const sub = (resource: string, subresource: string, verb = 'create', more: Asked = {}): Asked => ({
  verb,
  ref: { resource, subresource, name: 'n' },
  ...more,
});
const anonymous = { user: 'system:anonymous' };
const account = { user: 'system:serviceaccount:shop:api' };
const accountToken = { resource: 'serviceaccounts', subresource: 'token', name: 'n' };
/** A kubelet's own API, by way of the API server. */
const toKubelet = (path: string): Asked =>
  sub('nodes', 'proxy', 'get', { uri: `/api/v1/nodes/n/proxy/${path}` });
const names = ({ parts }: Risk): string[] => parts.map(({ name }) => name);

/** The stranger one, and the same without what makes it so. */
const PAIRS: readonly (readonly [string, Asked, Asked])[] = [
  ['privileged-pod', context({ privileged: true }), context({ privileged: false })],
  ['host-pid', pod({ hostPID: true }), pod({ hostPID: false })],
  ['host-network', pod({ hostNetwork: true }), pod({})],
  ['host-ipc', pod({ hostIPC: true }), pod({})],
  ['host-path', mount('/etc/kubernetes'), mount('/data/cache')],
  ['host-path', mount('/'), mount('/', true)],
  ['host-path', mount('/run', true), mount('/var/log/pods', true)],
  [
    'pod-capabilities',
    context({ capabilities: { add: ['SYS_ADMIN'] } }),
    context({ capabilities: { add: ['CHOWN'] } }),
  ],
  ['root-pod', context({ runAsUser: 0 }), context({ runAsUser: 1000 })],
  ['system-namespace-pod', { ...pod({}), ref: { ...pods, namespace: 'kube-system' } }, pod({})],
  ['scheduled-pod', of('cronjobs'), of('jobs')],
  ['every-node', of('daemonsets'), of('deployments')],
  ['ephemeral-container', sub('pods', 'ephemeralcontainers', 'patch'), of('pods', 'patch')],
  ['exec', run('tar', 'cf', '-', '/data'), run('tar', 'xf', '-', '-C', '/tmp')],
  ['exec', run('cat', '/root/.ssh/id_rsa'), run('ls', '/data')],
  ['port-forward', sub('pods', 'portforward'), sub('pods', 'log')],
  ['proxy', sub('nodes', 'proxy', 'get'), of('nodes', 'get')],
  ['proxy', toKubelet('run/shop/p/c?cmd=id'), toKubelet('pods')],
  ['proxy', toKubelet('pods'), toKubelet('metrics/cadvisor')],
  ['proxy', toKubelet('stats/../run/shop/p/c'), toKubelet('stats/summary')],
  ['proxy', toKubelet('metrics/%2e%2e/exec/shop/p/c'), toKubelet('metrics')],
  ['proxy', toKubelet('stats/%252e%252e/pods'), toKubelet('stats/summary')],
  ['proxy', toKubelet('%72un/shop/p/c'), toKubelet('pods')],
  ['proxy', toKubelet('//run/shop/p/c'), toKubelet('/./stats/summary')],
  ['proxy', toKubelet('%zz'), toKubelet('pods')],
  [
    'proxy',
    sub('nodes', 'proxy', 'get', { uri: '/api/v1/nodes/proxy/proxy/run/shop/p/c' }),
    sub('nodes', 'proxy', 'get', { uri: '/api/v1/nodes/n/proxy/stats/proxy' }),
  ],
  ['role', role(['*'], ['*']), role(['pods'], ['get', 'list'])],
  ['role', role(['*'], ['*']), role(['*'], ['*'], 'update')],
  ['role', role(['nodes/proxy'], ['get']), role(['nodes'], ['get'])],
  ['role', role(['secrets'], ['get']), role(['configmaps'], ['get'])],
  ['role', role(['roles'], ['escalate']), role(['roles'], ['get'])],
  ['binding', bind('cluster-admin'), bind('view')],
  ['binding', bind('cluster-admin'), bind('cluster-admin', 'ada', 'rolebindings')],
  ['binding', bind('view', 'system:anonymous'), bind('view')],
  ['binding', bind('edit'), bind('edit', 'ada', 'rolebindings')],
  ['admission', of('mutatingwebhookconfigurations'), of('mutatingwebhookconfigurations', 'update')],
  [
    'token',
    sub('serviceaccounts', 'token'),
    sub('serviceaccounts', 'token', 'create', { user: 'system:node:n1' }),
  ],
  [
    'token',
    sub('serviceaccounts', 'token', 'create', account),
    { ...sub('serviceaccounts', 'token', 'create', account), ref: { ...accountToken, namespace: 'shop' } },
  ],
  [
    'certificate',
    sub('certificatesigningrequests', 'approval', 'update'),
    of('certificatesigningrequests', 'get'),
  ],
  [
    'keystone',
    { verb: 'patch', ref: { resource: 'configmaps', namespace: 'kube-system', name: 'coredns' } },
    { verb: 'patch', ref: { resource: 'configmaps', namespace: 'shop', name: 'coredns' } },
  ],
  ['secret', of('secrets', 'get', { code: 403 }), of('secrets', 'get')],
  ['secret', of('secrets', 'get', { code: 404 }), of('secrets', 'get', { ...account, code: 404 })],
  ['rights-asked', of('selfsubjectrulesreviews'), of('tokenreviews')],
  ['anonymous', of('pods', 'get', anonymous), of('pods', 'get', { ...anonymous, code: 403 })],
  ['anonymous', of('pods', 'get', anonymous), { verb: 'get', ...anonymous, uri: '/healthz' }],
  [
    'system-from-internet',
    of('endpoints', 'get', { ...account, sources: ['198.51.100.4'] }),
    of('endpoints', 'get', { ...account, sources: ['198.51.100.4', '10.0.0.1'] }),
  ],
  ['tool', of('pods', 'get', { ...account, agent: 'curl/8.0' }), of('pods', 'get', account)],
  [
    'exposed-service',
    of('services', 'create', { object: { spec: { type: 'NodePort' } } }),
    of('services', 'create', { object: { spec: { type: 'ClusterIP' } } }),
  ],
  ['traces-removed', of('events', 'deletecollection'), of('pods', 'delete')],
  ['node-changed', of('nodes', 'delete'), of('nodes', 'patch')],
  [
    'impersonation',
    of('pods', 'get', { more: { impersonatedUser: { username: 'root' } } }),
    of('pods', 'get'),
  ],
  [
    'ill-reputed-address',
    of('pods', 'get', { more: { enrichment: { tor_exit_nodes: ['192.0.2.1'] } } }),
    of('pods', 'get'),
  ],
];

describe('the risk of a request', () => {
  test.each(PAIRS)('%s is told, and weighs more than the same without it', (name, strange, calm) => {
    expect(names(risk(strange))).toContain(name);
    expect(risk(strange).score).toBeGreaterThan(risk(calm).score + 0.1);
  });

  test('every capability has such a pair', () => {
    const tested = new Set(PAIRS.map(([name]) => name));
    expect(CAPABILITIES.map(({ name }) => name).filter((name) => !tested.has(name))).toEqual([]);
  });

  test('reading and making ordinary things is no risk', () => {
    for (const verb of ['get', 'list', 'watch']) expect(risk(of('pods', verb)).score).toBe(0);
    expect(risk(pod({})).score).toBe(0);
    expect(risk(of('configmaps')).score).toBe(0);
  });

  test('what was refused or failed weighs less, and so does the work of controllers', () => {
    const asked = context({ privileged: true });
    const scores = [201, 403, 409].map((code) => risk({ ...asked, code }).score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(new Set(scores).size).toBe(3);
    const made = risk({ ...asked, user: 'system:serviceaccount:kube-system:daemon-set-controller' });
    expect(made.score).toBeLessThan((scores[0] ?? 0) / 2);
  });

  test('several capabilities add up and stay below 1, the gravest first', () => {
    const three = risk(pod({ hostPID: true, hostNetwork: true, hostIPC: true }));
    expect(three.score).toBeGreaterThan(risk(pod({ hostPID: true })).score);
    expect(three.score).toBeLessThan(1);
    expect(names(three)).toEqual(['host-pid', 'host-ipc', 'host-network']);
  });

  test('templates of pods are looked into', () => {
    const template = { spec: { template: { spec: { hostPID: true } } } };
    expect(names(risk(of('deployments', 'create', { object: template })))).toContain('host-pid');
    const job = { spec: { jobTemplate: template } };
    expect(names(risk(of('cronjobs', 'create', { object: job })))).toContain('host-pid');
  });
});
