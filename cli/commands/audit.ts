/** Whether the table of what was done, and by whom, is as it was written. */
import { EXIT, UsageError } from '../args.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { count, safe } from '../text.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

interface Verdict {
  readonly whole: boolean;
  /** Left out by centrals of before lines had a time. */
  readonly pruned?: number;
  readonly lines: number;
  readonly head: { readonly line: number; readonly hash: string };
  readonly broken: { readonly line: number; readonly because: string } | null;
  /** Left out by centrals of before it was told. */
  readonly unproved?: readonly number[];
}

async function run(call: Call): Promise<number> {
  const { io } = call;
  const [what] = call.positionals;
  if (what !== 'verify') throw new UsageError(`audit: ${JSON.stringify(what)}: there is verify`);
  const from = call.flags['from'];
  const query = from === undefined ? '' : `?from=${encodeURIComponent(String(from))}`;
  const verdict = (await people(call).get(`/api/v1/audit${query}`)) as Verdict;
  const { whole, pruned = 0, lines, head, broken, unproved = [] } = verdict;
  if (call.json) io.out(`${toJson(verdict)}\n`);
  else {
    io.out(`${count(lines, 'line')}, the last is ${head.line}:${safe(head.hash)}\n`);
    if (pruned > 0) io.out(`the first ${pruned} are not kept any more; the chain is followed from there\n`);
    for (const line of unproved)
      io.out(`NOT PROVED: line ${line} is not kept any more and cannot be compared\n`);
    if (broken !== null) io.out(`BROKEN at line ${broken.line}: ${safe(broken.because)}\n`);
    else if (whole) io.out('whole\n');
  }
  return whole ? EXIT.ok : EXIT.failed;
}

export const audit: Command = {
  name: 'audit',
  takes: ['verify'],
  sentence:
    'Follows the chain of all that was done from its first line: any change, deletion, reorder or cut end is told, and the exit code is 1.',
  flags: {
    from: {
      value: 'LINE:HASH',
      sentence:
        'A last line that you noted before: it has to be there still. Without it the end that central itself noted is looked for.',
    },
    ...PEOPLE_FLAGS,
  },
  settings: 'all',
  examples: ['picket audit verify', 'picket audit verify --from 41:9f0c...'],
  run,
};
