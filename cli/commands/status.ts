/** The state of the agent and of central on this machine; one that does not answer is said so. */
import { EXIT } from '../args.ts';
import { agentClient } from '../client/agent-client.ts';
import { UnreachableError } from '../client/unreachable.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { safe } from '../text.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

type Part =
  | { readonly reachable: true; readonly answer: unknown }
  | { readonly reachable: false; readonly why: string };

async function ask(request: () => Promise<unknown>): Promise<Part> {
  try {
    return { reachable: true, answer: await request() };
  } catch (error) {
    if (error instanceof UnreachableError) return { reachable: false, why: error.message };
    throw error;
  }
}

/** Nested members as indented `name: value` lines; lists of plain values on one line. */
export function outline(value: unknown, indent = '  '): string[] {
  if (typeof value !== 'object' || value === null) return [`${indent}${safe(value)}`];
  return Object.entries(value).flatMap(([name, member]) => {
    if (Array.isArray(member) && member.every((each) => typeof each !== 'object'))
      return [`${indent}${safe(name)}: ${member.map(safe).join(', ') || 'none'}`];
    if (Array.isArray(member))
      return [`${indent}${safe(name)}:`, ...member.map((each) => `${indent}  ${inline(each)}`)];
    if (typeof member === 'object' && member !== null) {
      return Object.keys(member).length === 0
        ? [`${indent}${safe(name)}: none`]
        : [`${indent}${safe(name)}:`, ...outline(member, `${indent}  `)];
    }
    return [`${indent}${safe(name)}: ${safe(member ?? 'none')}`];
  });
}

const inline = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? Object.entries(value)
        .filter(([, member]) => member !== null)
        .map(
          ([name, member]) =>
            `${safe(name)}=${safe(typeof member === 'object' ? JSON.stringify(member) : member)}`,
        )
        .join(' ')
    : safe(value);

const partText = (name: string, part: Part): string =>
  part.reachable
    ? [name, ...outline(part.answer), ''].join('\n')
    : `${name}\n  not reachable: ${safe(part.why)}\n`;

async function run(call: Call): Promise<number> {
  const agent = await ask(() => agentClient(call.values['state-folder']).get('/status'));
  const central = await ask(async () => people(call).get('/api/v1/status'));
  call.io.out(
    call.json
      ? `${toJson({ agent, central })}\n`
      : `${partText('agent', agent)}${partText('central', central)}`,
  );
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
