/** Agents that know a container: taught once, then started again and again with what they learnt. */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { agentClient } from '../client/agent-client.ts';
import { type AgentPlan, type MeasuredAgent, startAgent } from './agent.ts';
import type { Container } from './container.ts';
import type { Bench } from './measurement.ts';

/**
 * Short windows, so that a baseline is there within seconds; they cost the agent more, not less. Of so many windows a
 * network would be trained each minute, beside what is measured.
 */
const SETTINGS = {
  window: '1s',
  'learn-windows': '4',
  'mature-windows': '8',
  'shape-training': 'false',
};
const LIMIT_MS = 90_000;

export interface Known {
  readonly containers: readonly Container[];
  /** What they do, once; done until they are guarded. */
  readonly work: () => Promise<void>;
}

const stateOf = (bench: Bench): string => join(bench.folder, 'state');

interface Status {
  readonly workload: string;
  readonly guarding: number;
}

async function guards(state: string, { containers }: Known): Promise<boolean> {
  const { workloads } = (await agentClient(state).get('/workloads')) as { workloads: Status[] };
  // Without pods a workload is named by the beginning of its container's id.
  const guarded = ({ id }: Container): boolean =>
    workloads.some(({ workload, guarding }) => workload.includes(id.slice(0, 12)) && guarding > 0);
  return containers.every(guarded);
}

async function untilGuarded(bench: Bench, known: Known): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    bench.signal.throwIfAborted();
    await known.work();
    if (await guards(stateOf(bench), known)) return;
    if (performance.now() > end) throw new Error(`not guarded within ${LIMIT_MS / 1000} s`);
    await sleep(100);
  }
}

/** An agent that guards the containers: each learns from the ones before, the first from nothing. */
export async function startGuard(
  bench: Bench,
  known: Known,
  more: Pick<AgentPlan, 'record' | 'onLine' | 'settings'> = {},
): Promise<MeasuredAgent> {
  const { entry, environment } = bench;
  const agent = await startAgent({
    entry,
    environment,
    folder: stateOf(bench),
    ...more,
    settings: { ...SETTINGS, ...more.settings },
  });
  try {
    await untilGuarded(bench, known);
    return agent;
  } catch (error) {
    await agent.stop();
    throw error;
  }
}
