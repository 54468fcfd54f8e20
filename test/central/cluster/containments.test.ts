import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test, vi } from 'vitest';
import { UNLISTED } from '../../../agent/identity/container.ts';
import { alert, attack, container } from '../../builders/summaries.ts';
import type { Json } from '../../fakes/kube-store.ts';
import {
  answer,
  api,
  approve,
  ask,
  becomes,
  CONTAINMENTS,
  central,
  enforce,
  next,
  objects,
  orderTo,
  phases,
  policies,
  ROOT,
  SOON,
  send,
  start,
  WATCHES,
} from './objects.ts';

const incidents = async (): Promise<Json[]> =>
  (await central.call('GET', '/api/v1/incidents')).value['incidents'] as Json[];

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

  test('one that a person makes is a request, done once; the pod’s sandbox is not meant', async () => {
    await start();
    const web = container('web-1');
    const workload = 'local/demo/Deployment/web/-';
    const sandbox = { ...web, id: 'e'.repeat(64), name: 'eeeeeeeeeeee', workload };
    expect(workload.slice(workload.lastIndexOf('/'))).toBe(`/${UNLISTED}`);
    await send({ containers: [sandbox, web] });
    ask('by-hand', { pod: 'web-1', lease: '5m', action: { killOnExec: false } });
    const order = await orderTo('contain');
    expect(order).toMatchObject({
      actor: 'kubernetes:alice',
      target: { containerId: web.id },
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
    await send({ ...(attack([container('web-2')]) as Json), sequence: next() });
    await becomes({ ord: 'Pending' });
    expect(objects().map(({ spec }) => (spec as Json)['pod'])).toEqual(['web-2']);
  });

  test('who deletes a proposal refuses the plan: neither a restart nor another policy contains what it was about', async () => {
    const asking = { maxContainers: 5, maxPercentOfWorkload: 100 };
    api.put(`${ROOT}/picketpolicies`, enforce(JSON.stringify(asking).replaceAll('"', ''), 'ask'));
    await start();
    await vi.waitFor(async () => expect(await policies()).toHaveLength(1), SOON);
    await send(attack([container('web-1')]) as Json);
    await becomes({ pln: 'Proposed' });
    const [proposal] = objects();
    // One of another namespace that says it is of the plan refuses nothing.
    const name = proposal?.metadata.name ?? '';
    const labels = proposal?.metadata['labels'];
    api.put(CONTAINMENTS, { metadata: { name, namespace: 'attic', labels }, spec: { pod: 'web-1' } });
    await vi.waitFor(() => expect(objects()).toHaveLength(2), SOON);
    api.remove(CONTAINMENTS, 'attic', name);
    ask('mark', { pod: 'nowhere' });
    await becomes({ pln: 'Proposed', mark: 'Refused' });
    expect(await incidents()).toMatchObject([{ state: 'awaiting' }]);

    api.remove(CONTAINMENTS, 'demo', name);
    await vi.waitFor(async () => expect(await incidents()).toMatchObject([{ state: 'open' }]), SOON);
    const steps = (await central.call('GET', '/api/v1/steps')).value['steps'] as Json[];
    expect(steps[0]).toMatchObject({ actor: 'kubernetes', action: 'refuse' });
    const [incident] = await incidents();
    const planned = async (): Promise<Json[]> =>
      (await central.call('GET', `/api/v1/incidents/${incident?.['id']}`)).value['plans'] as Json[];
    expect(await planned()).toMatchObject([{ state: 'refused' }]);

    await central.stop();
    api.remove(`${ROOT}/picketpolicies`, null, 'everywhere-ask');
    api.put(`${ROOT}/picketpolicies`, enforce());
    await start();
    await vi.waitFor(async () => expect(await policies()).toEqual(['everywhere-enforce']), SOON);
    await send({ ...(attack([container('web-2')]) as Json), sequence: next() });
    await vi.waitFor(() => expect(phases()).toMatchObject({ ord: 'Pending' }), SOON);
    expect(
      objects().flatMap(({ metadata, spec }) => (metadata.name === 'mark' ? [] : [(spec as Json)['pod']])),
    ).toEqual(['web-2']);
    expect((await planned()).filter(({ state }) => state === 'refused')).toHaveLength(1);
  });

  test('what a person deleted while central was away is taken back, and refused where it was a proposal', async () => {
    api.put(`${ROOT}/picketpolicies`, enforce());
    const asking = enforce('{ maxContainers: 5, maxPercentOfWorkload: 100 }', 'ask');
    const match = { minSeverity: 'high', namespaces: ['attic'] };
    const spec = { ...(asking['spec'] as Json), match, priority: 9 };
    api.put(`${ROOT}/picketpolicies`, { ...asking, spec });
    await start();
    await vi.waitFor(async () => expect(await policies()).toHaveLength(2), SOON);
    const web = container('web-1');
    const [order] = await send(attack([web]) as Json);
    if (order === undefined) throw new Error('not contained');
    await answer(order, 'applied');
    const box = container('box-1', 'attic');
    await send({ ...(attack([box]) as Json), containers: [web, box], sequence: next() });
    await becomes({ ord: 'Active', pln: 'Proposed' });

    await central.stop();
    for (const { metadata } of objects()) api.remove(CONTAINMENTS, String(metadata.namespace), metadata.name);
    expect(objects()).toHaveLength(2);
    await start();
    const release = await orderTo('release');
    expect(release).toMatchObject({ releases: order.id, actor: 'kubernetes' });
    await answer(release, 'applied');
    await answer(order, 'released');
    await becomes({});
    const steps = (await central.call('GET', '/api/v1/steps')).value['steps'] as Json[];
    expect(steps.filter(({ action }) => action === 'refuse')).toMatchObject([{ actor: 'kubernetes' }]);
  });

  const proposed = async (): Promise<string> => {
    api.put(`${ROOT}/picketpolicies`, enforce('{ maxContainers: 5, maxPercentOfWorkload: 100 }', 'ask'));
    await start();
    await vi.waitFor(async () => expect(await policies()).toHaveLength(1), SOON);
    await send(attack([container('web-1')]) as Json);
    await becomes({ pln: 'Proposed' });
    return objects()[0]?.metadata.name ?? '';
  };

  test('a no that could not be taken stays on its object, and is taken later', async () => {
    const name = await proposed();
    const db = new DatabaseSync(central.ready.database);
    db.exec(`create trigger in_the_way before update on plans when new.state = 'refused'
      begin select raise(abort, 'in the way'); end`);
    api.remove(CONTAINMENTS, 'demo', name);
    // A whole pass lies between two requests of which the second was made after the first was answered.
    for (const mark of ['first', 'second']) {
      ask(mark, { pod: 'nowhere' });
      await vi.waitFor(() => expect(phases()).toMatchObject({ [mark]: 'Refused' }), SOON);
    }
    expect(api.object(CONTAINMENTS, 'demo', name)?.metadata['finalizers']).toEqual(['picket.dev/release']);
    expect(await incidents()).toMatchObject([{ state: 'awaiting' }]);
    db.exec('drop trigger in_the_way');
    db.close();
    await vi.waitFor(async () => expect(await incidents()).toMatchObject([{ state: 'open' }]), SOON);
    await vi.waitFor(() => expect(api.object(CONTAINMENTS, 'demo', name)).toBeNull(), SOON);
  });

  /** A plan that waits for `demo` alone, of an incident that is in another namespace too; the name of its object. */
  const proposedForOne = async (): Promise<string> => {
    const asking = enforce('{ maxContainers: 5, maxPercentOfWorkload: 100 }', 'ask');
    const match = { minSeverity: 'high', namespaces: ['demo'] };
    api.put(`${ROOT}/picketpolicies`, { ...asking, spec: { ...(asking['spec'] as Json), match } });
    await start();
    await vi.waitFor(async () => expect(await policies()).toHaveLength(1), SOON);
    await send(attack([container('web-1'), container('box-1', 'attic')]) as Json);
    await becomes({ pln: 'Proposed' });
    expect(pods()).toEqual(['web-1']);
    expect(await incidents()).toHaveLength(1);
    return objects()[0]?.metadata.name ?? '';
  };
  const pods = () => objects().map(({ spec }) => (spec as Json)['pod']);
  const everywhere = (mode: string): Json => {
    const made = enforce('{ maxContainers: 5, maxPercentOfWorkload: 100 }', mode);
    return {
      ...made,
      metadata: { name: 'newer' },
      spec: { ...(made['spec'] as Json), priority: 9 },
    };
  };
  const plans = async (): Promise<Json[]> => {
    const [incident] = await incidents();
    return (await central.call('GET', `/api/v1/incidents/${incident?.['id']}`)).value['plans'] as Json[];
  };

  test.each([
    ['while central was away', true],
    ['between two passes', false],
  ])('a no is taken before the policy that came after it, %s: what was put away is left alone, the rest is judged', async (_, away) => {
    const name = await proposedForOne();
    await central.stop();
    await vi.waitFor(() => expect(api.watching).toBe(0), SOON);
    const decide = (): void => {
      api.remove(CONTAINMENTS, 'demo', name);
      api.put(`${ROOT}/picketpolicies`, everywhere('enforce'));
    };
    if (away) decide();
    await start([], 3_600_000); // no pass: only the policy itself comes
    if (!away) {
      await vi.waitFor(() => expect(api.watching).toBe(WATCHES), SOON);
      decide();
    }
    await vi.waitFor(async () => expect(await policies()).toContain('newer'), SOON);
    const order = await orderTo('contain');
    expect(order.target?.workload).toContain('attic');
    const states = (await plans()).map(({ state }) => state).sort();
    expect(states).toEqual(['executed', 'refused']);
    expect((await send({})).map(({ target }) => target?.workload)).toEqual([order.target?.workload]);
  });

  /** The watch of containments is in back-off: nothing is heard by it. */
  const deaf = (verbs: readonly string[]): void => {
    api.fault = ({ verb, path }) =>
      path === CONTAINMENTS && verbs.includes(verb) ? { status: 500, reason: 'InternalError' } : null;
    api.endWatches('end');
  };

  test('a no that its own watch did not tell yet is read before the policy that came after it', async () => {
    const name = await proposedForOne();
    deaf(['watch']);
    api.remove(CONTAINMENTS, 'demo', name);
    api.put(`${ROOT}/picketpolicies`, everywhere('enforce'));
    const order = await orderTo('contain');
    expect(order.target?.workload).toContain('attic');
    expect((await plans()).map(({ state }) => state).sort()).toEqual(['executed', 'refused']);
    expect((await send({})).map(({ target }) => target?.workload)).toEqual([order.target?.workload]);
  });

  test('where a no cannot be read what waits for a person stays, until it can', async () => {
    const name = await proposedForOne();
    deaf(['watch', 'list']);
    api.remove(CONTAINMENTS, 'demo', name);
    api.put(`${ROOT}/picketpolicies`, everywhere('enforce'));
    await vi.waitFor(async () => expect(await policies()).toContain('newer'), SOON);
    await vi.waitFor(async () => {
      const lists = api.asked.filter(({ verb, path }) => verb === 'list' && path === CONTAINMENTS);
      expect(lists.length).toBeGreaterThan(5);
    }, SOON);
    expect(await send({})).toEqual([]);
    expect(await incidents()).toMatchObject([{ state: 'awaiting' }]);
    api.fault = () => null;
    const order = await orderTo('contain');
    expect(order.target?.workload).toContain('attic');
    expect((await plans()).map(({ state }) => state).sort()).toEqual(['executed', 'refused']);
  });

  test('a no that is heard when another plan waits already counts for that one too', async () => {
    const name = await proposedForOne();
    const db = new DatabaseSync(central.ready.database);
    db.exec(`create trigger in_the_way before update on plans when new.state = 'refused'
      begin select raise(abort, 'in the way'); end`);
    api.remove(CONTAINMENTS, 'demo', name);
    const containers = [container('web-1'), container('box-1', 'attic'), container('web-2')];
    await send({ ...(attack(containers.slice(2)) as Json), containers, sequence: next() });
    await vi.waitFor(() => expect(pods().sort()).toEqual(['web-1', 'web-1', 'web-2']), SOON);
    db.exec('drop trigger in_the_way');
    db.close();
    await vi.waitFor(() => expect(pods()).toEqual(['web-2']), SOON);
    await vi.waitFor(
      async () => expect((await plans()).map(({ state }) => state).sort()).toEqual(['proposed', 'refused']),
      SOON,
    );
    const [waiting] = (await plans()).filter(({ state }) => state === 'proposed');
    const verdicts = (waiting?.['steps'] as Json[]).map(({ verdict, because }) => [verdict, because]);
    expect(verdicts).toEqual(
      expect.arrayContaining([
        ['refuse', 'a person refused it in this incident'],
        ['propose', 'policy everywhere-ask says ask'],
      ]),
    );
    approve('pln');
    const order = await orderTo('contain');
    expect(order.target?.podUid).toBe('uid-demo-web-2');
  });

  test('a proposal that a central of before made is held from now on', async () => {
    const name = await proposed();
    const { metadata, ...rest } = api.object(CONTAINMENTS, 'demo', name) ?? { metadata: { name } };
    await central.stop();
    api.put(CONTAINMENTS, { ...rest, metadata: { ...metadata, finalizers: [] } });
    await start();
    const held = () => api.object(CONTAINMENTS, 'demo', name)?.metadata['finalizers'];
    await vi.waitFor(() => expect(held()).toEqual(['picket.dev/release']), SOON);
  });

  test('a policy of another priority answers what is under way', async () => {
    const limits = '{ maxContainers: 5, maxPercentOfWorkload: 100 }';
    const watching = enforce(limits, 'observe');
    const before = api.put(`${ROOT}/picketpolicies`, enforce(limits, 'ask'));
    api.put(`${ROOT}/picketpolicies`, { ...watching, spec: { ...(watching['spec'] as Json), priority: 5 } });
    await start();
    await vi.waitFor(async () => expect(await policies()).toHaveLength(2), SOON);
    await send(attack([container('web-1')]) as Json);
    await vi.waitFor(async () => expect(await incidents()).toMatchObject([{ state: 'open' }]), SOON);
    expect(objects()).toEqual([]);
    api.put(`${ROOT}/picketpolicies`, { ...before, spec: { ...(before['spec'] as Json), priority: 9 } });
    await becomes({ pln: 'Proposed' });
  });

  test.each([
    ['each of its alerts was called a false alarm', [['alert', 'false-positive']], ['web-2']],
    [
      'it was called real after it was called a false alarm',
      [
        ['incident', 'false-positive'],
        ['incident', 'true-positive'],
      ],
      ['web-1', 'web-2'],
    ],
  ])('what people said last counts: %s', async (_, verdicts, cut) => {
    await start();
    const web = container('web-1');
    await send(attack([web]) as Json);
    const [incident] = await incidents();
    for (const [subject = '', verdict] of verdicts) {
      const about = subject === 'alert' ? alert(web).id : incident?.['id'];
      const said = { [subject]: about, verdict, reason: 'we looked' };
      expect((await central.call('POST', '/api/v1/feedback', said)).status).toBe(201);
    }
    api.put(`${ROOT}/picketpolicies`, enforce());
    await vi.waitFor(async () => expect(await policies()).toHaveLength(1), SOON);
    await send({ ...(attack([container('web-2', 'other')]) as Json), sequence: next() });
    await vi.waitFor(
      () =>
        expect(
          objects()
            .map(({ spec }) => (spec as Json)['pod'])
            .sort(),
        ).toEqual(cut),
      SOON,
    );
  });
});
