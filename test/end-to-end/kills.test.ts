/**
 * No order is lost or done twice, and no containment stays, when agent and central are killed in the middle of actions.
 * PICKET_KILLS=50 PICKET_SEED=7: so many kills, another draw; some 8 s each.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cleanUp, skipReason } from '../native/kernel-fixtures.ts';
import { Kills, type Processes, type Round } from './kills.ts';
import { startAgent, startCentral } from './processes.ts';
import { eventually, openWorld, type World } from './world.ts';

const KILLS = Number(process.env['PICKET_KILLS'] ?? 3);
const SEED = Number(process.env['PICKET_SEED'] ?? 1);
const KILL_MS = 300_000;
const EXAMPLE = join(import.meta.dirname, '../../manifests/examples/policies/enforce-demo.yaml');

describe.skipIf(skipReason('random kills') !== null)('random kills', () => {
  let world: World;
  let running: Processes;

  beforeAll(async () => {
    world = await openWorld();
    const policy = join(world.folder, 'policy.yaml');
    // The shipped policy, but for its limits: there are more attacks here than an hour should see.
    const limits = readFileSync(EXAMPLE, 'utf8')
      .replace(/perHour: \d+/, 'perHour: 10000')
      .replace(/maxContainers: \d+/, 'maxContainers: 100');
    writeFileSync(policy, limits);
    const central = await startCentral(world.folder, { 'policy-files': policy });
    const agent = await startAgent(central, { 'pin-folder': world.pins, pods: world.podsFile });
    running = { central, agent };
    await eventually('enrolment', async () => (await agent.status()).central.enrolled, 60_000);
  }, 120_000);
  afterAll(cleanUp, 60_000);

  test(`${KILLS} of them lose nothing, do nothing twice and leave nothing`, {
    timeout: KILLS * KILL_MS,
  }, async () => {
    const kills = new Kills(world, running, SEED);
    const rounds: Round[] = [];
    for (let count = 1; count <= KILLS; count += 1) {
      const round = await kills.next();
      rounds.push(round);
      const { deed, who, afterMs, problems } = round;
      console.log(
        `kill ${count}: ${who} ${afterMs} ms into ${deed}: ${problems.join('; ') || 'nothing lost'}`,
      );
    }
    expect(rounds.filter(({ problems }) => problems.length > 0)).toEqual([]);
    expect(await running.agent.leases()).toEqual([]);
    expect(await running.agent.kernel()).toEqual([]);
  });
});
