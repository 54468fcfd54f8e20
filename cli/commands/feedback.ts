/** A person says whether an alert or incident was real; of a false one, an exception can follow. */
import { EXIT, UsageError } from '../args.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { count, safe } from '../text.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

interface Proposal {
  readonly name: string;
  readonly workload: string;
  readonly detector: string | null;
  readonly facts: Readonly<Record<string, string>>;
  readonly broad?: boolean;
}
interface Preview {
  readonly of: number;
  readonly alerts: number;
  readonly incidents: readonly string[];
  readonly called: readonly string[];
}
interface Given {
  readonly verdict: { readonly id: string };
  readonly proposals: readonly Proposal[];
  readonly preview: Preview | null;
}

const KINDS: Readonly<Record<string, string>> = {
  true: 'true-positive',
  real: 'true-positive',
  false: 'false-positive',
};

/** One exception in words. */
export function exceptionText({ workload, detector, facts, broad }: Proposal): string {
  const said = Object.entries(facts).map(([key, value]) => `${safe(key)}=${safe(value)}`);
  const what = said.length === 0 ? 'whatever it is about' : said.join(' ');
  return `${safe(workload)}: ${safe(detector ?? 'any detector')}, ${what}${broad === true ? ' (BROAD: no fact of it would come again)' : ''}`;
}

export function previewText({ of, alerts, incidents, called }: Preview): string {
  const days = `of ${count(of, 'alert')} of its workloads in the last 7 days`;
  const hidden = `would have hidden ${alerts} ${days}, and ${count(incidents.length, 'incident')} as a whole`;
  return called.length === 0
    ? hidden
    : `${hidden}; ${count(called.length, 'alert')} of them were called real`;
}

function text({ verdict, proposals, preview }: Given): string {
  const lines = [`verdict ${verdict.id} is kept`];
  if (preview === null || proposals.length === 0) return `${lines[0]}\n`;
  lines.push('', 'The narrowest exceptions that would keep the like of it out:');
  for (const one of proposals) lines.push(`  ${exceptionText(one)}`);
  lines.push(
    `They ${previewText(preview)}.`,
    `Put them in force: picket exceptions make ${verdict.id} --for 30d`,
    '',
  );
  return lines.join('\n');
}

async function run(call: Call): Promise<number> {
  const [id = '', said = ''] = call.positionals;
  const verdict = KINDS[said];
  if (verdict === undefined)
    throw new UsageError(`feedback: ${JSON.stringify(said)} is neither true nor false`);
  const reason = call.flags['reason'];
  if (typeof reason !== 'string') throw new UsageError('feedback: --reason is wanted');
  const subject = id.startsWith('inc-') ? { incident: id } : { alert: id };
  const answer = (await people(call).post('/api/v1/feedback', { ...subject, verdict, reason })) as Given;
  call.io.out(call.json ? `${toJson(answer)}\n` : text(answer));
  return EXIT.ok;
}

export const feedback: Command = {
  name: 'feedback',
  takes: ['INCIDENT|ALERT', 'true|false'],
  sentence: 'Says whether an incident or alert was real; of a false one, shows the narrowest exception.',
  flags: { reason: { value: 'TEXT', sentence: 'Why; kept with the verdict.' }, ...PEOPLE_FLAGS },
  settings: 'all',
  examples: ['picket feedback inc-4f0c91 false --reason "the nightly backup"'],
  run,
};
