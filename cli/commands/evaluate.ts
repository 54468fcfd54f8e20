/** Judges the detectors on recorded data: the same models as in the agent, one configuration for all sets. */
import { nearest, UsageError } from '../args.ts';
import type { Call, Command } from '../command.ts';
import { FLAGS, SUBJECTS } from '../evaluate/index.ts';

function find(name: string): (typeof SUBJECTS)[string] {
  const subject = SUBJECTS[name];
  if (subject !== undefined) return subject;
  const meant = nearest(name, Object.keys(SUBJECTS));
  const hint = meant === null ? `one of ${Object.keys(SUBJECTS).join(', ')}` : `did you mean ${meant}?`;
  throw new UsageError(`evaluate: no subject ${JSON.stringify(name)}; ${hint}`);
}

async function run(call: Call): Promise<number> {
  const [name = ''] = call.positionals;
  const subject = find(name);
  for (const flag of Object.keys(call.flags))
    if (!subject.flags.includes(flag)) throw new UsageError(`evaluate ${name}: takes no --${flag}`);
  const judge = await subject.load();
  return judge(call);
}

const subjects = Object.entries(SUBJECTS).map(([name, { sentence }]) => `${name} (${sentence})`);

export const evaluate: Command = {
  name: 'evaluate',
  takes: ['SUBJECT'],
  sentence: `Judges the detectors on recorded data; SUBJECT is ${subjects.join(' or ')}.`,
  flags: FLAGS,
  settings: 'none',
  examples: [
    'picket evaluate traces --train normal.ndjson.gz --test unseen.ndjson.gz --out scores.ndjson',
    'picket evaluate report --data ../data',
  ],
  run,
};
