/** A workload's baseline: what it holds, how it differs from a saved one, and what a person does with it. */
import { readFileSync } from 'node:fs';
import { EXIT, UsageError } from '../args.ts';
import { agentClient } from '../client/agent-client.ts';
import { asProfile, type Profile } from '../client/profile.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { safe, table } from '../text.ts';

const ACTIONS = ['show', 'diff', 'reset', 'pin', 'unpin', 'export'] as const;
type Action = (typeof ACTIONS)[number];
/** Facts shown of a kind; all of them are in the export. */
const SHOWN = 12;

/** The workload's key, from a part of it that only one has. @throws UsageError */
async function keyOf(call: Call, asked: string): Promise<string> {
  const answer = await agentClient(call.values['state-folder']).get('/workloads');
  const keys = (answer as { workloads: { workload: string }[] }).workloads.map(({ workload }) => workload);
  if (keys.includes(asked)) return asked;
  const found = keys.filter((key) => key.endsWith(`/${asked}`));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new UsageError(
    found.length === 0
      ? `profile: no workload "${asked}"; see picket workloads`
      : `profile: "${asked}" is any of ${found.join(', ')}`,
  );
}

function showLines({ metadata, facts, suspects, admitted, pinned, bytes }: Profile): string[] {
  const state = `generation ${metadata.generation}, ${(bytes / 1024).toFixed(0)} KiB${pinned ? ', pinned: it learns nothing more' : ''}`;
  const lines = [metadata.name, `  ${state}`, `  after ${metadata.previous.slice(0, 16) || 'none'}`];
  for (const { phase, kind, values, periods, evicted } of facts) {
    const forgotten = evicted > 0 ? `, ${evicted} forgotten for room` : '';
    lines.push('', `${phase} ${kind}: ${values.length} in ${periods} periods${forgotten}`);
    const top = values.toSorted((a, b) => b.seen - a.seen).slice(0, SHOWN);
    lines.push(...top.map(({ value, seen }) => `  ${String(seen).padStart(7)}  ${safe(value)}`));
  }
  if (suspects.length > 0)
    lines.push('', 'Called strange and not learnt, with the periods in which it came:');
  lines.push(
    ...suspects.map(([kind, value, periods]) => `  ${String(periods).padStart(7)}  ${kind} ${safe(value)}`),
  );
  if (admitted.count > 0)
    lines.push(
      '',
      `Learnt though called strange: ${admitted.count}, which would be told to this day had learning been off:`,
    );
  lines.push(
    ...admitted.latest.map(
      ([kind, value, periods]) => `  ${String(periods).padStart(7)}  ${kind} ${safe(value)}`,
    ),
  );
  return lines;
}

/** Facts by phase and kind that only one of the two has. */
function diffRows(before: Profile, now: Profile): unknown[][] {
  const rows: unknown[][] = [];
  for (const { phase, kind, values } of now.facts) {
    const other = before.facts.find((each) => each.phase === phase && each.kind === kind);
    const known = new Set(other?.values.map(({ value }) => value));
    const here = new Set(values.map(({ value }) => value));
    for (const { value, seen } of values) if (!known.has(value)) rows.push(['+', phase, kind, seen, value]);
    for (const { value, seen } of other?.values ?? [])
      if (!here.has(value)) rows.push(['-', phase, kind, seen, value]);
  }
  return rows;
}

async function run(call: Call): Promise<number> {
  const [action = '', asked = '', file] = call.positionals;
  if (!ACTIONS.includes(action as Action))
    throw new UsageError(`profile: "${action}" is none of ${ACTIONS.join(', ')}`);
  const agent = agentClient(call.values['state-folder']);
  const workload = await keyOf(call, asked);
  if (action === 'reset' || action === 'pin' || action === 'unpin') {
    await agent.change(workload, action);
    call.io.out(`${safe(workload)}: ${action}\n`);
    return EXIT.ok;
  }
  const document = await agent.profile(workload);
  if (action === 'export' || call.json) {
    call.io.out(`${toJson(document)}\n`);
    return EXIT.ok;
  }
  if (action === 'show') {
    call.io.out(`${showLines(asProfile(document)).join('\n')}\n`);
    return EXIT.ok;
  }
  if (file === undefined) throw new UsageError('profile: diff needs a FILE that profile export wrote');
  const before = asProfile(JSON.parse(readFileSync(file, 'utf8')));
  const rows = diffRows(before, asProfile(document));
  call.io.out(rows.length === 0 ? 'no difference\n' : table(['', 'PHASE', 'KIND', 'SEEN', 'FACT'], rows));
  return rows.length === 0 ? EXIT.ok : EXIT.found;
}

export const profile: Command = {
  name: 'profile',
  takes: ['ACTION', 'WORKLOAD', '[FILE]'],
  sentence:
    'Shows the baseline of a workload (show), writes it out (export) or compares it with one that was (diff, exit code 4 when they differ); begins it anew (reset), has it learn nothing more (pin) or again (unpin).',
  flags: {},
  settings: 'all',
  examples: [
    'sudo picket profile show Deployment/web/web',
    'sudo picket profile export web > web.json',
    'sudo picket profile diff web web.json',
    'sudo picket profile reset local/shop/Deployment/web/web',
  ],
  run,
};
