/** The running agent of this machine, through the unix socket in its state folder. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { requestJson } from './request.ts';
import { isMissing, NotHereError } from './unreachable.ts';

export interface AgentClient {
  get(path: '/status' | '/workloads' | '/models' | '/containers' | '/containments'): Promise<unknown>;
  /** The workload's baseline, a document. */
  profile(workload: string): Promise<unknown>;
  changeModel(workload: string, model: string, to: 'promote' | 'rollback' | 'renew'): Promise<unknown>;
  change(workload: string, to: 'reset' | 'pin' | 'unpin'): Promise<unknown>;
}

const ELSEWHERE =
  'ask on a node (in a cluster: kubectl -n NAMESPACE exec ds/picket-agent -- picket ...), or start one: picket agent';

/** Where no agent ever ran there is not even its folder; one that was stopped took its socket away, and does not answer. */
async function asked(socketPath: string, answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    const folder = dirname(socketPath);
    if (!isMissing((error as Error).cause) || existsSync(folder)) throw error;
    throw new NotHereError(`no agent has run here (no ${folder}); ${ELSEWHERE}`, { cause: error });
  }
}

export function agentClient(stateFolder: string): AgentClient {
  const socketPath = join(stateFolder, 'agent', 'agent.sock');
  const agent = { who: `the agent at ${socketPath}`, tls: false, socketPath };
  const of = (workload: string): string => `/profile?workload=${encodeURIComponent(workload)}`;
  const ask = (target: Omit<Parameters<typeof requestJson>[0], 'who' | 'tls'>): Promise<unknown> =>
    asked(socketPath, requestJson({ ...agent, ...target }));
  return {
    get: (path) => ask({ path }),
    profile: (workload) => ask({ path: of(workload) }),
    changeModel: (workload, model, to) =>
      ask({
        method: 'POST',
        path: `/models?workload=${encodeURIComponent(workload)}&model=${encodeURIComponent(model)}&to=${to}`,
      }),
    change: (workload, to) => ask({ method: 'POST', path: `${of(workload)}&to=${to}` }),
  };
}
