/** What people set in the cluster acts on the node: a rule that is an object, and an exception to it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeKubeApi } from '../fakes/kube-api.ts';
import type { Json } from '../fakes/kube-store.ts';
import { atEnd, cleanUp, skipReason } from '../native/kernel-fixtures.ts';
import { type RunningAgent, type RunningCentral, startAgent, startCentral } from './processes.ts';
import { detectionsIn, eventually, type Line, openWorld, type TestContainer, type World } from './world.ts';

const refusal = skipReason('guidance from end to end');
const ROOT = '/apis/picket.dev/v1alpha1';
const object = (kind: string, name: string, spec: Json): Json => ({
  ...{ apiVersion: 'picket.dev/v1alpha1', kind, metadata: { name }, spec },
});

describe.skipIf(refusal !== null)('guidance', { timeout: 120_000 }, () => {
  let world: World;
  let api: FakeKubeApi;
  let central: RunningCentral;
  let agent: RunningAgent;
  let web: TestContainer;

  const found = (): Line[] =>
    detectionsIn(agent.alertLog, web.id).filter(({ detector }) => detector === 'env-by-hand');
  /** Runs the program that the rule is about until `wanted` is told of it. */
  const runUntil = (what: string, wanted: (line: Line) => boolean): Promise<Line> =>
    eventually(
      what,
      async () => {
        const before = found().length;
        await web.run('/usr/bin/env true');
        return found().slice(before).find(wanted) ?? null;
      },
      60_000,
    );

  beforeAll(async () => {
    world = await openWorld();
    api = await new FakeKubeApi().up();
    atEnd(() => api.stop());
    web = await world.container({ name: 'web', namespace: 'shop' });
    central = await startCentral(world.folder, { kubernetes: api.url, 'kubernetes-ca-file': api.caFile });
    agent = await startAgent(central, { 'pin-folder': world.pins, pods: world.podsFile });
    await eventually('its pod', () => agent.knows(web.id));
  }, 120_000);
  afterAll(cleanUp, 30_000);

  test('a rule that is an object finds, is excepted by another object, and goes with its own', async () => {
    api.put(
      `${ROOT}/picketrules`,
      object('PicketRule', 'env-by-hand', {
        ...{ sentence: 'A rule of a test.', on: ['exec'], when: 'event.exe == "env"' },
        ...{ severity: 'high', next: 'Look.', summary: '{event.exe} ran', facts: { was: '{event.exe}' } },
      }),
    );
    // Lowered or not: it has run the program before.
    expect((await runUntil('a detection by the rule', () => true)).facts['excepted']).toBeUndefined();

    api.put(
      `${ROOT}/picketexceptions`,
      object('PicketException', 'env-is-fine', {
        match: { workload: '*/shop/*', detector: 'env-by-hand', facts: { was: 'e*' } },
        reason: 'The test does it.',
      }),
    );
    const excepted = await runUntil('an excepted detection', ({ facts }) => 'excepted' in facts);
    expect([excepted.severity, excepted.facts['excepted']]).toEqual(['info', 'env-is-fine']);
    await eventually('its hit at central', async () => {
      const { exceptions } = (await central.people.get('/api/v1/exceptions')) as {
        exceptions: readonly { name: string; hits: number }[];
      };
      return exceptions.some(({ name, hits }) => name === 'env-is-fine' && hits > 0);
    });

    await central.kill();
    await agent.stop();
    agent = await agent.again();
    await eventually('its pod', () => agent.knows(web.id));
    const kept = await runUntil('the same after a restart without central', () => true);
    expect([kept.detector, kept.facts['excepted']]).toEqual(['env-by-hand', 'env-is-fine']);

    api.remove(`${ROOT}/picketrules`, null, 'env-by-hand');
    central = await central.again();
    await eventually('no rule', async () => (await agent.status()).sent.rules === '', 60_000);
    const before = found().length;
    await web.run('/usr/bin/env true');
    const marked = detectionsIn(agent.alertLog, web.id).length;
    // By another rule, so that what came before it would be told.
    await eventually('a later detection', async () => {
      await web.run('cat /etc/shadow > /dev/null');
      return detectionsIn(agent.alertLog, web.id).length > marked;
    });
    expect(found()).toHaveLength(before);
  });
});
