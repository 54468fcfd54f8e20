/** How the models of each workload fare, and which version of one speaks. */
import type { Card, WorkloadCards } from '../../agent/models/care/cards.ts';
import type { JudgedDetector } from '../../agent/people-verdicts.ts';
import { EXIT, UsageError } from '../args.ts';
import { type AgentClient, agentClient } from '../client/agent-client.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { ago, safe, table } from '../text.ts';

const ACTIONS = ['list', 'show', 'promote', 'rollback', 'renew'] as const;
type Action = (typeof ACTIONS)[number];
const isAction = (text: string): text is Action => ACTIONS.some((action) => action === text);

/** As the agent answers it; an agent of before there were verdicts says nothing of them. */
type Line = WorkloadCards & { readonly judged?: readonly JudgedDetector[] };

const since = (ms: number | null): string => (ms === null ? '-' : `${ago(Math.max(0, Date.now() - ms))} ago`);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** What deserves a look, most first; nothing to say when all is well. */
function notes({ models, stale, blind, lossy, pinned }: WorkloadCards): string {
  const drifted = models.filter((model) => model.drifted).map(({ model }) => model);
  const beside = models.filter(({ beside: other }) => other?.place === 'candidate').map(({ model }) => model);
  const parts = [
    ...(stale ? ['stale: nothing accepted for a day'] : []),
    ...(blind ? [`hardly seen: ${percent(lossy)} of windows with loss`] : []),
    ...(drifted.length > 0 ? [`drift: ${drifted.join(', ')}`] : []),
    ...(beside.length > 0 ? [`compared: ${beside.join(', ')}`] : []),
    ...(pinned ? ['pinned'] : []),
  ];
  return parts.length === 0 ? '-' : parts.join('; ');
}

function listText(lines: readonly Line[]): string {
  const rows = lines.map((line) => {
    const worst = Math.max(...line.models.map(({ drift }) => drift ?? Number.NEGATIVE_INFINITY));
    return [
      line.workload,
      line.state,
      since(line.bornMs),
      since(line.learntMs),
      percent(line.lossy),
      Number.isFinite(worst) ? worst.toFixed(2) : '-',
      notes(line),
    ];
  });
  return table(['WORKLOAD', 'STATE', 'BEGUN', 'LEARNT', 'LOSSY', 'DRIFT', 'NOTES'], rows);
}

function besideText({ beside, gathered }: Card): string {
  if (beside === null) return gathered === null ? '-' : `${gathered} windows gathered for a newer one`;
  const { windows, live, other, both, liveBits, otherBits } = beside.comparison;
  return `${beside.place}: of ${windows} windows it would tell ${other}, the one that speaks ${live}, both ${both}; mean bits ${otherBits} and ${liveBits}`;
}

/** What people said of alerts that stand on it. */
const judgedCells = (judged: JudgedDetector | undefined): [string, string] =>
  judged === undefined ? ['-', '-'] : [String(judged.hits), String(judged.falseAlarms)];

const judgedRow = (judged: JudgedDetector): string[] => [judged.detector, ...judgedCells(judged)];

function showText(line: Line): string {
  const judged = new Map((line.judged ?? []).map((one) => [one.detector, one]));
  const rows = line.models.map((model) => [
    model.model,
    model.version,
    model.learnt,
    model.drift === null ? '-' : `${model.drift.toFixed(2)}${model.drifted ? ' !' : ''}`,
    model.told,
    ...judgedCells(judged.get(model.model)),
    besideText(model),
  ]);
  const changes = line.changes.map(
    ([model, change, by, atMs]) => `  ${new Date(atMs).toISOString()}  ${safe(model)} ${change} by ${by}`,
  );
  const names = new Set(line.models.map(({ model }) => model));
  const others = [...judged.values()].filter(({ detector }) => !names.has(detector)).map(judgedRow);
  return [
    safe(line.workload),
    `  ${line.state}, begun ${since(line.bornMs)}, learnt ${since(line.learntMs)}, ${percent(line.lossy)} of windows with loss`,
    `  ${notes(line)}`,
    '',
    table(['MODEL', 'VERSION', 'LEARNT', 'DRIFT', 'TOLD', 'REAL', 'FALSE', 'BESIDE'], rows),
    ...(others.length === 0 ? [] : [table(['RULE', 'REAL', 'FALSE'], others)]),
    ...(changes.length === 0 ? [] : ['changes:', ...changes, '']),
  ].join('\n');
}

/** The line of a workload, from its key or the end of it that only one has. @throws UsageError */
function lineOf(lines: readonly Line[], asked: string): Line {
  const exact = lines.filter(({ workload }) => workload === asked);
  const found = exact.length > 0 ? exact : lines.filter(({ workload }) => workload.endsWith(`/${asked}`));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new UsageError(
    found.length === 0
      ? `models: no workload "${asked}"; see picket models list`
      : `models: "${asked}" is any of ${found.map(({ workload }) => workload).join(', ')}`,
  );
}

async function linesOf(agent: AgentClient): Promise<readonly Line[]> {
  return ((await agent.get('/models')) as { models: Line[] }).models;
}

async function run(call: Call): Promise<number> {
  const [action = 'list', asked = '', model = 'calibration'] = call.positionals;
  if (!isAction(action)) throw new UsageError(`models: "${action}" is none of ${ACTIONS.join(', ')}`);
  const agent = agentClient(call.values['state-folder']);
  const lines = await linesOf(agent);
  if (action === 'list') {
    call.io.out(call.json ? `${toJson({ models: lines })}\n` : listText(lines));
    return EXIT.ok;
  }
  const line = lineOf(lines, asked);
  if (action === 'show') {
    call.io.out(call.json ? `${toJson(line)}\n` : showText(line));
    return EXIT.ok;
  }
  await agent.changeModel(line.workload, model, action);
  call.io.out(`${safe(line.workload)}: ${safe(model)} ${action}\n`);
  return EXIT.ok;
}

export const models: Command = {
  name: 'models',
  takes: ['[ACTION]', '[WORKLOAD]', '[MODEL]'],
  sentence:
    'Lists how the models of each workload fare (list): age, last learning, windows with loss, drift; shows one with its versions and what newer ones would have told (show); has a newer one speak (promote) or the one before again (rollback), or gathers a newer calibration (renew).',
  flags: {},
  settings: 'all',
  examples: [
    'sudo picket models',
    'sudo picket models show Deployment/web/web',
    'sudo picket models promote Deployment/web/web calibration',
    'sudo picket models rollback Deployment/web/web shape',
  ],
  run,
};
