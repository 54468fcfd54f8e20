/**
 * Expressions of rules: CEL, checked once against the declared fields of what the rule is on, so that at run time an
 * expression cannot ask for what is not there. Macros are put in as text before that, lists are constants.
 */
import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import type { Place, Problem, Shared, Text } from './document.ts';
import {
  type Expression,
  type ExpressionSource,
  type ExpressionType,
  type Run,
  regexOf,
} from './expression.ts';
import { fastForm } from './fast.ts';
import { EVENT_FIELDS, type Subject, TYPES } from './fields.ts';
import { Names } from './names.ts';
import { VIEWS } from './subjects.ts';
import { BaselineView, ContainerView, ProcessView } from './surroundings.ts';

const TEXTS: ReadonlySet<string> = new Set(['string', 'int', 'double', 'bool']);

/** One that was compiled from its text. */
export interface Compiled extends Expression {
  /** The library's own way, and whether there is another. */
  readonly slow: Run;
  readonly fast: boolean;
}

/** Nesting of macros, and characters of an expression with all of them put in. */
const MAX_MACRO_DEPTH = 8;
const MAX_EXPRESSION = 20_000;
// Texts, then names with what makes them members of something.
const TOKEN = /r?"(?:[^"\\]|\\.)*"|r?'(?:[^'\\]|\\.)*'|(\.\s*)?([A-Za-z_][A-Za-z0-9_]*)/g;
/** Repetition of what is itself repeated, whose time grows exponentially with the text. */
const NESTED_REPETITION = /\((?:[^()\\]|\\.)*[+*}](?:[^()\\]|\\.)*\)[+*{]/;

/** One piece of an expanded text: from where in the file its characters are. */
interface Piece {
  readonly start: number;
  readonly place: (offset: number) => Place;
  readonly macro: string | null;
}

class Expansion {
  text = '';
  readonly #pieces: Piece[] = [];

  add(text: string, place: (offset: number) => Place, macro: string | null): void {
    this.#pieces.push({ start: this.text.length, place, macro });
    this.text += text;
  }

  problem(offset: number, reason: string): Problem {
    const piece = this.#pieces.findLast(({ start }) => start <= offset) ?? this.#pieces[0];
    const where = piece?.place(offset - piece.start) ?? { file: '', line: 1, column: 1 };
    return { ...where, reason: piece?.macro ? `in macro ${piece.macro}: ${reason}` : reason };
  }
}

/** Why the text is no regular expression that may be used, or null. */
function refuseRegex(source: string): string | null {
  if (NESTED_REPETITION.test(source))
    return `"${source}" repeats a repetition, which takes too long on some texts`;
  try {
    regexOf(source);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export interface Vocabulary {
  readonly lists: readonly Shared<readonly string[]>[];
  readonly macros: readonly Shared<Text>[];
  /** Lists of the code, by name. */
  readonly builtIn: Readonly<Record<string, Names>>;
}

export class Expressions implements ExpressionSource {
  readonly #macros: ReadonlyMap<string, Shared<Text>>;
  readonly #lists = new Map<string, Names>();
  readonly #environments = new Map<Subject, Environment>();

  constructor({ lists, macros, builtIn }: Vocabulary) {
    this.#macros = new Map(macros.map((macro) => [macro.name, macro]));
    for (const [name, names] of Object.entries(builtIn)) this.#lists.set(name, names);
    for (const { name, value } of lists) this.#lists.set(name, new Names(value));
  }

  list(name: string): Names | null {
    return this.#lists.get(name) ?? null;
  }

  /** The expression for events of the subject, or why there is none. */
  compile(text: Text, subject: Subject, wanted: ExpressionType): Compiled | Problem {
    const expansion = new Expansion();
    const refused = this.#expand(text, expansion, { macro: null, depth: 0, at: null });
    if (refused !== null) return refused;
    if (expansion.text.length > MAX_EXPRESSION) return expansion.problem(0, 'the expression is too long');
    try {
      const parsed = this.#environment(subject).parse(expansion.text);
      const checked = parsed.check();
      if (!checked.valid) return problemOf(expansion, checked.error);
      const fits = wanted === 'bool' ? checked.type === 'bool' : TEXTS.has(checked.type ?? '');
      if (!fits)
        return expansion.problem(
          0,
          `${wanted === 'bool' ? 'true or false' : 'a text or number'} is wanted, this is ${checked.type}`,
        );
      const refusedPattern = refusePatterns(parsed.ast, expansion);
      if (refusedPattern !== null) return refusedPattern;
      const fast = fastForm(parsed.ast, { subject, listOf: (name) => this.list(name), regexOf });
      return {
        ast: parsed.ast,
        fast: fast !== null,
        slow: parsed,
        run: fast ?? parsed,
      };
    } catch (error) {
      return problemOf(expansion, error);
    }
  }

  #expand(
    text: Text,
    into: Expansion,
    from: { macro: string | null; depth: number; at: Place | null },
  ): Problem | null {
    const place = from.at === null ? text.place : () => from.at as Place;
    let done = 0;
    const upTo = (end: number): void => {
      const start = done;
      into.add(text.text.slice(start, end), (offset) => place(start + offset), from.macro);
      done = end;
    };
    for (const found of text.text.matchAll(TOKEN)) {
      const [whole, dot, name = ''] = found;
      if (dot !== undefined) {
        // The library makes a new regular expression at each use; ours are kept.
        if (name !== 'matches') continue;
        upTo(found.index + whole.length - name.length);
        into.add('fits_re', (offset) => place(done + offset), from.macro);
        done += name.length;
        continue;
      }
      const macro = this.#macros.get(name);
      if (macro === undefined) continue;
      const at = from.at ?? text.place(found.index);
      if (from.depth >= MAX_MACRO_DEPTH)
        return { ...at, reason: `macro ${name}: too deep, or within itself` };
      upTo(found.index);
      into.add('(', () => at, from.macro);
      const refused = this.#expand(macro.value, into, { macro: name, depth: from.depth + 1, at });
      if (refused !== null) return refused;
      into.add(')', () => at, from.macro);
      done = found.index + name.length;
    }
    upTo(text.text.length);
    return null;
  }

  #environment(subject: Subject): Environment {
    const known = this.#environments.get(subject);
    if (known !== undefined) return known;
    const made = new Environment({ limits: { maxListElements: 500, maxMapEntries: 200, maxDepth: 200 } });
    made.registerType('Names', { ctor: Names, fields: {} });
    const declare = (
      name: string,
      ctor: new (...values: never[]) => object,
      fields: Readonly<Record<string, readonly [string, string]>>,
    ) =>
      made.registerType(name, {
        ctor: ctor as new () => object,
        fields: Object.fromEntries(Object.entries(fields).map(([field, [type]]) => [field, type])),
      });
    declare('Event', VIEWS[subject], EVENT_FIELDS[subject]);
    declare('Container', ContainerView, TYPES.Container);
    declare('Process', ProcessView, TYPES.Process);
    declare('Baseline', BaselineView, TYPES.Baseline);
    made.registerVariable('event', 'Event');
    made.registerVariable('container', 'Container');
    made.registerVariable('process', 'Process');
    made.registerVariable('baseline', 'Baseline');
    made.registerVariable('set', 'map<string, string>');
    made.registerOperator('string in Names', (name: string, names: Names) => names.has(name));
    made.registerFunction('string.fits_re(string): bool', (text: string, source: string) =>
      regexOf(source).test(text),
    );
    made.registerFunction('string.under(Names): bool', (path: string, names: Names) => names.holds(path));
    made.registerFunction('list<string>.anyOf(Names): bool', (words: readonly string[], names: Names) =>
      words.some((word) => names.has(word)),
    );
    made.registerFunction('int.anyBit(int): bool', (value: bigint, bits: bigint) => (value & bits) !== 0n);
    for (const [name, names] of this.#lists) made.registerConstant(name, 'Names', names);
    this.#environments.set(subject, made);
    return made;
  }
}

interface LibraryError {
  readonly summary?: string;
  readonly range?: { readonly start: number };
}

function problemOf(expansion: Expansion, error: unknown): Problem {
  const { summary, range } = error as LibraryError;
  const words = summary ?? (error instanceof Error ? error.message : String(error));
  return expansion.problem(range?.start ?? 0, words.replaceAll('fits_re', 'matches'));
}

/** Patterns must stand in the rule, so that they can be looked at before they are used. */
function refusePatterns(node: ASTNode, expansion: Expansion): Problem | null {
  for (const each of nodesOf(node)) {
    if (each.op !== 'rcall' || each.args[0] !== 'fits_re') continue;
    const [pattern] = each.args[2];
    const at = pattern?.start ?? each.start;
    if (pattern?.op !== 'value' || typeof pattern.args !== 'string')
      return expansion.problem(at, 'matches() takes a text that stands in the rule');
    const reason = refuseRegex(pattern.args);
    if (reason !== null) return expansion.problem(at, reason);
  }
  return null;
}

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value;

function* nodesOf(node: ASTNode): Generator<ASTNode> {
  yield node;
  const inside: unknown[] = Array.isArray(node.args) ? node.args.flat(2) : [node.args];
  for (const each of inside) if (isNode(each)) yield* nodesOf(each);
}
