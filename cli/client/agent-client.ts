/** The running agent of this machine, through the unix socket in its state folder. */
import { join } from 'node:path';
import { requestJson } from './request.ts';

export interface AgentClient {
  get(path: '/status' | '/workloads' | '/containers' | '/containments'): Promise<unknown>;
}

export function agentClient(stateFolder: string): AgentClient {
  const socketPath = join(stateFolder, 'agent', 'agent.sock');
  return { get: (path) => requestJson({ who: `the agent at ${socketPath}`, tls: false, socketPath, path }) };
}
