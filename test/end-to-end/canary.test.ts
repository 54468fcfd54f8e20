/** That a node sees is proved by itself: from the kernel to a notifier, with the processes as they ship. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cleanUp, pinFolder, skipReason, temporaryFolder } from '../native/kernel-fixtures.ts';
import { type RunningAgent, type RunningCentral, startAgent, startCentral } from './processes.ts';
import { eventually, readLog } from './world.ts';

const refusal = skipReason('the canary from end to end');

interface Node {
  readonly canary: { readonly result: string; readonly detectMs: number; readonly notifyMs: number } | null;
}

describe.skipIf(refusal !== null)('the canary', { timeout: 120_000 }, () => {
  let central: RunningCentral;
  let agent: RunningAgent;
  beforeAll(async () => {
    const folder = temporaryFolder();
    central = await startCentral(folder);
    const flags = { 'pin-folder': pinFolder(), pods: '', window: '500ms', 'canary-interval': '500ms' };
    agent = await startAgent(central, flags);
    await eventually('enrolment', async () => (await agent.status()).central.enrolled);
  });
  afterAll(cleanUp);

  test('is seen, logged, told to central and taken by a notifier, each of them timed', async () => {
    const seen = await eventually('five that were seen', async () => {
      const { canary } = (await agent.status()).numbers;
      return (canary?.results['seen'] ?? 0) >= 5 ? canary : null;
    });
    expect(seen.results).toMatchObject({ missed: 0, failed: 0, forged: 0 });
    expect(seen.detectMs).toBeGreaterThan(0);
    const node = await eventually('it was taken by a notifier', async () => {
      const { nodes } = (await central.people.get('/api/v1/nodes')) as { nodes: Node[] };
      return (nodes[0]?.canary?.notifyMs ?? 0) > 0 ? nodes[0] : null;
    });
    const { detectMs = 0, notifyMs = 0 } = node?.canary ?? {};
    console.log(
      `measured: canary in the log after ${detectMs.toFixed(1)} ms, taken by a notifier after ${notifyMs} ms`,
    );
    expect(detectMs).toBeGreaterThan(0);
    await eventually('the node counts as proved', async () =>
      (await central.metric('picket_central_canary_nodes{state="proved"}')) === 1 ? true : null,
    );
    const lines = readLog(agent.alertLog) as readonly { kind: string }[];
    expect(lines.filter(({ kind }) => kind === 'canary').length).toBeGreaterThanOrEqual(5);
    // Whatever else this machine does meanwhile: nothing that is told is about the canary.
    expect(
      lines.filter((line) => line.kind !== 'canary' && JSON.stringify(line).includes('picket-canary')),
    ).toEqual([]);
  });
});
