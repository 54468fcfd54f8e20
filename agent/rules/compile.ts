/** A set of rules out of files, or everything that is wrong with them. */
import { type Compiled, Expressions, type Vocabulary } from './cel.ts';
import type { Exception, Problem, RuleDocument, RuleFile, Text } from './document.ts';
import { isProblem } from './expression.ts';
import type { Subject } from './fields.ts';
import { compileRule, Rule } from './rule.ts';
import { RuleSet } from './rule-set.ts';

/** Rules of one set; each costs memory and, at worst, time at every event. */
const MAX_RULES = 1000;

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

export function joined(files: readonly RuleFile[]): RuleFile {
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

export interface CompileOptions {
  readonly builtIn: Vocabulary['builtIn'];
  /** Ours as they were, to be taken as they are where nothing of the user's changes them. */
  readonly compiled?: readonly Rule[];
  /** Told each expression that was compiled. */
  readonly onCompiled?: (text: Text, subject: Subject, made: Compiled) => void;
}

class Told extends Expressions {
  readonly #told: NonNullable<CompileOptions['onCompiled']>;

  constructor(vocabulary: Vocabulary, told: NonNullable<CompileOptions['onCompiled']>) {
    super(vocabulary);
    this.#told = told;
  }

  override compile(...asked: Parameters<Expressions['compile']>): Compiled | Problem {
    const made = super.compile(...asked);
    if (!isProblem(made)) this.#told(asked[0], asked[1], made);
    return made;
  }
}

/** A set of our files and the user's, or everything that is wrong with them. A user's list, macro or rule replaces ours. */
export function compileRules(
  ourFiles: readonly RuleFile[],
  theirFiles: readonly RuleFile[],
  { builtIn, compiled = [], onCompiled = () => undefined }: CompileOptions,
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
  const lists = withoutReplaced(ours.lists, theirs.lists);
  const macros = withoutReplaced(ours.macros, theirs.macros);
  const expressions = new Told({ lists, macros, builtIn }, onCompiled);
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
