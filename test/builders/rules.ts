/** Rule sets of a text, and what they say of records that are seen in order. */
import type { RuleContext, RuleHit, Rules } from '../../agent/alerts/hit.ts';
import { decodeRecords } from '../../agent/events/decode.ts';
import type { Event } from '../../agent/events/event.ts';
import type { Container, ContainerKind, Identity } from '../../agent/identity/container.ts';
import { Processes } from '../../agent/identity/processes.ts';
import { BUILT_IN } from '../../agent/rules/built-in.ts';
import { compileRules } from '../../agent/rules/compile.ts';
import { describeProblem } from '../../agent/rules/document.ts';
import { readRuleFile } from '../../agent/rules/read-file.ts';
import { RuleSet } from '../../agent/rules/rule-set.ts';

export function makeContainer(
  kind: ContainerKind,
  { madeAt = null, ...identity }: Partial<Identity> & { madeAt?: bigint | null } = {},
): Container {
  return {
    id: 'x',
    kind,
    cgroup: 5,
    path: '/x',
    runtime: 'unknown',
    madeAt,
    settled: true,
    identity: {
      name: 'x',
      pod: '',
      podUid: '',
      namespace: '',
      workload: 'w',
      image: '',
      imageDigest: '',
      ...identity,
    },
  };
}

export interface Seen {
  readonly event: Event;
  readonly context: RuleContext;
}

/** Each record with what is known when it comes. */
export function seen(container: Container, ...records: readonly Buffer[]): Seen[] {
  const processes = new Processes();
  return decodeRecords(Buffer.concat(records)).events.map((event) => {
    processes.note(event, container);
    const lineage = processes.lineage(event.process.pid, event.process.start);
    return { event, context: { container, lineage, known: { state: 'learning', seen: 0 } } };
  });
}

/** Hits on the last of the records. */
export function hitsOn(
  rules: Rules,
  container: Container,
  ...records: readonly Buffer[]
): readonly RuleHit[] {
  const last = seen(container, ...records).at(-1);
  if (last === undefined) throw new Error('nothing decoded');
  return rules.hits(last.event, last.context);
}

/** The head of a file that the rest is written behind. */
export const HEAD = 'apiVersion: picket.dev/v1\nkind: PicketRules\n';

/** A rule of one line each; `more` replaces or adds fields. */
export function ruleText(name: string, more: Readonly<Record<string, string>> = {}): string {
  const fields: Record<string, string> = {
    sentence: 'A sentence.',
    on: 'exec',
    severity: 'low',
    summary: 'it ran',
    next: 'Look.',
    ...more,
  };
  const lines = Object.entries(fields).map(([field, value]) => `    ${field}: ${value}\n`);
  return `  - name: ${name}\n${lines.join('')}`;
}

/** The set of one file beside none of ours, or its problems as lines. */
export function rulesOf(text: string): RuleSet | string[] {
  const { found, problems } = readRuleFile('a.yaml', text);
  const made = compileRules([], [found], { builtIn: BUILT_IN });
  const all = [...problems, ...(made instanceof RuleSet ? [] : made)];
  return made instanceof RuleSet && all.length === 0 ? made : all.map(describeProblem);
}

/** @throws when the text has problems. */
export function ruleSet(text: string): RuleSet {
  const made = rulesOf(text);
  if (made instanceof RuleSet) return made;
  throw new Error(made.join('\n'));
}
