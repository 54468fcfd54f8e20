import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CLUSTER_PERMISSIONS } from '../../../central/cluster/kinds.ts';
import { permissionLines } from '../../../kit/kube/permission.ts';
import { type Container, decodeOrder, isLook, type Order, type OrderReport } from '../../../wire/index.ts';
import { attack, container, detection, summary } from '../../builders/summaries.ts';
import { FakeKubeApi } from '../../fakes/kube-api.ts';
import type { Json, Stored } from '../../fakes/kube-store.ts';
import { startCentral, type TestCentral, type TestNode, temporaryFolder } from '../harness.ts';

const ROOT = '/apis/picket.dev/v1alpha1';
const CONTAINMENTS = `${ROOT}/containments`;
const SOON = { timeout: 40_000, interval: 20 };
const LONG = { timeout: 90_000, interval: 200 };

let api: FakeKubeApi;
let folder: ReturnType<typeof temporaryFolder>;
let central: TestCentral;
let node: TestNode;
let sequence: number;
/** What runs on the node, as its last summary said. */
let running: readonly Container[];

beforeEach(async () => {
  api = await new FakeKubeApi().up();
  folder = temporaryFolder();
  sequence = 1;
  running = [];
});
afterEach(async () => {
  await central.stop();
  expect(api.violations).toEqual([]);
  await api.stop();
  folder.remove();
});

async function start(policies: readonly string[] = []): Promise<void> {
  const flags = { kubernetes: api.url, 'kubernetes-ca-file': api.caFile };
  central = await startCentral({ folder: folder.path, policies, flags });
  node = central.node(await central.enrol());
}
const enforce = (limits = '{ maxContainers: 5, maxPercentOfWorkload: 100 }', mode = 'enforce'): Json => ({
  apiVersion: 'picket.dev/v1alpha1',
  kind: 'PicketPolicy',
  metadata: { name: `everywhere-${mode}` },
  spec: { match: { minSeverity: 'high' }, mode, limits: JSON.parse(limits.replace(/(\w+):/g, '"$1":')) },
});
/** What the node says, and the orders that come back. */
async function send(change: Json): Promise<Order[]> {
  sequence += 1;
  running = (change['containers'] as Container[] | undefined) ?? running;
  const { reply, error } = await node.send({ ...summary(), sequence, containers: [...running], ...change });
  if (reply === null) throw new Error(JSON.stringify(error));
  return reply.orders.map(({ payload }) => decodeOrder(payload));
}
const answer = (order: Order, state: string): Promise<Order[]> => {
  const report: Partial<OrderReport> = { order: order.id, state, detail: `${state} it`, wallMs: Date.now() };
  return send({ orderReports: [{ ...report, untilMs: state === 'applied' ? Date.now() + 60_000 : 0 }] });
};
const objects = (): Stored[] => api.all(CONTAINMENTS);
const phases = (): Record<string, unknown> =>
  Object.fromEntries(
    objects().map(({ metadata, status }) => [
      metadata.name.replace(/(ord|pln)-.*/, '$1'),
      (status as Json)?.['phase'],
    ]),
  );
const becomes = (expected: Record<string, unknown>): Promise<void> =>
  vi.waitFor(() => expect(phases()).toEqual(expected), SOON);
const condition = (name: string): unknown => {
  const status = api.object(`${ROOT}/picketpolicies`, null, name)?.['status'] as
    | { conditions?: Json[] }
    | undefined;
  const [found] = status?.conditions ?? [];
  return found === undefined ? null : `${found['status']} ${found['reason']} ${found['message']}`;
};
async function policies(): Promise<string[]> {
  const { value } = await central.call('GET', '/api/v1/policies');
  return (value['policies'] as Json[])
    .filter((one) => one['inForce'] === true)
    .map((one) => String(one['name']));
}
const ask = (name: string, spec: Json): Stored =>
  api.put(CONTAINMENTS, {
    apiVersion: 'picket.dev/v1alpha1',
    kind: 'Containment',
    metadata: { name, namespace: 'demo' },
    spec: { reason: 'it looks wrong', requestedBy: 'alice', ...spec },
  });
const approve = (name: string): void => {
  const found = objects().find(({ metadata }) => metadata.name.startsWith(name));
  if (found === undefined) throw new Error(`no ${name}`);
  api.put(CONTAINMENTS, { ...found, spec: { ...(found['spec'] as Json), approvedBy: 'bob' } });
};
async function orderTo(state: 'contain' | 'release'): Promise<Order> {
  return vi.waitFor(async () => {
    const found = (await send({})).find(({ kind }) => kind === state);
    if (found === undefined) throw new Error(`no ${state} order yet`);
    return found;
  }, SOON);
}

describe('policies that are objects', () => {
  test('are in force behind files, the highest priority first, and say so', async () => {
    const high = enforce('{}', 'observe');
    api.put(`${ROOT}/picketpolicies`, { ...high, spec: { ...(high['spec'] as Json), priority: 5 } });
    api.put(`${ROOT}/picketpolicies`, enforce());
    await start(['enforce-demo.yaml']);
    const all = ['enforce-demo', 'everywhere-observe', 'everywhere-enforce'];
    await vi.waitFor(async () => expect((await policies()).toReversed()).toEqual(all), SOON);
    await vi.waitFor(() => expect(condition('everywhere-enforce')).toBe('True Accepted '), SOON);
  });

  test('one that cannot be read is not in force, says why, and keeps no other out', async () => {
    api.put(`${ROOT}/picketpolicies`, { ...enforce(), metadata: { name: 'wrong' }, spec: { mode: 'maybe' } });
    api.put(`${ROOT}/picketpolicies`, enforce());
    await start();
    await vi.waitFor(
      () => expect(condition('wrong')).toMatch(/^False Refused .*"maybe" is not one of/),
      SOON,
    );
    expect(await policies()).toEqual(['everywhere-enforce']);
    api.remove(`${ROOT}/picketpolicies`, null, 'everywhere-enforce');
    await vi.waitFor(async () => expect(await policies()).toEqual([]), SOON);
  });

  test('stay in force over a restart during which the API server is away', async () => {
    api.put(`${ROOT}/picketpolicies`, enforce());
    await start();
    await vi.waitFor(async () => expect(await policies()).toEqual(['everywhere-enforce']), SOON);
    await central.stop();
    await api.down();
    await start();
    expect(await policies()).toEqual(['everywhere-enforce']);
    expect(await central.metric('picket_central_objects_in_step{cluster="local"}')).toBe(0);
    api.remove(`${ROOT}/picketpolicies`, null, 'everywhere-enforce');
    await api.up();
    await vi.waitFor(async () => expect(await policies()).toEqual([]), SOON);
  });
});

describe('rules that are objects', () => {
  const rule = (name: string, when: string): Json => ({
    apiVersion: 'picket.dev/v1alpha1',
    kind: 'PicketRule',
    metadata: { name },
    spec: {
      ...{ sentence: 'A rule of a test.', on: ['exec'], when, severity: 'high' },
      ...{ next: 'Look.', summary: '{event.exe} ran' },
    },
  });
  const RULES = `${ROOT}/picketrules`;
  /** What the node is sent when it has these. */
  async function sent(standing: Json): Promise<{ version: string; names: string[] } | null> {
    sequence += 1;
    const whole = { rules: '', ruleProblems: [], exceptions: '', ...standing };
    const { reply } = await node.send({ ...summary(), sequence, standing: whole });
    const rules = reply?.rules ?? null;
    return rules === null ? null : { version: rules.version, names: rules.rules.map(({ name }) => name) };
  }

  test('those that compile are sent to a node that has others, and to no agent of before', async () => {
    api.put(RULES, rule('quiet', 'event.exe == "quiet"'));
    api.put(RULES, rule('broken', 'event.exe == "a" &&\n  event.nothing'));
    await start();
    const first = await vi.waitFor(async () => {
      const found = await sent({});
      if (found === null) throw new Error('nothing sent yet');
      return found;
    }, SOON);
    expect(first.names).toEqual(['quiet']);
    expect(await sent({ rules: first.version })).toBeNull();
    sequence += 1;
    expect((await node.send({ ...summary(), sequence })).reply?.rules).toBeNull();
    await vi.waitFor(
      async () => expect(await central.metric('picket_central_nodes_by_rules{state="in-force"}')).toBe(1),
      SOON,
    );
    const said = { rules: first.version, ruleProblems: ['quiet: twice'] };
    await sent(said);
    expect(await central.metric('picket_central_nodes_by_rules{state="refused"}')).toBe(1);
    await vi.waitFor(
      () =>
        expect(api.object(`${ROOT}/picketnodes`, null, 'node-1')?.['status']).toMatchObject({
          rules: { version: first.version, problems: ['quiet: twice'] },
        }),
      SOON,
    );
    api.remove(RULES, null, 'quiet');
    await vi.waitFor(
      async () => expect(await sent({ rules: first.version })).toEqual({ version: '', names: [] }),
      SOON,
    );
  });

  test('those beyond the five hundredth say that they are not in force, are counted, and come in when there is room', {
    timeout: 120_000,
  }, async () => {
    const name = (at: number): string => `r-${String(at).padStart(3, '0')}`;
    for (let at = 0; at < 502; at += 1) api.put(RULES, rule(name(at), 'event.exe == "a"'));
    await start();
    const said = (at: number): unknown => api.object(RULES, null, name(at))?.['status'];
    const refused = { type: 'InForce', status: 'False', message: expect.stringMatching(/more than 500/) };
    for (const at of [500, 501])
      await vi.waitFor(() => expect(said(at)).toMatchObject({ conditions: [refused] }), LONG);
    const count = 'picket_central_objects_left_out{cluster="local",kind="PicketRule"}';
    expect(await central.metric(count)).toBe(2);
    const { names } = (await sent({})) ?? { names: [] };
    expect([names.length, names.at(-1)]).toEqual([500, name(499)]);
    api.remove(RULES, null, name(7));
    await vi.waitFor(
      () => expect(said(500)).toMatchObject({ conditions: [{ status: 'True', message: '' }] }),
      LONG,
    );
    await vi.waitFor(async () => expect(await central.metric(count)).toBe(1), SOON);
    expect(said(501)).toMatchObject({ conditions: [refused] });
  });

  test('one that does not compile says line and reason, in its status and in an Event', async () => {
    api.put(RULES, rule('broken', 'event.exe == "a" && event.nothing'));
    await start();
    const reason = /spec line \d+, column \d+, "when: .*event\.nothing": .*nothing/;
    await vi.waitFor(
      () =>
        expect(api.object(RULES, null, 'broken')?.['status']).toMatchObject({
          conditions: [
            { type: 'InForce', status: 'False', reason: 'Refused', message: expect.stringMatching(reason) },
          ],
        }),
      SOON,
    );
    await vi.waitFor(() => expect(api.all('/api/v1/events')).toHaveLength(1), SOON);
    const [event] = api.all('/api/v1/events');
    expect(event).toMatchObject({
      metadata: { namespace: 'default' },
      involvedObject: { kind: 'PicketRule', name: 'broken' },
      type: 'Warning',
      reason: 'Refused',
      message: expect.stringMatching(reason),
    });
    api.put(RULES, rule('broken', 'event.exe == "a"'));
    await vi.waitFor(
      () =>
        expect(api.object(RULES, null, 'broken')?.['status']).toMatchObject({
          conditions: [{ status: 'True', reason: 'Accepted', message: '' }],
        }),
      SOON,
    );
  });
});

test('exceptions are sent to nodes, and what they covered there counts', async () => {
  api.put(`${ROOT}/picketexceptions`, {
    ...{ apiVersion: 'picket.dev/v1alpha1', kind: 'PicketException', metadata: { name: 'nightly' } },
    spec: { match: { workload: 'local/*', detector: 'rarity', facts: { path: '/dump' } }, reason: 'the job' },
  });
  await start();
  const standing = { rules: '', ruleProblems: [], exceptions: '' };
  const exceptions = await vi.waitFor(async () => {
    sequence += 1;
    const { reply } = await node.send({ ...summary(), sequence, standing });
    expect(reply?.exceptions).not.toBeNull();
    return reply?.exceptions;
  }, SOON);
  expect(exceptions?.exceptions).toEqual([
    { name: 'nightly', workload: 'local/*', detector: 'rarity', facts: { path: '/dump' }, expiresMs: 0 },
  ]);
  const web = container('web-1');
  const covered = detection(web, {
    alert: '',
    severity: 'info',
    facts: { path: '/dump', excepted: 'nightly' },
  });
  await send({ containers: [web], detections: [covered] });
  const { value } = await central.call('GET', '/api/v1/exceptions');
  expect(JSON.stringify(value)).toMatch(/"nightly".*"hits":1/);
});

test('profiles that are objects are sent, and what nodes say of them is their status', async () => {
  const profile = (name: string, spec: Json): Stored =>
    api.put(`${ROOT}/picketprofiles`, { kind: 'PicketProfile', metadata: { name, namespace: 'shop' }, spec });
  profile('web', { workload: 'Deployment/web/web', pinned: true, reset: 'monday' });
  profile('wrong', { workload: '../../etc' });
  await start();
  const workload = 'local/shop/Deployment/web/web';
  const standing = { rules: '', ruleProblems: [], exceptions: '', peers: '', looks: true, profileStates: [] };
  const profiles = await vi.waitFor(async () => {
    sequence += 1;
    const { reply } = await node.send({ ...summary(), sequence, standing: { ...standing, profiles: '' } });
    expect(reply?.profiles).not.toBeNull();
    return reply?.profiles;
  }, SOON);
  expect(profiles?.profiles).toEqual([{ workload, pinned: true, reset: 'monday' }]);
  sequence += 1;
  const profileStates = [{ workload, state: 'young', periods: 12, facts: 30, pinned: true }];
  const said = { ...standing, profiles: profiles?.version ?? '', profileStates };
  expect((await node.send({ ...summary(), sequence, standing: said })).reply?.profiles).toBeNull();
  await vi.waitFor(
    () =>
      expect(api.object(`${ROOT}/picketprofiles`, 'shop', 'web')?.['status']).toEqual({
        ...{ observedGeneration: 1, nodes: 1, pinnedOn: 1, state: 'young', periods: 12, facts: 30 },
      }),
    SOON,
  );
  sequence += 1;
  const foreign = [{ ...profileStates[0], workload: 'other/shop/Deployment/web/web' }];
  const refused = await node.send({ ...summary(), sequence, standing: { ...said, profileStates: foreign } });
  expect(refused.error?.code).toBe('PICKET_IDENTITY');
});

test('whom addresses belong to is sent as changes, and who is behind is told to look', async () => {
  const pod = (name: string, ip: string, spec: Json = {}): Stored =>
    api.put('/api/v1/pods', {
      metadata: {
        ...{ name, namespace: 'shop', labels: { 'pod-template-hash': '5d4f' } },
        ownerReferences: [{ kind: 'ReplicaSet', name: 'db-5d4f', controller: true }],
      },
      spec,
      status: { phase: 'Running', podIPs: [{ ip }] },
    });
  for (let n = 0; n < 8; n += 1) pod(`db-${n}`, `10.1.0.${n}`);
  pod('on-the-node', '10.0.0.1', { hostNetwork: true });
  api.put('/api/v1/services', {
    metadata: { name: 'db', namespace: 'shop' },
    spec: { clusterIPs: ['10.96.0.7'] },
  });
  api.put('/apis/discovery.k8s.io/v1/endpointslices', {
    metadata: { name: 'bank-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'bank' } },
    endpoints: [{ addresses: ['192.0.2.9'] }, { addresses: ['10.1.0.1'], targetRef: { kind: 'Pod' } }],
  });
  await start();
  const stream = await node.orders();
  const standing = { rules: '', ruleProblems: [], exceptions: '', peers: '', looks: true };
  const sent = async (version: string) => {
    sequence += 1;
    const { reply } = await node.send({ ...summary(), sequence, standing: { ...standing, peers: version } });
    return reply?.peers ?? null;
  };
  const whole = await vi.waitFor(async () => {
    const found = await sent('');
    if (found === null) throw new Error('nothing sent yet');
    return found;
  }, SOON);
  const sorted = whole.names.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  expect(sorted).toEqual([
    { name: 'shop/Deployment/db', addresses: Array.from({ length: 8 }, (_, n) => `10.1.0.${n}`) },
    { name: 'shop/Service/bank', addresses: ['192.0.2.9'] },
    { name: 'shop/Service/db', addresses: ['10.96.0.7'] },
  ]);
  expect(await sent(whole.version)).toBeNull();
  api.remove('/api/v1/pods', 'shop', 'db-0');
  pod('db-9', '10.1.0.9');
  expect(isLook(await stream.next())).toBe(true);
  const changes = await vi.waitFor(async () => {
    const found = await sent(whole.version);
    expect(found?.gone).toEqual(['10.1.0.0']);
    expect(found?.names).toEqual([{ name: 'shop/Deployment/db', addresses: ['10.1.0.9'] }]);
    return found;
  }, SOON);
  expect(changes?.since).toBe(whole.version);
  stream.stream.close();
});

describe('containments', () => {
  test('each is an object, follows its order, and goes back when the object is deleted', async () => {
    api.put(`${ROOT}/picketpolicies`, enforce());
    await start();
    await vi.waitFor(async () => expect(await policies()).toHaveLength(1), SOON);
    const [order] = await send(attack([container('web-1')]) as Json);
    if (order === undefined) throw new Error('not contained');
    await becomes({ ord: 'Pending' });
    await answer(order, 'applied');
    await becomes({ ord: 'Active' });
    const [made] = objects();
    expect(made?.metadata).toMatchObject({
      name: order.id,
      namespace: 'demo',
      finalizers: ['picket.dev/release'],
    });
    expect(made?.['spec']).toMatchObject({
      pod: 'web-1',
      container: 'web',
      lease: '600s',
      requestedBy: 'policy:everywhere-enforce',
      action: { networkDeny: true, killOnExec: true },
    });
    expect(made?.['status']).toMatchObject({ order: order.id, node: 'node-1', message: 'applied it' });
    api.remove(CONTAINMENTS, 'demo', order.id);
    const release = await orderTo('release');
    expect(release).toMatchObject({ releases: order.id, actor: 'kubernetes' });
    // It stays until the node has let go.
    expect(objects()).toHaveLength(1);
    await answer(release, 'applied');
    await answer(order, 'released');
    await becomes({});
    // Whether a pass saw it on its way back is a matter of time.
    const reasons = api.all('/api/v1/events').map((event) => event['reason']);
    expect(reasons.filter((reason) => reason !== 'Releasing')).toEqual(['Pending', 'Active', 'Released']);
  });

  test('an object of another namespace takes nothing back, whatever it calls itself', async () => {
    api.put(`${ROOT}/picketpolicies`, enforce());
    await start();
    await vi.waitFor(async () => expect(await policies()).toHaveLength(1), SOON);
    const [order] = await send(attack([container('web-1')]) as Json);
    if (order === undefined) throw new Error('not contained');
    await becomes({ ord: 'Pending' });
    const labels = { 'picket.dev/order': order.id };
    const metadata = { name: order.id, namespace: 'attic', labels, finalizers: ['example.com/mine'] };
    api.put(CONTAINMENTS, { metadata, spec: { pod: 'web-1', reason: 'let it go' } });
    api.remove(CONTAINMENTS, 'attic', order.id);
    await answer(order, 'applied');
    await vi.waitFor(
      () => expect(api.object(CONTAINMENTS, 'demo', order.id)?.['status']).toMatchObject({ phase: 'Active' }),
      SOON,
    );
    ask('mark', { pod: 'nowhere' });
    await vi.waitFor(() => expect(phases()).toMatchObject({ mark: 'Refused' }), SOON);
    expect((await send({})).map(({ kind }) => kind)).toEqual([]);
  });

  test('one that a person makes is a request, done once', async () => {
    await start();
    await send({ containers: [container('web-1')] });
    ask('by-hand', { pod: 'web-1', lease: '5m', action: { killOnExec: false } });
    const order = await orderTo('contain');
    expect(order).toMatchObject({
      actor: 'kubernetes:alice',
      networkDeny: true,
      killOnExec: false,
      leaseMs: 300_000,
    });
    await answer(order, 'applied');
    await becomes({ 'by-hand': 'Active' });
    await central.stop();
    await start();
    await becomes({ 'by-hand': 'Active' });
    expect(objects()).toHaveLength(1);
    const { value } = await central.call('GET', '/api/v1/containments');
    expect(value['containments']).toHaveLength(1);
  });

  test.each([
    ['of no pod that is known', { pod: 'nowhere' }, /no live container/],
    ['of a container that is not in the pod', { pod: 'web-1', container: 'db' }, /no live container db/],
    ['of another pod of that name', { pod: 'web-1', podUID: 'another' }, /no live container/],
    [
      'that does nothing',
      { pod: 'web-1', action: { networkDeny: false, killOnExec: false } },
      /nothing to do/,
    ],
    ['for longer than may be', { pod: 'web-1', lease: '8d' }, /lease/],
  ])('refuses a request %s', async (_, spec, expected) => {
    await start();
    await send({ containers: [container('web-1')] });
    ask('wrong', spec);
    await becomes({ wrong: 'Refused' });
    expect((objects()[0]?.['status'] as Json)['message']).toMatch(expected);
  });

  test('a protected namespace is refused, and what exceeds a limit waits for another person', async () => {
    api.put(`${ROOT}/picketpolicies`, enforce('{ maxContainers: 0 }'));
    await start();
    await vi.waitFor(async () => expect(await policies()).toHaveLength(1), SOON);
    await send({ containers: [container('web-1'), container('dns-1', 'kube-system')] });
    ask('over', { pod: 'web-1' });
    const dns = ask('protected', { pod: 'dns-1' });
    api.remove(CONTAINMENTS, 'demo', 'protected');
    api.put(CONTAINMENTS, { ...dns, metadata: { name: 'protected', namespace: 'kube-system' } });
    await becomes({ over: 'Proposed', protected: 'Refused' });
    approve('over');
    const order = await orderTo('contain');
    expect(order.reason).toMatch(/approved by bob/);
    await becomes({ over: 'Pending', protected: 'Refused' });
  });

  test('a plan that waits is an object for each container; setting approvedBy says yes to it', async () => {
    api.put(`${ROOT}/picketpolicies`, enforce('{ maxContainers: 5, maxPercentOfWorkload: 100 }', 'ask'));
    await start();
    await vi.waitFor(async () => expect(await policies()).toHaveLength(1), SOON);
    await send(attack([container('web-1')]) as Json);
    await becomes({ pln: 'Proposed' });
    approve('pln');
    const order = await orderTo('contain');
    expect(order.actor).toBe('kubernetes:bob');
    await becomes({ ord: 'Pending' });
  });

  test('a policy that is put in force answers what is under way; one that goes asks no more', async () => {
    await start();
    await send(attack([container('web-1')]) as Json);
    api.put(`${ROOT}/picketpolicies`, enforce('{ maxContainers: 5, maxPercentOfWorkload: 100 }', 'ask'));
    await becomes({ pln: 'Proposed' });
    const [asked] = objects();
    const other = { ...enforce(), metadata: { name: 'elsewhere' } };
    api.put(`${ROOT}/picketpolicies`, { ...other, spec: { match: { namespaces: ['none'] }, mode: 'ask' } });
    await vi.waitFor(async () => expect(await policies()).toHaveLength(2), SOON);
    expect(objects()).toEqual([asked]);
    api.remove(`${ROOT}/picketpolicies`, null, 'everywhere-ask');
    await becomes({});
    const { value } = await central.call('GET', '/api/v1/incidents');
    expect(value['incidents']).toMatchObject([{ state: 'open' }]);
    const steps = (await central.call('GET', '/api/v1/steps')).value['steps'] as Json[];
    expect(steps.filter(({ action }) => action === 'plan')).toHaveLength(3);
  });

  test('a policy that is put in force leaves alone what a person called a false alarm', async () => {
    await start();
    await send(attack([container('web-1')]) as Json);
    const [incident] = (await central.call('GET', '/api/v1/incidents')).value['incidents'] as Json[];
    const said = { incident: incident?.['id'], verdict: 'false-positive', reason: 'our own scan' };
    expect((await central.call('POST', '/api/v1/feedback', said)).status).toBe(201);
    api.put(`${ROOT}/picketpolicies`, enforce());
    await vi.waitFor(async () => expect(await policies()).toHaveLength(1), SOON);
    await send({ ...(attack([container('web-2')]) as Json), sequence: sequence + 1 });
    await becomes({ ord: 'Pending' });
    expect(objects().map(({ spec }) => (spec as Json)['pod'])).toEqual(['web-2']);
  });

  test('a proposal that is deleted is put away and does not come back', async () => {
    api.put(`${ROOT}/picketpolicies`, enforce('{ maxContainers: 5, maxPercentOfWorkload: 100 }', 'ask'));
    await start();
    await vi.waitFor(async () => expect(await policies()).toHaveLength(1), SOON);
    await send(attack([container('web-1')]) as Json);
    await becomes({ pln: 'Proposed' });
    const [proposal] = objects();
    api.remove(CONTAINMENTS, 'demo', proposal?.metadata.name ?? '');
    const passes = api.asked.length;
    ask('mark', { pod: 'nowhere' });
    await becomes({ mark: 'Refused' });
    expect(api.asked.length).toBeGreaterThan(passes);
    expect(phases()).toEqual({ mark: 'Refused' });
  });
});

test('each node that reports is an object with its health', async () => {
  await start();
  await send({ health: { version: '1.2.3', lost: { 'ring-full': 7 }, hooksMissing: ['lsm'], rssBytes: 9 } });
  const nodeObject = (): Json => api.object(`${ROOT}/picketnodes`, null, 'node-1') as Json;
  await vi.waitFor(() => expect(nodeObject()?.['status']).toBeDefined(), SOON);
  expect(nodeObject()).toMatchObject({
    spec: { cluster: 'local' },
    status: {
      version: '1.2.3',
      lost: 7,
      hooksMissing: ['lsm'],
      memoryBytes: 9,
      conditions: [
        { type: 'Reporting', status: 'True' },
        { type: 'AllHooks', status: 'False', message: 'lsm' },
      ],
    },
  });
});

test('asks for no more than it says, and for all of it', async () => {
  api.put(`${ROOT}/picketpolicies`, enforce('{ maxContainers: 5, maxPercentOfWorkload: 100 }', 'ask'));
  api.put(`${ROOT}/picketexceptions`, { metadata: { name: 'wrong' }, spec: {} });
  api.put(`${ROOT}/picketrules`, { metadata: { name: 'wrong' }, spec: {} });
  api.put(`${ROOT}/picketprofiles`, {
    metadata: { name: 'web', namespace: 'shop' },
    spec: { workload: 'Deployment/web/web' },
  });
  await start();
  await vi.waitFor(async () => expect(await policies()).toHaveLength(1), SOON);
  await send({ ...(attack([container('web-1')]) as Json), health: { version: '1' } });
  await becomes({ pln: 'Proposed' });
  approve('pln');
  const order = await orderTo('contain');
  await becomes({ ord: 'Pending' });
  await answer(order, 'failed');
  await becomes({ ord: 'Failed' });
  await vi.waitFor(() => expect(objects()[0]?.metadata['finalizers']).toEqual([]), SOON);
  await vi.waitFor(() => expect(api.watching).toBe(10), SOON);
  const named = (path: string): string => {
    const [, group = '', rest = ''] =
      /^\/(?:api\/v1|apis\/([a-z0-9.]+)\/v1(?:alpha1)?)\/(?:namespaces\/[^/]+\/)?(.+)$/.exec(path) ?? [];
    const [plural = '', , subresource] = rest.split('/');
    const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
    return group === '' ? resource : `${resource}.${group}`;
  };
  const asked = new Set(api.asked.map(({ verb, path }) => `${verb} ${named(path)}`));
  expect([...asked].sort()).toEqual(permissionLines(CLUSTER_PERMISSIONS));
});
