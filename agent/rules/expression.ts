/** An expression of a rule, ready to be asked, and who makes one of its text: `cel.ts`, or `ours.ts` from what a build made. */
import type { ASTNode } from '@marcbachmann/cel-js';
import type { Problem, Text } from './document.ts';
import type { Subject } from './fields.ts';
import type { Names } from './names.ts';

export type ExpressionType = 'bool' | 'text';
export type Run = (variables: object) => unknown;

export interface Expression {
  readonly ast: ASTNode;
  /** @throws when a value is not as declared, an index not in a list. */
  readonly run: Run;
}

/** Whose lists conditions name. */
export interface Lists {
  list(name: string): Names | null;
}

export interface ExpressionSource extends Lists {
  /** The expression for events of the subject, or why there is none. */
  compile(text: Text, subject: Subject, wanted: ExpressionType): Expression | Problem;
}

export const isProblem = (found: object): found is Problem => 'reason' in found;

const MAX_REGEXES = 2000;
const regexes = new Map<string, RegExp>();

/** The same expression for the same text: making one costs more than using it. */
export function regexOf(source: string): RegExp {
  const known = regexes.get(source);
  if (known !== undefined) return known;
  if (regexes.size >= MAX_REGEXES) regexes.clear();
  const made = new RegExp(source);
  regexes.set(source, made);
  return made;
}
