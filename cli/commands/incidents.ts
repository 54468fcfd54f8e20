/** Incidents of central: the list, or one with its story. */
import { byUrgency } from '../../central/correlate/assess.ts';
import { EXIT, UsageError } from '../args.ts';
import type { IncidentAnswer, IncidentLine } from '../client/answers.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { ago, safe, table, timeOfDay } from '../text.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

const STATES = ['open', 'awaiting', 'contained', 'released', 'expired', 'closed'];

/** The first container, and how many more there are. */
function where(involved: IncidentLine['involved']): string {
  const [first] = involved;
  if (first === undefined) return '';
  const more = involved.length > 1 ? ` and ${involved.length - 1} more` : '';
  return `${first.pod || first.name || first.id.slice(0, 12)}${more}`;
}

function listText(incidents: readonly IncidentLine[]): string {
  if (incidents.length === 0) return 'no incidents\n';
  const rows = incidents.map((each) => [
    String(each.priority),
    each.id,
    each.state,
    each.severity,
    each.rank == null ? '' : each.rank.toFixed(2),
    `${ago(Date.now() - each.lastMs)} ago`,
    where(each.involved),
    each.title,
  ]);
  return table(['PRIORITY', 'INCIDENT', 'STATE', 'SEVERITY', 'REAL?', 'LAST', 'CONTAINERS', 'TITLE'], rows);
}

function planLines(plans: IncidentAnswer['plans']): string[] {
  const latest = plans.toSorted((a, b) => b.madeMs - a.madeMs)[0];
  if (latest === undefined) return [];
  const steps = latest.steps.map(
    ({ verdict, target, because }) =>
      `  [${verdict}] ${safe(target.pod || target.name || target.id.slice(0, 12))}: because ${safe(because)}`,
  );
  return ['', 'Plan:', ...steps];
}

function whoLine({ user, groups, sources, userAgent }: IncidentAnswer['identities'][number]): string {
  const from = sources.length === 0 ? '' : ` from ${sources.map(safe).join(', ')}`;
  const of = groups.length === 0 ? '' : ` (${groups.map(safe).join(', ')})`;
  return `  ${safe(user)}${of}${from}${userAgent === '' ? '' : ` with ${safe(userAgent)}`}`;
}

function storyText(incident: IncidentAnswer): string {
  const { steps, plans } = incident;
  const waits = plans.find(({ state }) => state === 'proposed');
  const read = waits === undefined ? '' : ` --plan ${waits.id}`;
  return [
    `${incident.id}  ${safe(incident.title)}`,
    `${incident.severity}, ${incident.state}, stage ${incident.stage}, confidence ${incident.confidence.toFixed(2)}`,
    `priority ${incident.priority}: ${incident.reasons.map(safe).join(', ') || 'not assessed'}`,
    `techniques: ${incident.techniques.map(safe).join(' ') || 'none'}`,
    ...incident.findings.map((sentence) => safe(sentence)),
    '',
    'Containers:',
    ...incident.involved.map(
      (one) => `  ${one.id.slice(0, 12)}  ${safe(one.workload)}  on ${safe(one.node)}`,
    ),
    '',
    ...(incident.identities.length === 0 ? [] : ['Who:', ...incident.identities.map(whoLine), '']),
    'What happened:',
    ...incident.timeline.map(
      ({ atMs, kind, text }) => `  ${timeOfDay(atMs)}  ${kind.padEnd(9)}  ${safe(text)}`,
    ),
    ...planLines(plans),
    ...(steps.length > 0 ? ['', 'What was done:'] : []),
    ...steps
      .toSorted((a, b) => a.atMs - b.atMs)
      .map(({ atMs, actor, text }) => `  ${timeOfDay(atMs)}  ${safe(actor)}  ${safe(text.split('\n')[0])}`),
    ...(incident.state === 'awaiting'
      ? ['', `Waits for a person: picket approve ${incident.id}${read}`]
      : []),
    '',
  ].join('\n');
}

function query({ flags }: Call): URLSearchParams {
  const state = typeof flags['state'] === 'string' ? { state: flags['state'] } : {};
  return new URLSearchParams({ ...state, ...(flags['by-rank'] === true ? { order: 'rank' } : {}) });
}

async function run(call: Call): Promise<number> {
  const [id] = call.positionals;
  const state = call.flags['state'];
  if (state !== undefined && !STATES.includes(String(state)))
    throw new UsageError(`incidents: --state ${state} is not one of ${STATES.join(', ')}`);
  const client = people(call);
  const path =
    id === undefined ? `/api/v1/incidents?${query(call)}` : `/api/v1/incidents/${encodeURIComponent(id)}`;
  const answer = await client.get(path);
  if (call.json) call.io.out(`${toJson(answer)}\n`);
  else if (id === undefined) {
    const found = (answer as { incidents: IncidentLine[] }).incidents;
    call.io.out(listText(call.flags['by-rank'] === true ? found : found.toSorted(byUrgency)));
  } else call.io.out(storyText(answer as IncidentAnswer));
  return EXIT.ok;
}

export const incidents: Command = {
  name: 'incidents',
  takes: ['[ID]'],
  sentence: 'Lists the incidents of central, the most urgent first, or tells the story of one.',
  flags: {
    state: { value: 'STATE', sentence: `Only those in a state: ${STATES.join(', ')}.` },
    'by-rank': { sentence: 'Those that are likeliest real first, as learnt from verdicts.' },
    ...PEOPLE_FLAGS,
  },
  settings: 'all',
  examples: ['sudo picket incidents --state contained', 'sudo picket incidents inc-4f0c91'],
  run,
};
