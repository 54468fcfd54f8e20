/** Who is told what: the notifiers and silences in force, and a test message to one. */
import { EXIT, UsageError } from '../args.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { safe, table } from '../text.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

interface Answer {
  readonly notifiers: readonly {
    readonly name: string;
    readonly type: string;
    readonly waiting: number;
    readonly match: {
      readonly namespaces: readonly string[];
      readonly clusters: readonly string[];
      readonly events: readonly string[];
      readonly minSeverity: string;
    };
  }[];
  readonly silences: readonly {
    readonly name: string;
    readonly untilMs: number;
    readonly reason: string;
  }[];
}

const all = (list: readonly string[]): string => (list.length === 0 ? 'all' : list.map(safe).join(' '));

function text({ notifiers, silences }: Answer, nowMs: number): string {
  if (notifiers.length === 0)
    return 'nobody is told: there is no notifier (settings notify-file, webhook-url)\n';
  const rows = notifiers.map(({ name, type, waiting, match }) => [
    name,
    type,
    match.minSeverity,
    all(match.namespaces),
    all(match.events),
    String(waiting),
  ]);
  const quiet = silences.map(
    ({ name, untilMs, reason }) =>
      `silence ${safe(name)} ${untilMs > nowMs ? 'until' : 'ended'} ${new Date(untilMs).toISOString()}: ${safe(reason)}\n`,
  );
  return `${table(['NOTIFIER', 'KIND', 'FROM', 'NAMESPACES', 'EVENTS', 'WAITING'], rows)}${quiet.join('')}`;
}

async function run(call: Call): Promise<number> {
  const [verb, name] = call.positionals;
  const client = people(call);
  if (verb === undefined) {
    const answer = (await client.get('/api/v1/notifiers')) as Answer;
    call.io.out(call.json ? `${toJson(answer)}\n` : text(answer, Date.now()));
    return EXIT.ok;
  }
  if (verb !== 'test' || name === undefined) throw new UsageError('notify: wanted nothing, or test NAME');
  const answer = (await client.post(`/api/v1/notifiers/${encodeURIComponent(name)}/test`, {})) as {
    delivered: boolean;
    error: string;
  };
  if (call.json) call.io.out(`${toJson(answer)}\n`);
  else if (answer.delivered) call.io.out(`${safe(name)}: delivered\n`);
  else call.io.error(`picket: ${safe(name)}: not delivered: ${safe(answer.error)}\n`);
  return answer.delivered ? EXIT.ok : EXIT.failed;
}

export const notify: Command = {
  name: 'notify',
  takes: ['[VERB]', '[NAME]'],
  sentence: 'Lists who is told what; `test NAME` sends a test message to one and says what came of it.',
  flags: PEOPLE_FLAGS,
  settings: 'all',
  examples: ['picket notify', 'picket notify test on-call'],
  run,
};
