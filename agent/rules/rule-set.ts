/** All rules that are in force, and which of them an event is given to. */
import type { RuleContext, RuleHit, Rules } from '../alerts/hit.ts';
import type { Event } from '../events/event.ts';
import type { Exception, Problem, RuleDocument, RuleFile } from './document.ts';
import { Expressions, type Vocabulary } from './expression.ts';
import { SUBJECTS, type Subject } from './fields.ts';
import type { Key } from './keys.ts';
import { otherFormOf } from './names.ts';
import { compileRule, Rule } from './rule.ts';
import { type View, viewsOf } from './subjects.ts';
import { Variables } from './surroundings.ts';

const NONE: readonly RuleHit[] = [];
/** Rules of one set; each costs memory and, at worst, time at every event. */
const MAX_RULES = 1000;

interface FieldIndex {
  readonly field: string;
  /** Names stand in lists without their versions. */
  readonly ofNames: boolean;
  readonly rules: Map<Key['value'], readonly Rule[]>;
}

const NAME_FIELDS: ReadonlySet<string> = new Set(['exe', 'tool', 'parent']);

/** Rules of one subject by values of fields; a rule whose condition names none is asked about every event. */
class Index {
  readonly #always: Rule[] = [];
  readonly #fields: FieldIndex[] = [];
  readonly #order = new Map<Rule, number>();

  add(rule: Rule, subject: Subject): void {
    this.#order.set(rule, this.#order.size);
    const keys = rule.keys(subject);
    if (keys === null) this.#always.push(rule);
    else for (const { field, value } of keys) this.#addTo(this.#field(field).rules, value, rule);
  }

  /** Rules that may match, in the order of the set. */
  candidates(view: View): readonly Rule[] {
    let found = this.#always;
    for (const { field, ofNames, rules } of this.#fields) {
      const value = (view as unknown as Record<string, Key['value']>)[field];
      if (value === undefined) continue;
      const named = rules.get(value) ?? (ofNames ? this.#byOtherForm(rules, value as string) : undefined);
      if (named === undefined) continue;
      found = found.length === 0 ? (named as Rule[]) : [...found, ...named];
    }
    return found.length < 2 || found === this.#always ? found : this.#inOrder(found);
  }

  #byOtherForm(rules: FieldIndex['rules'], name: string): readonly Rule[] | undefined {
    const form = otherFormOf(name);
    return form === null ? undefined : rules.get(form);
  }

  #inOrder(rules: readonly Rule[]): readonly Rule[] {
    const rank = (rule: Rule): number => this.#order.get(rule) ?? 0;
    return [...new Set(rules)].sort((a, b) => rank(a) - rank(b));
  }

  #field(field: string): FieldIndex {
    const known = this.#fields.find((each) => each.field === field);
    if (known !== undefined) return known;
    const made = { field, ofNames: NAME_FIELDS.has(field), rules: new Map() };
    this.#fields.push(made);
    return made;
  }

  #addTo(index: FieldIndex['rules'], value: Key['value'], rule: Rule): void {
    const rules = index.get(value) ?? [];
    if (!rules.includes(rule)) index.set(value, [...rules, rule]);
  }
}

export class RuleSet implements Rules {
  readonly rules: readonly Rule[];
  readonly #bySubject: Readonly<Record<Subject, Index>>;

  constructor(rules: readonly Rule[]) {
    this.rules = rules;
    this.#bySubject = Object.fromEntries(SUBJECTS.map((subject) => [subject, new Index()])) as Record<
      Subject,
      Index
    >;
    for (const rule of rules)
      for (const subject of new Set(rule.document.on)) this.#bySubject[subject].add(rule, subject);
  }

  /** The same rules with nothing counted and nothing remembered. */
  fresh(): RuleSet {
    return new RuleSet(this.rules.map((rule) => rule.fresh()));
  }

  hits(event: Event, context: RuleContext): readonly RuleHit[] {
    let hits: RuleHit[] | null = null;
    for (const [subject, view] of viewsOf(event)) {
      const candidates = this.#bySubject[subject].candidates(view);
      if (candidates.length === 0) continue;
      const exe = 'exe' in event ? event.exe : '';
      const variables = new Variables(view, { time: event.time, exe, context });
      for (const rule of candidates) {
        const hit = rule.match(event, variables, { subject, context });
        if (hit === null) continue;
        hits ??= [];
        hits.push(hit);
      }
    }
    return hits ?? NONE;
  }
}

function duplicates(
  named: readonly { readonly name: string; readonly place: Problem | RuleDocument['place'] }[],
  what: string,
): Problem[] {
  const seen = new Map<string, string>();
  return named.flatMap(({ name, place }) => {
    const before = seen.get(name);
    seen.set(name, before ?? `${place.file}:${place.line}`);
    return before === undefined ? [] : [{ ...place, reason: `${what} ${name} stands in ${before} too` }];
  });
}

/** Our rules, with those of the user that have the same name in their place, and the user's behind them. */
function merged(ours: readonly RuleDocument[], theirs: readonly RuleDocument[]): RuleDocument[] {
  const byName = new Map(theirs.map((rule) => [rule.name, rule]));
  const replaced = ours.map((rule) => byName.get(rule.name) ?? rule);
  const own = new Set(ours.map(({ name }) => name));
  return [...replaced, ...theirs.filter(({ name }) => !own.has(name))];
}

function joined(files: readonly RuleFile[]): RuleFile {
  return {
    rules: files.flatMap(({ rules }) => rules),
    lists: files.flatMap(({ lists }) => lists),
    macros: files.flatMap(({ macros }) => macros),
    exceptions: files.flatMap(({ exceptions }) => exceptions),
  };
}

const withoutReplaced = <T extends { readonly name: string }>(
  ours: readonly T[],
  theirs: readonly T[],
): T[] => [...ours.filter(({ name }) => theirs.every((each) => each.name !== name)), ...theirs];

function checkExceptions(exceptions: readonly Exception[], rules: readonly RuleDocument[]): Problem[] {
  const names = new Set(rules.map(({ name }) => name));
  return exceptions.flatMap(({ rule, name, place }) =>
    names.has(rule) ? [] : [{ ...place, reason: `exception ${name} is of rule ${rule}, which there is not` }],
  );
}

/** A set of our files and the user's, or everything that is wrong with them. A user's list, macro or rule replaces ours. */
export function compileRules(
  ourFiles: readonly RuleFile[],
  theirFiles: readonly RuleFile[],
  { builtIn, compiled = [] }: { builtIn: Vocabulary['builtIn']; compiled?: readonly Rule[] },
): RuleSet | readonly Problem[] {
  const [ours, theirs] = [joined(ourFiles), joined(theirFiles)];
  const documents = merged(ours.rules, theirs.rules);
  const exceptions = [...ours.exceptions, ...theirs.exceptions];
  const problems: Problem[] = [ours, theirs].flatMap((files) => [
    ...duplicates(files.rules, 'rule'),
    ...duplicates([...files.lists, ...files.macros], 'list or macro'),
  ]);
  problems.push(...checkExceptions(exceptions, documents));
  const [tooMany] = documents.slice(MAX_RULES);
  if (tooMany !== undefined) problems.push({ ...tooMany.place, reason: `more than ${MAX_RULES} rules` });
  const expressions = new Expressions({
    lists: withoutReplaced(ours.lists, theirs.lists),
    macros: withoutReplaced(ours.macros, theirs.macros),
    builtIn,
  });
  const rules: Rule[] = [];
  // A list or macro of the user's may change any rule; without one, ours are as they were.
  const unchanged = theirs.lists.length + theirs.macros.length === 0 ? compiled : [];
  const known = new Map(unchanged.map((rule) => [rule.document, rule]));
  for (const document of documents) {
    const asBefore = theirs.exceptions.some(({ rule }) => rule === document.name)
      ? undefined
      : known.get(document);
    if (asBefore !== undefined) {
      rules.push(asBefore.fresh());
      continue;
    }
    const found = compileRule(
      document,
      expressions,
      exceptions.filter(({ rule }) => rule === document.name),
    );
    if (!(found instanceof Rule)) problems.push(...found);
    else if (document.enabled) rules.push(found);
  }
  // A rule on several subjects, and a text that is used twice, have the same fault twice.
  const distinct = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return problems.length > 0 ? [...distinct.values()] : new RuleSet(rules);
}
