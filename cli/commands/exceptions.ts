/** What people said is normal: the exceptions in force, making them from a verdict, and taking them back. */
import { EXIT, UsageError } from '../args.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { ago, safe, table } from '../text.ts';
import { exceptionText, previewText } from './feedback.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

interface Listed {
  readonly name: string;
  readonly workload: string;
  readonly detector: string | null;
  readonly facts: Readonly<Record<string, string>>;
  readonly reason: string;
  readonly actor: string;
  /** null: does not end. */
  readonly expiresMs: number | null;
  readonly state: 'in force' | 'ended' | 'revoked';
  readonly hits: number;
  readonly lastHitMs: number;
}
interface Made {
  readonly exceptions: readonly Listed[];
  readonly preview: Parameters<typeof previewText>[0];
}

/** In words where it is near: a date alone would say nothing of an hour. */
function endText(expiresMs: number | null, nowMs: number): string {
  if (expiresMs === null) return 'never';
  const leftMs = expiresMs - nowMs;
  return leftMs > 0 && leftMs < 172_800_000
    ? `in ${ago(leftMs)}`
    : new Date(expiresMs).toISOString().slice(0, 10);
}

function listText(all: readonly Listed[], nowMs: number): string {
  if (all.length === 0) return 'no exceptions\n';
  const rows = all.map((one) => [
    safe(one.name),
    one.state,
    endText(one.expiresMs, nowMs),
    one.hits === 0 ? '0' : `${one.hits}, last ${ago(nowMs - one.lastHitMs)} ago`,
    safe(one.actor),
    exceptionText(one),
    safe(one.reason),
  ]);
  return table(['EXCEPTION', 'STATE', 'ENDS', 'HITS', 'BY', 'WHAT', 'WHY'], rows);
}

function madeText({ exceptions: made, preview }: Made, nowMs: number): string {
  const [first] = made;
  return [
    ...made.map((one) => `exception ${safe(one.name)}: ${exceptionText(one)}`),
    `They ${previewText(preview)}.`,
    ...(first === undefined
      ? []
      : [
          `In force until it ends (${endText(first.expiresMs, nowMs)}), on every node within some seconds. picket exceptions: what each kept out`,
          `Take one back: picket exceptions revoke ${safe(first.name)}`,
        ]),
    '',
  ].join('\n');
}

async function run(call: Call): Promise<number> {
  const [verb, id] = call.positionals;
  const client = people(call);
  const said = call.flags['reason'];
  if (verb === undefined) {
    const answer = (await client.get('/api/v1/exceptions')) as { exceptions: Listed[] };
    call.io.out(call.json ? `${toJson(answer)}\n` : listText(answer.exceptions, Date.now()));
    return EXIT.ok;
  }
  if (id === undefined) throw new UsageError(`exceptions: ${verb} of what?`);
  if (verb === 'make') {
    const lease = call.flags['for'];
    const asked = {
      verdict: id,
      ...(typeof said === 'string' ? { reason: said } : {}),
      ...(typeof lease === 'string' ? { lease } : {}),
    };
    const answer = (await client.post('/api/v1/exceptions', asked)) as Made;
    call.io.out(call.json ? `${toJson(answer)}\n` : madeText(answer, Date.now()));
    return EXIT.ok;
  }
  if (verb !== 'revoke')
    throw new UsageError(`exceptions: ${JSON.stringify(verb)} is neither make nor revoke`);
  const answer = await client.post(`/api/v1/exceptions/${encodeURIComponent(id)}/revoke`, {
    reason: typeof said === 'string' ? said : 'asked for on the command line',
  });
  call.io.out(call.json ? `${toJson(answer)}\n` : `exception ${safe(id)} is revoked\n`);
  return EXIT.ok;
}

export const exceptions: Command = {
  name: 'exceptions',
  takes: ['[VERB]', '[ID]'],
  sentence:
    'Lists what people said is normal, with its end and its hits; `make VERDICT` puts in force what a false verdict proposes, `revoke NAME` takes one back.',
  flags: {
    for: { value: 'DURATION', sentence: 'How long it lasts, such as 7d; default: 30d, at most 365d.' },
    reason: { value: 'TEXT', sentence: 'Why; kept with it. Default of make: what the verdict says.' },
    ...PEOPLE_FLAGS,
  },
  settings: 'all',
  examples: [
    'picket exceptions',
    'picket exceptions make fbk-12ab --for 14d',
    'picket exceptions revoke fp-90cd',
  ],
  run,
};
