/** What could not be delivered, to whom, and why. */
import { EXIT } from '../args.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { ago, count, safe, table } from '../text.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

interface Letter {
  readonly atMs: number;
  readonly notifier: string;
  readonly event: string;
  readonly error: string;
  readonly tries: number;
  readonly notification: { readonly incident: string; readonly title: string } | null;
}

function text(letters: readonly Letter[], nowMs: number): string {
  if (letters.length === 0) return 'no dead letters: everything was delivered\n';
  const rows = letters.map(({ atMs, notifier, event, error, tries, notification }) => [
    `${ago(nowMs - atMs)} ago`,
    safe(notifier),
    event,
    count(tries, 'try', 'tries'),
    safe(error),
    safe(notification?.incident ?? ''),
    safe(notification?.title ?? ''),
  ]);
  return table(['GIVEN UP', 'NOTIFIER', 'EVENT', 'AFTER', 'WHY', 'INCIDENT', 'TITLE'], rows);
}

async function run(call: Call): Promise<number> {
  const answer = (await people(call).get('/api/v1/dead-letters')) as { deadLetters: Letter[] };
  call.io.out(call.json ? `${toJson(answer)}\n` : text(answer.deadLetters, Date.now()));
  return EXIT.ok;
}

export const deadLetters: Command = {
  name: 'dead-letters',
  takes: [],
  sentence: 'Lists the notifications that were given up, newest first.',
  flags: PEOPLE_FLAGS,
  settings: 'all',
  examples: ['picket dead-letters'],
  run,
};
