/** A workload's baseline: what it holds, how it differs from a saved one, and what a person does with it. */
import { readFileSync } from 'node:fs';
import { EXIT, UsageError } from '../args.ts';
import { agentClient } from '../client/agent-client.ts';
import { asProfile, type KnownVersion, type Profile } from '../client/profile.ts';
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

/** Facts that the version did and none that it inherits from, and those that they did and it has not shown. */
function versionFacts(
  { facts }: Profile,
  { bit, parents }: KnownVersion,
): { own: number; fresh: number; absent: number } {
  const all = facts.flatMap(({ values }) => values.map(({ versions }) => versions));
  return {
    own: all.filter((of) => (of & bit) !== 0).length,
    fresh: all.filter((of) => (of & bit) !== 0 && (of & parents) === 0).length,
    absent: all.filter((of) => (of & bit) === 0 && (of & parents) !== 0).length,
  };
}

function versionLines(profile: Profile): string[] {
  if (profile.versions.length === 0) return [];
  const lines = ['', 'Versions of its image, the latest used last:'];
  for (const version of profile.versions) {
    const { own, fresh, absent } = versionFacts(profile, version);
    const changed =
      version.parents === 0 ? '' : `, ${fresh} of them new, ${absent} inherited and not shown yet`;
    const force = version.digest === profile.current ? ', in force' : '';
    lines.push(
      `  ${safe(version.digest)}: ${own} facts in ${version.periods} periods and ${version.starts} starts${changed}${force}`,
    );
  }
  return lines;
}

function showLines(profile: Profile): string[] {
  const { metadata, facts, suspects, admitted, pinned, bytes } = profile;
  const state = `generation ${metadata.generation}, ${(bytes / 1024).toFixed(0)} KiB${pinned ? ', pinned: it learns nothing more' : ''}`;
  const lines = [metadata.name, `  ${state}`, `  after ${metadata.previous.slice(0, 16) || 'none'}`];
  lines.push(...versionLines(profile));
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

/** Facts of the version in force that none before it did, and those of them that it has not shown. */
function versionRows({ facts, versions, current }: Profile): unknown[][] | null {
  const version = versions.find(({ digest }) => digest === current);
  if (version === undefined || version.parents === 0) return null;
  const { bit, parents } = version;
  return facts.flatMap(({ phase, kind, values }) =>
    values.flatMap(({ value, seen, versions: of }) => {
      if ((of & bit) !== 0 && (of & parents) === 0) return [['+', phase, kind, seen, value]];
      return (of & bit) === 0 && (of & parents) !== 0 ? [['-', phase, kind, seen, value]] : [];
    }),
  );
}

function diff(call: Call, now: Profile, file: string | undefined): number {
  const rows =
    file === undefined ? versionRows(now) : diffRows(asProfile(JSON.parse(readFileSync(file, 'utf8'))), now);
  if (rows === null)
    throw new UsageError(
      `profile: ${safe(now.metadata.name)} has one version; diff needs a FILE that profile export wrote`,
    );
  call.io.out(rows.length === 0 ? 'no difference\n' : table(['', 'PHASE', 'KIND', 'SEEN', 'FACT'], rows));
  return rows.length === 0 ? EXIT.ok : EXIT.found;
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
  return diff(call, asProfile(document), file);
}

export const profile: Command = {
  name: 'profile',
  takes: ['ACTION', 'WORKLOAD', '[FILE]'],
  sentence:
    'Shows the baseline of a workload with the versions of its image (show), writes it out (export), compares it with one that was, or the version in force with those before it (diff, exit code 4 when they differ); begins it anew (reset), has it learn nothing more (pin) or again (unpin).',
  flags: {},
  settings: 'all',
  examples: [
    'sudo picket profile show Deployment/web/web',
    'sudo picket profile export web > web.json',
    'sudo picket profile diff web web.json',
    'sudo picket profile diff web',
    'sudo picket profile reset local/shop/Deployment/web/web',
  ],
  run,
};
