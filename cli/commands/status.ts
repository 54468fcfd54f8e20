/** The state of the agent and of central on this machine; one that does not answer is said so. */
import { EXIT } from '../args.ts';
import { agentClient } from '../client/agent-client.ts';
import type { AgentReport, CentralReport } from '../client/answers.ts';
import { NotHereError, UnreachableError } from '../client/unreachable.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { agentLines, centralLines } from '../status-text.ts';
import { safe } from '../text.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

type Part =
  | { readonly reachable: true; readonly answer: unknown }
  | { readonly reachable: false; readonly elsewhere: boolean; readonly why: string };

async function ask(request: () => Promise<unknown>): Promise<Part> {
  try {
    return { reachable: true, answer: await request() };
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    return { reachable: false, elsewhere: error instanceof NotHereError, why: error.message };
  }
}

function partText<T>(name: string, part: Part, lines: (answer: T) => string[]): string {
  if (part.reachable) return `${lines(part.answer as T).join('\n')}\n`;
  return `${name}\n  ${part.elsewhere ? 'not here' : 'not reachable'}: ${safe(part.why)}\n`;
}

async function run(call: Call): Promise<number> {
  const agent = await ask(() => agentClient(call.values['state-folder']).get('/status'));
  const central = await ask(async () => people(call).get('/api/v1/status'));
  if (call.json) call.io.out(`${toJson({ agent, central })}\n`);
  else {
    const ofAgent = partText<AgentReport>('agent', agent, (report) => agentLines(report, Date.now()));
    call.io.out(`${ofAgent}\n${partText<CentralReport>('central', central, centralLines)}`);
  }
  return agent.reachable || central.reachable ? EXIT.ok : EXIT.unreachable;
}

export const status: Command = {
  name: 'status',
  takes: [],
  sentence: 'Shows the state of the agent and of central; exit code 3 when neither answers.',
  flags: PEOPLE_FLAGS,
  settings: 'all',
  examples: ['sudo picket status', 'sudo picket status --json'],
  run,
};
