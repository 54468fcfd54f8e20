import { createPublicKey, verify } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashedValue } from '../../kit/private-value.ts';
import { hasherOf, hashKey } from '../../kit/sketch/hash-key.ts';
import { decodeOrder, type Order, type SignedOrder } from '../../wire/index.ts';
import { alert, attack, container, detection, summary } from '../builders/summaries.ts';
import { type Identity, startCentral, type TestCentral, type TestNode, temporaryFolder } from './harness.ts';

let folder: ReturnType<typeof temporaryFolder>;
let central: TestCentral;
let identity: Identity;
let node: TestNode;

async function start(policies: readonly string[]): Promise<void> {
  central = await startCentral({ folder: folder.path, policies });
  identity = await central.enrol();
  node = central.node(identity);
}
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await central.stop();
  folder.remove();
});

const genuine = ({ payload, signature, keyId }: SignedOrder, by = identity): boolean => {
  const key = by.orderKeys.find(({ id }) => id === keyId);
  return key !== undefined && verify(null, payload, createPublicKey(key.publicKey), signature);
};
async function list(path: string, name: string): Promise<Record<string, unknown>[]> {
  return (await central.call('GET', `/api/v1/${path}`)).value[name] as Record<string, unknown>[];
}
const report = (order: Order, state: string, untilMs = 0): object => ({
  order: order.id,
  state,
  detail: '',
  wallMs: Date.now(),
  untilMs,
});
async function orderFrom(sent: { reply: { orders: SignedOrder[] } | null }): Promise<Order> {
  const [signed] = sent.reply?.orders ?? [];
  if (signed === undefined) throw new Error('no order in the reply');
  return decodeOrder(signed.payload);
}
const policy = (mode: string, limits: string, name = 'test'): string => `
apiVersion: picket.dev/v1alpha1
kind: PicketPolicy
metadata: { name: ${name} }
spec: { match: { minSeverity: high }, mode: ${mode}, limits: ${limits} }
`;

describe('enforce', () => {
  it('sends a signed order in the reply and at once over the open stream', async () => {
    await start(['enforce-demo.yaml']);
    const stream = await node.orders();
    const web = container('web-1');
    const before = Date.now();
    const [sent, pushed] = await Promise.all([node.send(attack([web])), stream.next()]);
    const [replied] = sent.reply?.orders ?? [];
    if (replied === undefined) throw new Error('no order in the reply');
    expect([genuine(replied), pushed]).toEqual([true, replied]);
    const order = decodeOrder(replied.payload);
    expect(order).toEqual({
      id: expect.stringMatching(/^ord-[0-9a-f]{20}$/),
      cluster: 'local',
      node: 'node-1',
      kind: 'contain',
      target: { podUid: web.podUid, containerName: 'web', containerId: web.id, workload: web.workload },
      networkDeny: true,
      killOnExec: true,
      execDeny: false,
      cutProbes: false,
      allow: [],
      freeze: false,
      kill: false,
      leaseMs: 600_000,
      notAfterMs: order.issuedMs + 900_000,
      reason: 'A server started a shell (in demo/web-1/web)',
      actor: 'policy:enforce-demo',
      incident: expect.stringMatching(/^inc-[0-9a-f]{20}$/),
      releases: '',
      issuedMs: expect.any(Number),
    });
    expect(order.issuedMs).toBeGreaterThanOrEqual(before);
    const steps = await list('steps', 'steps');
    expect(steps.map(({ actor, action }) => [actor, action])).toEqual([
      ['policy:enforce-demo', 'contain'],
      ['central', 'plan'],
      ['node:node-1', 'enrol'],
      ['central', 'policies'],
    ]);
  });

  it('gives a changed payload no valid signature', async () => {
    await start(['enforce-demo.yaml']);
    const sent = await node.send(attack([container('web-1')]));
    const [signed] = sent.reply?.orders ?? [];
    if (signed === undefined) throw new Error('no order in the reply');
    const changed = Buffer.from(signed.payload);
    changed.writeUInt8(changed.readUInt8(20) ^ 1, 20);
    expect([genuine(signed), genuine({ ...signed, payload: changed })]).toEqual([true, false]);
  });

  it('sends an order again until the node has answered, then follows it to its end', async () => {
    await start(['enforce-demo.yaml']);
    const order = await orderFrom(await node.send(attack([container('web-1')])));
    const again = await node.send(summary({ sequence: 2 }));
    const untilMs = Date.now() + 600_000;
    const answered = await node.send(
      summary({ sequence: 3, orderReports: [report(order, 'applied', untilMs)] }),
    );
    expect([again.reply?.orders.length, answered.reply?.orders.length]).toEqual([1, 0]);
    expect(await list('containments', 'containments')).toMatchObject([
      { id: order.id, state: 'applied', untilMs },
    ]);
    await node.send(summary({ sequence: 4, orderReports: [report(order, 'expired')] }));
    expect(await list('containments', 'containments')).toMatchObject([{ id: order.id, state: 'expired' }]);
    expect(await list('incidents', 'incidents')).toMatchObject([{ state: 'expired' }]);
  });

  it('does not contain a container twice for a worse alert', async () => {
    await start(['enforce-demo.yaml']);
    const web = container('web-1');
    const order = await orderFrom(await node.send(attack([web])));
    const worse = alert(web, { severity: 'critical', revision: 2 });
    const sent = await node.send(summary({ sequence: 2, containers: [web], alerts: [worse] }));
    expect(
      await Promise.all((sent.reply?.orders ?? []).map(async ({ payload }) => decodeOrder(payload).id)),
    ).toEqual([order.id]);
    const [incident] = await list('incidents', 'incidents');
    expect(incident).toMatchObject({ severity: 'critical', state: 'contained', alerts: 1 });
  });

  it('takes no answer of another node', async () => {
    await start(['enforce-demo.yaml']);
    const order = await orderFrom(await node.send(attack([container('web-1')])));
    const other = central.node(await central.enrol('node-2'));
    await other.send(summary({ node: 'node-2', orderReports: [report(order, 'refused')] }));
    expect(await list('containments', 'containments')).toMatchObject([{ state: 'sent' }]);
    expect(await central.metric('picket_central_order_answers_total{state="unknown"}')).toBe(1);
  });
});

describe('limits', () => {
  it('stop the second container, and ask a person about it', async () => {
    await start([policy('enforce', '{ maxContainers: 1, maxPercentOfWorkload: 100 }')]);
    const [one, two] = [container('web-1'), container('web-2')];
    const sent = await node.send(attack([one, two]));
    expect(sent.reply?.orders).toHaveLength(1);
    const [incident] = await list('incidents', 'incidents');
    const { value } = await central.call('GET', `/api/v1/incidents/${incident?.['id']}`);
    const [plan] = value['plans'] as { state: string; steps: { verdict: string; because: string }[] }[];
    expect(plan?.state).toBe('proposed');
    expect(plan?.steps.map(({ verdict, because }) => [verdict, because])).toEqual([
      ['execute', 'policy test says enforce'],
      ['propose', 'it would be container 2 that test holds, at most 1 (maxContainers)'],
    ]);
  });

  it('stop what would cut more than its part of a workload', async () => {
    await start([policy('enforce', '{ maxContainers: 9, maxPercentOfWorkload: 50 }')]);
    const all = ['web-1', 'web-2', 'web-3', 'web-4'].map((pod) => container(pod));
    const sent = await node.send(attack(all));
    expect(sent.reply?.orders).toHaveLength(2);
  });

  it.each([
    ['a protected namespace', container('dns-1', 'kube-system')],
    [
      'a service of the host',
      { ...container('ssh-1', ''), podUid: '', pod: '', workload: 'local/-/Service/ssh.service/ssh.service' },
    ],
    [
      'the node itself',
      { ...container('host-1', ''), podUid: '', pod: '', workload: 'local/-/Node/node-1/host' },
    ],
  ])('never let %s be contained by itself', async (_, target) => {
    await start([policy('enforce', '{ maxContainers: 9, maxPercentOfWorkload: 100 }')]);
    const sent = await node.send(attack([target]));
    expect([sent.status, sent.reply?.orders]).toEqual([200, []]);
    expect(await central.metric('picket_central_plan_steps_total{verdict="refuse"}')).toBe(1);
  });
});

describe('ask and observe', () => {
  it('ask: an order leaves only when a person approves, in that name', async () => {
    await start([policy('ask', '{ maxContainers: 1 }')]);
    const stream = await node.orders();
    const sent = await node.send(attack([container('web-1', 'shop')]));
    const [incident] = await list('incidents', 'incidents');
    expect([sent.reply?.orders, incident?.['state']]).toEqual([[], 'awaiting']);
    const approved = await central.call('POST', `/api/v1/incidents/${incident?.['id']}/approve`, {
      reason: 'it is real',
    });
    const order = decodeOrder((await stream.next()).payload);
    expect([approved.status, order.actor, order.reason]).toEqual([201, 'admin', 'it is real']);
    const twice = await central.call('POST', `/api/v1/incidents/${incident?.['id']}/approve`, {
      reason: 'again',
    });
    expect([twice.status, twice.value]).toMatchObject([409, { error: { code: 'PICKET_CONFLICT' } }]);
    expect(await list('incidents', 'incidents')).toMatchObject([{ state: 'contained' }]);
  });

  it('ask: an approval is of the plan that was read, and of no other', async () => {
    await start([policy('ask', '{ maxContainers: 1 }')]);
    await node.send(attack([container('web-1', 'shop')]));
    const [incident] = await list('incidents', 'incidents');
    const path = `/api/v1/incidents/${incident?.['id']}`;
    const [plan] = (await central.call('GET', path)).value['plans'] as { id: string }[];
    const say = (read: unknown) =>
      central.call('POST', `${path}/approve`, { reason: 'it is real', plan: read });
    const other = await say('pln-0');
    expect([other.status, other.value]).toMatchObject([
      409,
      { error: { code: 'PICKET_CONFLICT', message: expect.stringContaining(`${plan?.id} waits`) } },
    ]);
    expect((await say(7)).status).toBe(400);
    expect(await list('containments', 'containments')).toEqual([]);
    expect((await say(plan?.id)).status).toBe(201);
  });

  it('ask: after an approval no other document asks again, and what was held to its end is not held again', async () => {
    const [asking, elsewhere] = [policy('ask', '{ maxContainers: 2 }'), policy('observe', '{}', 'later')];
    await start([asking]);
    const [web, dns] = [container('web-1', 'shop'), container('dns-1', 'kube-system')];
    await node.send(attack([web, dns]));
    const [incident] = await list('incidents', 'incidents');
    const path = `/api/v1/incidents/${incident?.['id']}`;
    expect((await central.call('POST', `${path}/approve`, { reason: 'it is real' })).status).toBe(201);
    const order = await orderFrom(await node.send(summary({ sequence: 2 })));
    await node.send(summary({ sequence: 3, orderReports: [report(order, 'applied', Date.now() + 60_000)] }));
    await node.send(summary({ sequence: 4, orderReports: [report(order, 'expired')] }));
    const again = async (policies: readonly string[]): Promise<unknown[]> => {
      await central.stop();
      central = await startCentral({ folder: folder.path, policies });
      node = central.node(identity);
      // Another incident: after its answer everything that was to be asked again has been.
      const other = container(`other-${policies.length}`, `attic-${policies.length}`);
      const detections = [detection(other, { facts: { exe: `/opt/${policies.length}` } })];
      const sent = { sequence: 5 + policies.length, detections, alerts: [alert(other)] };
      await node.send(summary({ ...sent, containers: [web, dns, other] }));
      expect(await list('incidents', 'incidents')).toHaveLength(policies.length);
      const plans = (await central.call('GET', path)).value['plans'] as Record<string, unknown>[];
      return plans.map(({ state, steps }) => [
        state,
        ...(steps as { verdict: string }[]).map(({ verdict }) => verdict),
      ]);
    };
    const approved = ['approved', 'propose', 'refuse'];
    expect(await again([asking, elsewhere])).toEqual([approved]);
    const cutting = policy('enforce', '{ maxContainers: 2, maxPercentOfWorkload: 100 }');
    const plans = await again([cutting, elsewhere, policy('observe', '{}', 'third')]);
    expect(plans).toEqual([approved, ['recorded', 'refuse', 'refuse']]);
    expect((await list('steps', 'steps')).map(({ text }) => text).join()).toContain('its lease ran out');
  });

  it.each([
    [[]],
    [['observe-all.yaml']],
  ])('observe (%j): the plan is written down and nothing is ordered', async (policies) => {
    await start(policies);
    const sent = await node.send(attack([container('web-1')]));
    const [step] = await list('steps?limit=1', 'steps');
    expect([sent.reply?.orders, await list('containments', 'containments')]).toEqual([[], []]);
    expect(step).toMatchObject({ action: 'plan', actor: 'central' });
    expect(step?.['text']).toContain('[record] demo/web-1/web on node node-1: cut off the network');
  });

  it('a policy of one namespace leaves the others observed', async () => {
    await start(['enforce-demo.yaml']);
    const sent = await node.send(attack([container('web-1', 'shop')]));
    expect([sent.status, sent.reply?.orders]).toEqual([200, []]);
  });
});

describe('people', () => {
  it('undo: a release order for the same pod and name, once', async () => {
    await start(['enforce-demo.yaml']);
    const web = container('web-1');
    const contained = await orderFrom(await node.send(attack([web])));
    await node.send(
      summary({
        sequence: 2,
        containers: [web],
        orderReports: [report(contained, 'applied', Date.now() + 600_000)],
      }),
    );
    const undone = await central.call('POST', `/api/v1/containments/${contained.id}/undo`, {
      reason: 'false alarm',
    });
    const twice = await central.call('POST', `/api/v1/containments/${contained.id}/undo`, {
      reason: 'false alarm',
    });
    expect([undone.status, twice.status]).toEqual([201, 409]);
    // The pod's container was restarted in the meantime: another id, the same pod and name.
    const restarted = { ...web, id: 'f'.repeat(64) };
    const release = await orderFrom(await node.send(summary({ sequence: 3, containers: [restarted] })));
    expect(release).toMatchObject({
      kind: 'release',
      releases: contained.id,
      target: contained.target,
      actor: 'admin',
      reason: 'false alarm',
    });
    await node.send(
      summary({ sequence: 4, containers: [restarted], orderReports: [report(release, 'released')] }),
    );
    expect(await list('containments', 'containments')).toMatchObject([
      { state: 'released', releasedBy: release.id },
    ]);
    // What a person released is not contained again by the policy for the same incident.
    const worse = alert(web, { severity: 'critical', revision: 2, container: restarted.id });
    const after = await node.send(summary({ sequence: 5, containers: [restarted], alerts: [worse] }));
    expect(after.reply?.orders).toEqual([]);
  });

  it('contain a container by the beginning of its id, within what is allowed', async () => {
    await start([]);
    const web = container('web-1');
    const host = {
      ...container('host-1', ''),
      id: 'host',
      podUid: '',
      pod: '',
      workload: 'local/-/Node/node-1/host',
    };
    await node.send(summary({ containers: [web, host] }));
    const post = (body: object) => central.call('POST', '/api/v1/containments', body);
    const made = await post({
      container: web.id.slice(0, 12),
      lease: '2m',
      killOnExec: false,
      reason: 'odd traffic',
    });
    const order = await orderFrom(await node.send(summary({ sequence: 2, containers: [web, host] })));
    expect([made.status, order.leaseMs, order.networkDeny, order.killOnExec, order.actor]).toEqual([
      201,
      120_000,
      true,
      false,
      'admin',
    ]);
    const answers = await Promise.all([
      post({ container: web.id, reason: 'again' }),
      post({ container: 'host', reason: 'no' }),
      post({ container: 'ffffffff', reason: 'no' }),
      post({ container: web.id }),
      post({ container: web.id, reason: 'x', lease: 'soon' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([409, 403, 404, 400, 400]);
  });
});

it('joins the same fact on two nodes into one incident', async () => {
  await start([]);
  const other = central.node(await central.enrol('node-2'));
  const [one, two] = [container('web-1'), container('api-1', 'shop')];
  await node.send(attack([one]));
  await other.send(attack([two], { node: 'node-2' }));
  const [incident, ...rest] = await list('incidents', 'incidents');
  expect(rest).toEqual([]);
  expect(incident).toMatchObject({
    severity: 'critical',
    alerts: 2,
    title: 'A server started a shell (in demo/web-1/web and 1 more on 2 nodes)',
  });
});

it('opens no incident for what an exception covers, and counts it', async () => {
  await start([
    `
apiVersion: picket.dev/v1alpha1
kind: PicketException
metadata: { name: web-shells }
spec:
  match: { workload: '*/demo/Deployment/web/*', detector: shell-from-server, facts: { exe: /bin/* } }
  reason: Health checks of web run a shell.
`,
  ]);
  const [web, api] = [container('web-1'), container('api-1')];
  await node.send(attack([web]));
  expect(await list('incidents', 'incidents')).toEqual([]);
  expect(await list('policies', 'policies')).toMatchObject([{ name: 'web-shells', hits: 1 }]);
  const nc = detection(api, { facts: { exe: '/usr/bin/nc' } });
  await node.send(summary({ sequence: 2, containers: [api], detections: [nc], alerts: [alert(api)] }));
  expect(await list('incidents', 'incidents')).toHaveLength(1);
});

it.each([
  ['/bin/sh', 0],
  ['/bin/bash', 1],
  // Of a hash it cannot be told what `*` would stand for: the node, which has the value, says that it is covered.
  ['/bin/*', 1],
])('an exception in clear for %s is of the value that a node tells as a hash: %i incidents', async (exe, count) => {
  await start([
    `
apiVersion: picket.dev/v1alpha1
kind: PicketException
metadata: { name: web-shells }
spec:
  match: { workload: '*/demo/Deployment/web/*', detector: shell-from-server, facts: { exe: '${exe}' } }
  reason: Health checks of web run a shell.
`,
  ]);
  const [secret = ''] = identity.hashKeys;
  const web = container('web-1');
  const hidden = hashedValue('exe', '/bin/sh', hasherOf(hashKey(secret)));
  const found = { ...detection(web), facts: { ...detection(web).facts, exe: hidden } };
  await node.send(summary({ containers: [web], detections: [found], alerts: [alert(web)] }));
  expect(await list('incidents', 'incidents')).toHaveLength(count);
});

it('keeps orders, incidents and the same keys over a restart', async () => {
  await start(['enforce-demo.yaml']);
  const order = await orderFrom(await node.send(attack([container('web-1')])));
  const incidents = await list('incidents', 'incidents');
  await central.stop();
  central = await startCentral({ folder: folder.path, policies: ['enforce-demo.yaml'] });
  const stream = await central.node(identity).orders();
  const again = await stream.next();
  expect([decodeOrder(again.payload).id, genuine(again)]).toEqual([order.id, true]);
  expect(await list('incidents', 'incidents')).toEqual(incidents);
});

it('refuses to change or delete a step', async () => {
  await start(['observe-all.yaml']);
  const database = new DatabaseSync(central.ready.database);
  expect(() => database.exec(`update steps set actor = 'someone else'`)).toThrow('steps: append only');
  expect(() => database.exec('delete from steps')).toThrow('steps: append only');
  database.close();
});

it('stops within 3 s with an order stream open, any number of times', async () => {
  await start([]);
  const { stream } = await node.orders();
  const ended = new Promise((resolve) => stream.once('close', resolve));
  const before = performance.now();
  await Promise.all([central.central.stop(), central.central.stop()]);
  await ended;
  expect(performance.now() - before).toBeLessThan(3000);
});
