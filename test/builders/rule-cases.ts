/** Cases of rules: records as they would be seen, what is expected of them, and which behaviours they prove. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Rules } from '../../agent/alerts/hit.ts';
import { LAYOUT } from '../../agent/events/layout.ts';
import type { ContainerKind } from '../../agent/identity/container.ts';
import { answer, question } from './dns.ts';
import {
  actionRecord,
  dnsRecord,
  execRecord,
  flowRecord,
  novelRecord,
  openRecord,
  SECOND,
} from './records.ts';
import { makeContainer, seen } from './rules.ts';

type Plain = Readonly<Record<string, unknown>>;

/** A line of a file of cases. */
export interface RuleCase {
  /** What happens, in a sentence. */
  readonly what: string;
  /** Ids of behaviours that it proves; none: a quiet case, or one that proves nothing new. */
  readonly covers: readonly string[];
  readonly in: ContainerKind;
  /** Seconds at which the container was made; null: before anybody looked. */
  readonly made: number | null;
  /** What the baseline says of the last record's fact. */
  readonly known: readonly [state: string, seen: number];
  /** `[kind, fields]`; times are in seconds, numbers of actions plain, flags by name. */
  readonly records: readonly (readonly [kind: string, fields: Plain])[];
  /** `rule severity` of all rules on the last record, in their order. */
  readonly hits: readonly string[];
}

const FOLDER = new URL('../agent/rules/cases/', import.meta.url);

const TIMES: ReadonlySet<string> = new Set(['time', 'start', 'parentStart']);
const constant = (name: unknown): number => (LAYOUT as Readonly<Record<string, number>>)[String(name)] ?? 0;

function field(name: string, value: unknown): unknown {
  if (TIMES.has(name)) return BigInt(Math.round(Number(value) * 1000)) * (SECOND / 1000n);
  if (name === 'result') return BigInt(Number(value));
  if (name === 'flags' && Array.isArray(value))
    return value.reduce((sum: number, each) => sum | constant(each), 0);
  if (name === 'streams' && Array.isArray(value))
    return value.map((each) => constant(`STREAM_${String(each).toUpperCase()}`));
  if (name === 'target') return { slot: 1, ...(value as object), start: 1n };
  return value;
}

/** `asked`: a name and a type; `answered`: a name and the address that is told; `missing`: a name that there is not. */
function dnsOf(fields: {
  asked?: [string, string];
  answered?: [string, string];
  missing?: string;
  server: string;
  exe: string;
}): Buffer {
  const { asked, answered, missing, ...rest } = fields;
  if (missing !== undefined)
    return dnsRecord({ ...rest, what: 'ANSWER', message: answer(missing, [], { code: 3 }) });
  if (answered !== undefined) {
    const [name, data] = answered;
    return dnsRecord({ ...rest, what: 'ANSWER', message: answer(name, [{ name: null, type: 'A', data }]) });
  }
  const [name, type] = asked ?? ['', 'A'];
  return dnsRecord({ ...rest, what: 'QUESTION', message: question(name, type) });
}

const MAKERS: Readonly<Record<string, (fields: never) => Buffer>> = {
  exec: execRecord,
  open: openRecord,
  flow: flowRecord,
  action: actionRecord,
  novel: novelRecord,
  dns: dnsOf,
};

export function recordOf([kind, fields]: RuleCase['records'][number]): Buffer {
  const make = MAKERS[kind];
  if (make === undefined) throw new Error(`no records of kind ${kind}`);
  const read = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, field(name, value)]));
  const args =
    kind === 'action' && Array.isArray(read['args'])
      ? { args: read['args'].map((each) => BigInt(String(each))) }
      : {};
  return make({ ...read, ...args } as never);
}

/** What the rules say of the case's last record. */
export function hitsOfCase(rules: Rules, one: Omit<RuleCase, 'hits' | 'what' | 'covers'>): string[] {
  const madeAt = one.made === null ? null : BigInt(one.made) * SECOND;
  const all = seen(makeContainer(one.in, { madeAt }), ...one.records.map(recordOf));
  const [state, periods] = one.known;
  let last: string[] = [];
  for (const { event, context } of all) {
    const known = { state, seen: periods };
    last = rules.hits(event, { ...context, known }).map(({ rule, severity }) => `${rule.name} ${severity}`);
  }
  return last;
}

/** A behaviour that is found as new: a record and the fact that it is. */
export interface LearnedCase {
  readonly what: string;
  readonly covers: readonly string[];
  /** As of a case, or `calls` with the counts of a slot. */
  readonly record: readonly [kind: string, fields: Plain];
  readonly fact: { readonly kind: string; readonly value: string };
}

export const readLearned = (): LearnedCase[] =>
  readFileSync(new URL('../agent/rules/learned.ndjson', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LearnedCase);

/** All cases, with the file they stand in. */
export function readCases(): (RuleCase & { readonly file: string })[] {
  return readdirSync(FOLDER)
    .toSorted()
    .flatMap((file) =>
      readFileSync(new URL(file, FOLDER), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => ({ ...(JSON.parse(line) as RuleCase), file })),
    );
}
