/**
 * A whole agent whose API server is away, has lost its history, refuses, has other tokens or other certificates: it goes on
 * detecting, says that it does not know the pods as they are, catches up, and says so.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agentClient } from '../../cli/client/agent-client.ts';
import type { AgentReport } from '../../cli/client/answers.ts';
import { type PodFacts, podList } from '../../cli/demo/pod-list.ts';
import { FakeKubeApi } from '../fakes/kube-api.ts';
import type { Json } from '../fakes/kube-store.ts';
import { cleanUp, skipReason } from '../native/kernel-fixtures.ts';
import { type RunningAgent, type RunningCentral, startAgent, startCentral } from './processes.ts';
import { detectionsIn, eventually, openWorld, type TestContainer, type World } from './world.ts';

const PODS = '/api/v1/pods';
const LONG_MS = 60_000;

interface Outage {
  begin(): Promise<void> | void;
  end(): Promise<void> | void;
}

describe.skipIf(skipReason('an agent without its API server') !== null)('an outage', () => {
  let world: World;
  let api: FakeKubeApi;
  let central: RunningCentral;
  let agent: RunningAgent;
  let secret: string;
  let token: string;
  let known: TestContainer;

  const outages: Readonly<Record<string, Outage>> = {
    'a server that is away': { begin: () => api.down(), end: async () => void (await api.up()) },
    'answers of 429': refusing(429, 'TooManyRequests', 1),
    'answers of 500': refusing(500, 'InternalError'),
    'a token that ran out, and a new one': {
      begin() {
        api.tokens = new Map([['second', 'agent']]);
        api.endWatches('cut');
      },
      end: () => writeFileSync(token, 'second\n'),
    },
    'another authority and certificate': {
      async begin() {
        writeFileSync(join(api.folder, 'old.crt'), readFileSync(api.caFile));
        await api.down();
        await api.up({ newAuthority: true });
        // The file that the agent reads is brought up to date later, as by a volume of a ConfigMap.
        writeFileSync(join(api.folder, 'new.crt'), readFileSync(api.caFile));
        writeFileSync(api.caFile, readFileSync(join(api.folder, 'old.crt')));
      },
      end: () => writeFileSync(api.caFile, readFileSync(join(api.folder, 'new.crt'))),
    },
    'a history that is lost while it is away': {
      begin: () => api.down(),
      async end() {
        api.store.compact();
        await api.up();
      },
    },
  };

  function refusing(status: number, reason: string, retryAfter?: number): Outage {
    return {
      begin() {
        api.fault = () => ({ status, reason, ...(retryAfter === undefined ? {} : { retryAfter }) });
        api.endWatches('cut');
      },
      end() {
        api.fault = () => null;
      },
    };
  }

  function list({ id, podUid, name }: Pick<TestContainer, 'id' | 'podUid' | 'name'>): void {
    const facts: PodFacts = { id, podUid, name, namespace: 'shop', address: '' };
    const { items } = podList([facts], 'node-1') as { items: Json[] };
    for (const pod of items) api.put(PODS, { apiVersion: 'v1', kind: 'Pod', ...pod });
  }
  async function container(name: string): Promise<TestContainer> {
    const made = await world.container({ name, namespace: 'shop', unlisted: true });
    list(made);
    return made;
  }
  const report = async (): Promise<AgentReport> =>
    (await agentClient(agent.folder).get('/status')) as AgentReport;
  const inStep = (is: boolean): Promise<AgentReport> =>
    eventually(
      is ? 'the pods are known as they are' : 'the agent says that it does not know',
      async () => {
        const said = await report();
        return said.pods?.inStep === is ? said : null;
      },
      LONG_MS,
    );
  const log = (): string => readFileSync(join(world.folder, 'agent.log'), 'utf8');
  const isBack = (): number => log().split('the API server is back').length - 1;
  /** Opens a watched file in it, and waits for the line about it. */
  async function detects(where: TestContainer): Promise<void> {
    const before = detectionsIn(agent.alertLog, where.id).length;
    await where.ask(`open ${secret}`);
    await eventually('a detection', () => detectionsIn(agent.alertLog, where.id).length > before, LONG_MS);
  }

  beforeAll(async () => {
    world = await openWorld();
    api = await new FakeKubeApi().up();
    api.tokens = new Map([['first', 'agent']]);
    secret = join(world.folder, 'shadow');
    token = join(world.folder, 'token');
    writeFileSync(secret, 'made up\n');
    writeFileSync(token, 'first\n');
    known = await container('known');
    central = await startCentral(world.folder);
    const kubernetes = {
      ...{ kubernetes: api.url, 'kubernetes-ca-file': api.caFile, 'kubernetes-token-file': token },
      ...{ node: 'node-1', pods: '' },
    };
    agent = await startAgent(central, { 'pin-folder': world.pins, ...kubernetes });
    await eventually('its pod', () => agent.knows(known.id), LONG_MS);
  }, 180_000);
  afterAll(async () => {
    await cleanUp();
    await api.stop();
  }, 60_000);

  test.each(
    Object.keys(outages),
  )('%s: detecting goes on, and what came meanwhile is known after', async (name) => {
    const { begin, end } = outages[name] as Outage;
    const told = isBack();
    await begin();
    await inStep(false);
    const came = await container(`came-${Object.keys(outages).indexOf(name)}`);
    await detects(known);
    // Under its container's id: whose it is, is not known.
    await detects(came);
    expect(await agent.knows(came.id)).toBe(false);
    await end();
    await eventually('what came meanwhile', () => agent.knows(came.id), LONG_MS);
    expect((await inStep(true)).pods?.source).toBe(api.url);
    await eventually('the log says that it is over', () => isBack() > told, LONG_MS);
    await detects(came);
    const lines = detectionsIn(agent.alertLog, came.id) as readonly { container: { pod?: string } }[];
    expect(lines.at(-1)?.container.pod).toMatch(/^came-/);
  }, 300_000);

  test('what failed is counted by its reason, from which the metrics are', async () => {
    const { numbers } = (await agentClient(agent.folder).get('/status')) as {
      numbers: { pods: { health: { inStep: boolean; problems: Record<string, number> } } };
    };
    const { inStep: knows, problems } = numbers.pods.health;
    expect(knows).toBe(true);
    for (const reason of ['TooManyRequests', 'InternalError', 'Unauthorized'])
      expect([reason, problems[reason] ?? 0]).toEqual([
        reason,
        expect.toSatisfy((count: number) => count > 0),
      ]);
    expect(api.violations).toEqual([]);
  });
});
