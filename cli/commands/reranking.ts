/** The model that orders incidents by what people said before: what it holds, how good it is, which version is in force. */
import { EXIT } from '../args.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { safe, table } from '../text.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

interface View {
  readonly choice: string;
  readonly inForce: string | null;
  readonly verdicts: {
    readonly truePositives: number;
    readonly falsePositives: number;
    readonly least: number;
  };
  readonly models: readonly {
    readonly madeMs: number;
    readonly place: string;
    readonly model: {
      readonly version: string;
      readonly truePositives: number;
      readonly falsePositives: number;
      readonly weights: Readonly<Record<string, number>>;
    };
  }[];
  readonly judged: readonly {
    readonly workload: string;
    readonly detector: string;
    readonly hits: number;
    readonly falseAlarms: number;
  }[];
  readonly contest: {
    readonly truePositives: number;
    readonly falsePositives: number;
    readonly inForce: number;
    readonly candidate: number;
  } | null;
  readonly validation: {
    readonly labelFree: number;
    readonly reranked: number;
    readonly folds: number;
  } | null;
}

/** Of what was said by workload and detector; --json has all. */
const LISTED = 40;

function besideText(contest: View['contest']): string {
  if (contest === null) return 'beside it: no newer one';
  const { truePositives, falsePositives, inForce, candidate } = contest;
  return `beside it a newer one: of ${truePositives} real and ${falsePositives} false verdicts since it was made it orders ${candidate.toFixed(3)}, the one in force ${inForce.toFixed(3)}`;
}

function text({ choice, inForce, verdicts, models, validation, contest, judged }: View): string {
  const { truePositives, falsePositives, least } = verdicts;
  const rows = models.map(({ madeMs, model, place }) => [
    model.version,
    place,
    new Date(madeMs).toISOString().slice(0, 16),
    `${model.truePositives} real, ${model.falsePositives} false`,
    Object.entries(model.weights)
      .filter(([, weight]) => weight > 0)
      .sort(([, a], [, b]) => b - a)
      .slice(0, 5)
      .map(([name, weight]) => `${safe(name)} ${weight.toFixed(2)}`)
      .join(', '),
  ]);
  const said = judged
    .slice(0, LISTED)
    .map(({ workload, detector, hits, falseAlarms }) => [
      safe(workload),
      safe(detector),
      String(hits),
      String(falseAlarms),
    ]);
  const held = validation;
  return [
    `in force: ${inForce ?? 'none'} (chosen: ${safe(choice)})`,
    `verdicts: ${truePositives} real, ${falsePositives} false; it is trained from ${least} of each on`,
    besideText(contest),
    held === null
      ? 'order of held-back verdicts: too few to say'
      : `order of held-back verdicts (${held.folds} folds): ${held.reranked.toFixed(3)} re-ranked, ${held.labelFree.toFixed(3)} without any verdict`,
    ...(rows.length === 0
      ? []
      : ['', table(['VERSION', 'PLACE', 'MADE', 'FROM', 'STRONGEST WEIGHTS'], rows).trimEnd()]),
    ...(said.length === 0 ? [] : ['', table(['WORKLOAD', 'DETECTOR', 'REAL', 'FALSE'], said).trimEnd()]),
    '',
  ].join('\n');
}

async function run(call: Call): Promise<number> {
  const [choice] = call.positionals;
  const client = people(call);
  const answer =
    choice === undefined
      ? await client.get('/api/v1/reranking')
      : await client.post('/api/v1/reranking', { use: choice });
  call.io.out(call.json ? `${toJson(answer)}\n` : text(answer as View));
  return EXIT.ok;
}

export const reranking: Command = {
  name: 'reranking',
  takes: ['[latest|off|VERSION]'],
  sentence:
    'Shows the model that orders incidents by what people said of earlier ones, beside the order without it, a newer one that is compared with it, and how often each detector was right and wrong about each workload; switches it off, to a version, or back to the one promoted last (latest).',
  flags: PEOPLE_FLAGS,
  settings: 'all',
  examples: ['picket reranking', 'picket reranking off', 'picket reranking latest'],
  run,
};
