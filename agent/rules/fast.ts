/**
 * Checked expressions as closures. The library walks its tree at each evaluation, about ten times as long for the
 * conditions that rules are made of; rules are asked about every event. What this does not know is left to the library,
 * as a whole expression. A test compares both on every rule of ours, and on what fails (test/agent/rules/engine.test.ts).
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { EVENT_FIELDS, type FieldType, type Subject, TYPES } from './fields.ts';
import { mayMatch } from './literals.ts';
import { Names } from './names.ts';

type Run = (variables: Record<string, never>) => unknown;
type Type = FieldType | 'Names' | 'event' | 'container' | 'process' | 'baseline' | 'set';
interface Compiled {
  readonly type: Type;
  readonly run: Run;
  /** It may fail: an index that is not in the list, a word that the case does not set. */
  readonly fails: boolean;
  /** The value, where it does not depend on the event. */
  readonly constant?: unknown;
  /** The field of the event that it is. */
  readonly of?: string;
}

export interface FastOptions {
  readonly subject: Subject;
  readonly listOf: (name: string) => Names | null;
  readonly regexOf: (source: string) => RegExp;
}

class Unknown extends Error {}
const missing = (key: string | number): never => {
  throw new RangeError(`no such key: ${key}`);
};
const PLAIN: ReadonlySet<Type> = new Set(['string', 'int', 'double', 'bool']);
const OBJECTS: Readonly<Record<string, Readonly<Record<string, readonly [FieldType, string]>>>> = {
  container: TYPES.Container,
  process: TYPES.Process,
  baseline: TYPES.Baseline,
};

class Compiler {
  readonly #options: FastOptions;

  constructor(options: FastOptions) {
    this.#options = options;
  }

  compile(node: ASTNode): Compiled {
    switch (node.op) {
      case 'value':
        return constant(typeOf(node.args), node.args);
      case 'id':
        return this.#variable(node.args);
      case '.':
        return this.#field(this.compile(node.args[0]), node.args[1]);
      case '&&':
      case '||':
        return logical(node.op, this.#bool(node.args[0]), this.#bool(node.args[1]));
      case '!_': {
        const { run, fails } = this.#bool(node.args);
        return { type: 'bool', fails, run: (variables) => run(variables) !== true };
      }
      case '?:':
        return this.#choice(node.args);
      case 'list':
        return this.#list(node.args);
      case '[]':
        return this.#item(this.compile(node.args[0]), this.compile(node.args[1]));
      case 'rcall':
        return this.#method(
          node.args[0],
          this.compile(node.args[1]),
          node.args[2].map((each) => this.compile(each)),
        );
      case 'call':
        return this.#call(
          node.args[0],
          node.args[1].map((each) => this.compile(each)),
        );
      case '==':
      case '!=':
      case 'in':
      case '<':
      case '<=':
      case '>':
      case '>=':
      case '+':
        return binary(node.op, this.compile(node.args[0]), this.compile(node.args[1]));
      default:
        throw new Unknown(node.op);
    }
  }

  #bool(node: ASTNode): Compiled {
    const found = this.compile(node);
    if (found.type !== 'bool') throw new Unknown(found.type);
    return found;
  }

  #variable(name: string): Compiled {
    const list = this.#options.listOf(name);
    if (list !== null) return constant('Names', list);
    if (name !== 'set' && name !== 'event' && OBJECTS[name] === undefined) throw new Unknown(name);
    return { type: name as Type, fails: false, run: (variables) => variables[name] };
  }

  #field({ type, run }: Compiled, field: string): Compiled {
    if (type === 'set')
      return {
        type: 'string',
        fails: true,
        run: (variables) => (run(variables) as Record<string, string>)[field] ?? missing(field),
      };
    const fields = type === 'event' ? EVENT_FIELDS[this.#options.subject] : OBJECTS[type];
    const declared = fields?.[field]?.[0];
    if (declared === undefined) throw new Unknown(field);
    if (type === 'event')
      return {
        type: declared,
        fails: false,
        of: field,
        run: (variables) => (variables['event'] as unknown as Record<string, unknown>)[field],
      };
    return {
      type: declared,
      fails: false,
      run: (variables) => (run(variables) as Record<string, unknown>)[field],
    };
  }

  #choice([when, then, otherwise]: readonly [ASTNode, ASTNode, ASTNode]): Compiled {
    const condition = this.#bool(when);
    const [left, right] = [this.compile(then), this.compile(otherwise)];
    if (left.type !== right.type) throw new Unknown('?:');
    return {
      type: left.type,
      fails: condition.fails || left.fails || right.fails,
      run: (variables) => (condition.run(variables) === true ? left.run(variables) : right.run(variables)),
    };
  }

  #list(nodes: readonly ASTNode[]): Compiled {
    const values = nodes.map((node) => this.compile(node));
    const type = values[0]?.type;
    if (type !== 'string' && type !== 'int') throw new Unknown('list');
    if (values.some((each) => each.type !== type || each.constant === undefined)) throw new Unknown('list');
    return constant(`list<${type}>`, new Set(values.map(({ constant: value }) => value)));
  }

  #item(list: Compiled, index: Compiled): Compiled {
    if (typeof index.constant !== 'bigint' || list.constant !== undefined) throw new Unknown('[]');
    const at = Number(index.constant);
    if (list.type !== 'list<int>' && list.type !== 'list<string>') throw new Unknown('[]');
    return {
      type: list.type === 'list<int>' ? 'int' : 'string',
      fails: true,
      run: (variables) => (list.run(variables) as readonly unknown[])[at] ?? missing(at),
    };
  }

  #method(name: string, object: Compiled, values: readonly Compiled[]): Compiled {
    const [value] = values;
    if (value?.constant === undefined || values.length !== 1) throw new Unknown(name);
    const bool = (run: (of: never) => boolean): Compiled => ({
      type: 'bool',
      fails: object.fails,
      run: (variables) => run(object.run(variables) as never),
    });
    const { constant: wanted } = value;
    if (wanted instanceof Names) {
      if (name === 'under' && object.type === 'string') return bool((path: string) => wanted.holds(path));
      if (name === 'anyOf' && object.type === 'list<string>')
        return bool((words: readonly string[]) => words.some((word) => wanted.has(word)));
    }
    if (typeof wanted === 'bigint' && name === 'anyBit' && object.type === 'int')
      return bool((bits: bigint) => (bits & wanted) !== 0n);
    if (typeof wanted !== 'string' || object.type !== 'string') throw new Unknown(name);
    if (name === 'fits_re') {
      const regex = this.#options.regexOf(wanted);
      // Many ask about a command line; of another text the expression itself is asked as fast.
      const may = object.of === 'command' ? mayMatch(wanted) : null;
      return may === null
        ? bool((text: string) => regex.test(text))
        : bool((text: string) => may(text) && regex.test(text));
    }
    if (name === 'startsWith') return bool((text: string) => text.startsWith(wanted));
    if (name === 'endsWith') return bool((text: string) => text.endsWith(wanted));
    if (name === 'contains') return bool((text: string) => text.includes(wanted));
    throw new Unknown(name);
  }

  #call(name: string, [value, ...more]: readonly Compiled[]): Compiled {
    const known = name === 'string' && value !== undefined && more.length === 0;
    if (!known || (value.type !== 'string' && value.type !== 'int')) throw new Unknown(name);
    return { type: 'string', fails: value.fails, run: (variables) => String(value.run(variables)) };
  }
}

const constant = (type: Type, value: unknown): Compiled => ({
  type,
  fails: false,
  run: () => value,
  constant: value,
});

function typeOf(value: unknown): Type {
  const found = { string: 'string', bigint: 'int', number: 'double', boolean: 'bool' }[
    typeof value as 'string' | 'bigint' | 'number' | 'boolean'
  ];
  if (found === undefined) throw new Unknown('value');
  return found as Type;
}

/** What decides, decides, whatever the other side is: a side that fails counts only where it is needed. */
function logical(op: '&&' | '||', left: Compiled, right: Compiled): Compiled {
  const decides = op === '||';
  const [a, b] = [left.run, right.run];
  const fails = left.fails || right.fails;
  const plain: Run =
    op === '&&'
      ? (variables) => a(variables) === true && b(variables) === true
      : (variables) => a(variables) === true || b(variables) === true;
  if (!left.fails) return { type: 'bool', fails, run: plain };
  return {
    type: 'bool',
    fails,
    run: (variables) => {
      let first: unknown;
      try {
        first = a(variables);
      } catch (error) {
        if (b(variables) === decides) return decides;
        throw error;
      }
      return first === decides ? decides : b(variables) === true;
    },
  };
}

type Operator = '==' | '!=' | 'in' | '<' | '<=' | '>' | '>=' | '+';
type Plain = string | number | bigint;

function binary(op: Operator, left: Compiled, right: Compiled): Compiled {
  const [a, b] = [left.run, right.run];
  const fails = left.fails || right.fails;
  if (op === 'in') return membership(left, right);
  if (left.type !== right.type || !PLAIN.has(left.type)) throw new Unknown(op);
  if (op === '+') {
    if (left.type !== 'string') throw new Unknown(op);
    return { type: 'string', fails, run: (variables) => `${a(variables)}${b(variables)}` };
  }
  const bool = (run: Run): Compiled => ({ type: 'bool', fails, run });
  const { constant: wanted } = right;
  if (op === '==')
    return wanted === undefined
      ? bool((variables) => a(variables) === b(variables))
      : bool((variables) => a(variables) === wanted);
  if (op === '!=') return bool((variables) => a(variables) !== b(variables));
  if (left.type === 'bool') throw new Unknown(op);
  if (op === '<') return bool((variables) => (a(variables) as Plain) < (b(variables) as Plain));
  if (op === '<=') return bool((variables) => (a(variables) as Plain) <= (b(variables) as Plain));
  if (op === '>') return bool((variables) => (a(variables) as Plain) > (b(variables) as Plain));
  return bool((variables) => (a(variables) as Plain) >= (b(variables) as Plain));
}

function membership({ type, run, fails }: Compiled, { type: of, constant: list }: Compiled): Compiled {
  if (type !== 'string' && of !== `list<${type}>`) throw new Unknown('in');
  if (list instanceof Names)
    return { type: 'bool', fails, run: (variables) => list.has(run(variables) as string) };
  if (list instanceof Set) return { type: 'bool', fails, run: (variables) => list.has(run(variables)) };
  throw new Unknown('in');
}

/** The expression as a closure, or null: only the library knows how. */
export function fastForm(node: ASTNode, options: FastOptions): ((variables: object) => unknown) | null {
  try {
    return new Compiler(options).compile(node).run as (variables: object) => unknown;
  } catch (error) {
    if (error instanceof Unknown) return null;
    throw error;
  }
}
