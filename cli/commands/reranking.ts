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
    readonly model: {
      readonly version: string;
      readonly truePositives: number;
      readonly falsePositives: number;
      readonly weights: Readonly<Record<string, number>>;
    };
  }[];
  readonly validation: {
    readonly labelFree: number;
    readonly reranked: number;
    readonly folds: number;
  } | null;
}

function text({ choice, inForce, verdicts, models, validation }: View): string {
  const { truePositives, falsePositives, least } = verdicts;
  const rows = models.map(({ madeMs, model }) => [
    model.version,
    new Date(madeMs).toISOString().slice(0, 16),
    `${model.truePositives} real, ${model.falsePositives} false`,
    Object.entries(model.weights)
      .filter(([, weight]) => weight > 0)
      .sort(([, a], [, b]) => b - a)
      .slice(0, 5)
      .map(([name, weight]) => `${safe(name)} ${weight.toFixed(2)}`)
      .join(', '),
  ]);
  const held = validation;
  return [
    `in force: ${inForce ?? 'none'} (chosen: ${safe(choice)})`,
    `verdicts: ${truePositives} real, ${falsePositives} false; it is trained from ${least} of each on`,
    held === null
      ? 'order of held-back verdicts: too few to say'
      : `order of held-back verdicts (${held.folds} folds): ${held.reranked.toFixed(3)} re-ranked, ${held.labelFree.toFixed(3)} without any verdict`,
    '',
    ...(rows.length === 0 ? [] : [table(['VERSION', 'MADE', 'FROM', 'STRONGEST WEIGHTS'], rows)]),
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
    'Shows the model that orders incidents by what people said of earlier ones, beside the order without it; switches it off or back.',
  flags: PEOPLE_FLAGS,
  settings: 'all',
  examples: ['picket reranking', 'picket reranking off'],
  run,
};
