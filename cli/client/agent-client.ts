/** The running agent of this machine, through the unix socket in its state folder. */
import { join } from 'node:path';
import { requestJson } from './request.ts';

export interface AgentClient {
  get(path: '/status' | '/workloads' | '/models' | '/containers' | '/containments'): Promise<unknown>;
  /** The workload's baseline, a document. */
  profile(workload: string): Promise<unknown>;
  changeModel(workload: string, model: string, to: 'promote' | 'rollback' | 'renew'): Promise<unknown>;
  change(workload: string, to: 'reset' | 'pin' | 'unpin'): Promise<unknown>;
}

export function agentClient(stateFolder: string): AgentClient {
  const socketPath = join(stateFolder, 'agent', 'agent.sock');
  const target = { who: `the agent at ${socketPath}`, tls: false, socketPath };
  const of = (workload: string): string => `/profile?workload=${encodeURIComponent(workload)}`;
  return {
    get: (path) => requestJson({ ...target, path }),
    profile: (workload) => requestJson({ ...target, path: of(workload) }),
    changeModel: (workload, model, to) =>
      requestJson({
        ...target,
        method: 'POST',
        path: `/models?workload=${encodeURIComponent(workload)}&model=${encodeURIComponent(model)}&to=${to}`,
      }),
    change: (workload, to) => requestJson({ ...target, method: 'POST', path: `${of(workload)}&to=${to}` }),
  };
}
