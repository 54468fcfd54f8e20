import { describe, expect, test } from 'vitest';
import { FACT_KINDS, Habits } from '../../../central/audit/habits.ts';
import { Watch } from '../../../central/audit/watch.ts';
import { type Asked, auditEvent, execEvents, T0 } from './events.ts';

/** Some days of a cluster: its controllers, one operator, one pipeline. */
function ordinary(count = 1200): Record<string, unknown>[] {
  const sa = 'system:serviceaccount';
  const all: Asked[] = [
    { user: 'system:node:n1', verb: 'get', resource: 'pods', agent: 'kubelet/v1.35' },
    { user: 'system:kube-scheduler', verb: 'watch', resource: 'nodes', agent: 'kube-scheduler/v1.35' },
    { user: `${sa}:kube-system:replicaset-controller`, verb: 'create', resource: 'pods', agent: 'kcm/v1.35' },
    { user: `${sa}:shop:web`, verb: 'get', resource: 'configmaps', agent: 'web/1', source: '10.1.0.9' },
    { user: `${sa}:shop:web`, verb: 'list', resource: 'services', agent: 'web/1', source: '10.1.0.9' },
    { user: `${sa}:shop:web`, verb: 'watch', resource: 'endpoints', agent: 'web/1', source: '10.1.0.9' },
    { user: 'ada', verb: 'get', resource: 'deployments', apiGroup: 'apps' },
    { user: 'ada', verb: 'list', resource: 'pods' },
    { user: 'ada', verb: 'list', resource: 'services' },
    { user: 'ada', verb: 'patch', resource: 'deployments', apiGroup: 'apps' },
  ];
  return Array.from({ length: count }, (_, i) =>
    auditEvent({ ...all[i % all.length], atMs: T0 - (count - i) * 1000 }),
  );
}

function used(): Watch {
  const watch = new Watch('local');
  watch.take(ordinary(), T0);
  return watch;
}
const told = (watch: Watch, rows: readonly unknown[], nowMs = T0) => watch.take(rows, nowMs);
const detectors = (watch: Watch, rows: readonly unknown[], nowMs = T0): string[] =>
  told(watch, rows, nowMs).alerts.flatMap(({ alert }) => alert.detectors);

const pod = (spec: object): object => ({ spec: { containers: [{ name: 'c', image: 'x' }], ...spec } });
const of = (resource: string, verb: string, more: Asked = {}) => auditEvent({ resource, verb, ...more });

describe('of a cluster that is known', () => {
  test('its ordinary day tells nothing', () => {
    const watch = used();
    expect(watch.take(ordinary(500), T0).alerts).toEqual([]);
  });

  test.each<[string, string, Record<string, unknown>]>([
    [
      'a privileged pod',
      'privileged-pod',
      of('pods', 'create', { object: pod({ containers: [{ securityContext: { privileged: true } }] }) }),
    ],
    ['a pod with the host’s processes', 'host-pid', of('pods', 'create', { object: pod({ hostPID: true }) })],
    [
      'a pod in the host’s network',
      'host-network',
      of('pods', 'create', { object: pod({ hostNetwork: true }) }),
    ],
    [
      'a mount of the host',
      'host-path',
      of('pods', 'create', { object: pod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }) }),
    ],
    [
      'a workload in kube-system',
      'system-namespace-pod',
      of('pods', 'create', { namespace: 'kube-system', object: pod({}) }),
    ],
    ['a NodePort', 'exposed-service', of('services', 'create', { object: { spec: { type: 'NodePort' } } })],
    [
      'a binding to cluster-admin',
      'binding',
      of('clusterrolebindings', 'create', {
        namespace: '',
        object: { roleRef: { name: 'cluster-admin' }, subjects: [{ name: 'default' }] },
      }),
    ],
    [
      'a role with wildcards',
      'role',
      of('clusterroles', 'create', {
        namespace: '',
        object: { rules: [{ verbs: ['*'], resources: ['*'] }] },
      }),
    ],
    [
      'an admission webhook',
      'admission',
      of('mutatingwebhookconfigurations', 'create', { namespace: '', object: {} }),
    ],
    [
      'an answer to nobody',
      'anonymous',
      of('pods', 'list', { user: 'system:anonymous', groups: ['system:unauthenticated'] }),
    ],
    ['deleted events', 'traces-removed', of('events', 'deletecollection')],
    [
      'CoreDNS’s configuration',
      'keystone',
      of('configmaps', 'update', { namespace: 'kube-system', name: 'coredns' }),
    ],
    [
      'a container in a running pod',
      'ephemeral-container',
      of('pods', 'patch', { subresource: 'ephemeralcontainers', object: pod({}) }),
    ],
    ['somebody else’s token', 'token', of('serviceaccounts', 'create', { subresource: 'token' })],
    [
      'a scanner’s program',
      'tool',
      of('pods', 'list', {
        user: 'system:serviceaccount:shop:web',
        agent: 'kube-hunter/1',
        source: '10.1.0.9',
      }),
    ],
    ['files packed out of a container', 'exec', execEvents(['tar', 'cf', '-', '/srv'])[0] ?? {}],
  ])('tells of %s', (_, name, row) => {
    expect(detectors(used(), [row])).toContain(`api-${name}`);
  });

  test('tells when a service account does what it never did, with another program, from elsewhere', () => {
    const change = { user: 'system:serviceaccount:shop:web', agent: 'curl-impostor/9', source: '10.9.9.9' };
    const { alerts } = told(used(), [auditEvent({ ...change, resource: 'jobs', verb: 'list' })]);
    expect(alerts.map(({ alert, grave }) => [alert.detectors, alert.severity, grave])).toEqual([
      [['api-unusual'], 'low', false],
    ]);
    expect(alerts[0]?.alert.explanation.join(' ')).toContain('never called from there before (10.9.9.0/24)');
  });

  test('tells of many refusals, and not of one thing refused many times', () => {
    const many = ['pods', 'secrets', 'nodes', 'roles', 'jobs', 'services', 'ingresses'];
    const refused = (resource: string) => of(resource, 'list', { user: 'mallory', code: 403 });
    expect(detectors(used(), many.map(refused))).toContain('api-refusals');
    expect(
      detectors(
        used(),
        many.map(() => refused('endpoints')),
      ),
    ).not.toContain('api-refusals');
  });

  test('tells of failed logins, by the address they come from', () => {
    const failed = Array.from({ length: 12 }, () =>
      of('', 'get', { user: '', groups: [], code: 401, source: '203.0.113.5' }),
    );
    expect(detectors(used(), failed)).toContain('api-failed-logins');
    expect(detectors(used(), failed.slice(0, 5))).not.toContain('api-failed-logins');
  });

  test('tells again what a token does elsewhere with another program, though its owner does it all day', () => {
    const token = { subresource: 'token', user: 'system:serviceaccount:shop:web', namespace: 'data' };
    const asked = (more: Asked) => [of('serviceaccounts', 'create', { ...token, ...more })];
    const own = { agent: 'web/1', source: '10.1.0.9' };
    const stranger = { agent: 'kubectl/v1.35.4 (linux/amd64)', source: '198.51.100.4' };
    const watch = used();
    expect(detectors(watch, asked(own))).toContain('api-token');
    expect(detectors(watch, asked(own), T0 + 60_000)).toEqual([]);
    expect(detectors(watch, asked(stranger), T0 + 120_000)).toContain('api-token');
  });

  test('who looked around before the deed is still a stranger at the deed', () => {
    const stranger = { user: 'ada', source: '198.51.100.4' };
    const scores = (before: readonly Record<string, unknown>[]): number[] => {
      const watch = used();
      watch.take(before, T0);
      const forward = of('pods', 'get', { ...stranger, subresource: 'portforward', atMs: T0 + 60_000 });
      return told(watch, [forward], T0 + 60_000).alerts.map(({ alert }) => alert.score);
    };
    const look = of('pods', 'list', stranger);
    // A network that was called from an hour ago, and again now, is one's own.
    const longAgo = of('pods', 'list', { ...stranger, atMs: T0 - 3_600_000 });
    expect(scores([longAgo])[0] ?? 0).toBeLessThan((scores([look])[0] ?? 0) - 0.05);
  });

  test('tells the approval of a certificate beside the wish for one', () => {
    const watch = used();
    const csr = (verb: string, more: Asked = {}) => [of('certificatesigningrequests', verb, more)];
    watch.take(csr('create'), T0);
    const [grown] = told(watch, csr('update', { subresource: 'approval' }), T0 + 1000).alerts;
    expect(grown?.alert.count).toBe(2);
  });

  test('tells of secrets that are guessed, and of namespaces whose secrets are gone through', () => {
    const account = 'system:serviceaccount:shop:web';
    const missing = (more: Asked) => of('secrets', 'get', { user: account, code: 404, ...more });
    const guess = (i: number) => missing({ name: `n${'abcdefghijkl'[i]}` });
    const through = (i: number) => missing({ name: 'n', namespace: `team-${'abcdefghijkl'[i]}` });
    expect(
      detectors(
        used(),
        Array.from({ length: 10 }, (_, i) => guess(i)),
      ),
    ).toContain('api-secrets-guessed');
    expect(
      detectors(
        used(),
        Array.from({ length: 10 }, () => guess(0)),
      ),
    ).not.toContain('api-secrets-guessed');
    expect(
      detectors(
        used(),
        Array.from({ length: 10 }, (_, i) => through(i)),
      ),
    ).toContain('api-secrets-guessed');
    const list = (namespace: string) => of('secrets', 'list', { namespace, name: '' });
    expect(detectors(used(), ['a', 'b', 'c', 'd'].map(list))).toContain('api-secrets-gathered');
    expect(detectors(used(), ['a', 'a', 'a', 'b'].map(list))).not.toContain('api-secrets-gathered');
  });

  test('tells of many deletions', () => {
    const gone = Array.from({ length: 12 }, (_, i) => of('deployments', 'delete', { name: `d${i}` }));
    expect(detectors(used(), gone)).toContain('api-deletions');
  });
});

describe('kubectl exec', () => {
  test('that falls back is four events with two ids and one action', () => {
    const { entries, counts } = told(used(), execEvents(['sh', '-c', 'id -u'], { fallsBack: true }));
    expect(
      entries.map(({ command, container, pod: name, outcome }) => [command, container, name, outcome]),
    ).toEqual([
      [['sh', '-c', 'id -u'], 'web', 'web-0', 'failed'],
      [['sh', '-c', 'id -u'], 'web', 'web-0', 'done'],
    ]);
    expect(counts).toMatchObject({ judged: 2, stage: 2 });
  });

  test('that works at once is one action, also when its batch comes again', () => {
    const watch = used();
    const events = execEvents(['id']);
    expect(told(watch, events).entries).toHaveLength(1);
    expect(told(watch, events)).toMatchObject({ entries: [], alerts: [] });
  });

  test('of admission and of audit is one action', () => {
    const watch = used();
    const review = {
      ...auditEvent({ subresource: 'exec', verb: 'create', code: 200 }),
      provider: 'admission',
    };
    const object = { command: ['id'], container: 'web' };
    expect(told(watch, [{ ...review, requestObject: object }]).entries).toHaveLength(1);
    expect(told(watch, execEvents(['id'])).entries).toHaveLength(0);
  });

  test('is told for each pod’s kind once', () => {
    const watch = used();
    const shell = (name: string) => execEvents(['sh'], { name });
    expect(told(watch, shell('web-5d9c7b8f6d-x7k2p')).alerts).toHaveLength(1);
    expect(told(watch, shell('web-5d9c7b8f6d-q9w4z'), T0 + 3_600_000).alerts).toHaveLength(0);
  });
});

describe('a Helm install', () => {
  const install = (atMs: number): Record<string, unknown>[] => {
    const helm = { user: 'ci', agent: 'Helm/3.19 (linux/amd64)', namespace: 'monitoring', atMs };
    const operator = {
      user: 'system:serviceaccount:monitoring:operator',
      agent: 'operator/1',
      namespace: 'monitoring',
      source: '10.1.0.8',
    };
    const controller = {
      user: 'system:serviceaccount:kube-system:daemon-set-controller',
      namespace: 'monitoring',
      source: '10.0.0.1',
    };
    return [
      of('serviceaccounts', 'create', helm),
      of('secrets', 'list', helm),
      of('clusterroles', 'create', {
        ...helm,
        name: 'operator',
        object: { rules: [{ verbs: ['*'], resources: ['*'] }] },
      }),
      of('clusterrolebindings', 'create', {
        ...helm,
        name: 'operator',
        object: { roleRef: { name: 'operator' } },
      }),
      of('validatingwebhookconfigurations', 'create', { ...helm, name: 'operator', object: {} }),
      of('daemonsets', 'create', {
        ...helm,
        name: 'exporter',
        object: { spec: { template: pod({ hostNetwork: true, hostPID: true }) } },
      }),
      of('pods', 'create', {
        ...controller,
        atMs: atMs + 5000,
        name: 'exporter-x7k2p',
        object: pod({ hostNetwork: true, hostPID: true }),
      }),
      of('secrets', 'list', { ...operator, atMs: atMs + 20_000 }),
      of('customresourcedefinitions', 'create', { ...operator, atMs: atMs + 21_000, name: 'x' }),
    ];
  };

  test('is one alert, and none when it is done again', () => {
    const watch = used();
    expect(told(watch, install(T0)).alerts.map(({ alert }) => alert.severity)).toEqual(['high']);
    expect(told(watch, install(T0 + 3_600_000), T0 + 3_600_000).alerts).toEqual([]);
  });

  test('hides nobody else’s deed at the same time', () => {
    const watch = used();
    const mallory = of('pods', 'create', {
      user: 'mallory',
      object: pod({ hostPID: true }),
      atMs: T0 + 1000,
    });
    expect(told(watch, [...install(T0), mallory]).alerts).toHaveLength(2);
  });
});

describe('what is kept', () => {
  test('is bounded, and what goes is said', () => {
    const habits = new Habits({ halfLife: 100, limit: 50 });
    for (let i = 0; i < 500; i += 1) habits.learn({ kind: 'deed', who: `u${i}`, value: 'get /pods' }, i);
    expect([habits.size, habits.evicted, habits.sizeOf('u1'), habits.sizeOf('u499')]).toEqual([
      50, 450, 0, 1,
    ]);
  });

  test('comes back after a restart', () => {
    const before = used();
    const learnt = before.habits.takeLearnt();
    const habits = new Habits();
    habits.load(learnt.habits, learnt.tallies);
    expect(new Watch('local', habits).take(ordinary(500), T0).alerts).toEqual([]);
    expect(FACT_KINDS.map((kind) => habits.surprise(kind))).not.toEqual(
      FACT_KINDS.map((kind) => new Habits().surprise(kind)),
    );
    expect(habits.takeLearnt().habits.length).toBeLessThan(learnt.habits.length);
  });

  test('of hostile rows is nothing, and none is an error', () => {
    const rows = [
      null,
      7,
      'x',
      [],
      {},
      { kind: 'Event' },
      { kind: 'Event', verb: 'get', user: { username: {} } },
    ];
    const { counts, alerts } = told(used(), rows);
    expect([counts.malformed, counts.foreign, counts.judged, alerts]).toEqual([3, 3, 1, []]);
  });

  test('of names with control characters shows them written out', () => {
    const row = execEvents(['sh'], { user: 'ada\u001b[2J\nroot' });
    expect(told(used(), row).alerts[0]?.alert.title).toContain('ada\\u001b[2J\\u000aroot');
  });
});
