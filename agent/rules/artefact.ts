/**
 * Our rules as a build leaves them: documents, and every expression as a tree, so that a start reads one JSON file and
 * neither YAML nor CEL. Trees are kept as texts until a condition is asked for the first time.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import type { Place, RuleFile, Text } from './document.ts';
import type { Subject } from './fields.ts';
import type { Key } from './keys.ts';

export interface Artefact {
  /** Of what it was made from. */
  readonly digest: string;
  readonly file: RuleFile;
  /** By rule and subject, by field; null: it may match every event. */
  readonly keys: Readonly<Record<string, Partial<Record<Subject, KeysByField | null>>>>;
  /** Trees by subject and by the text as it stands in the rule. */
  readonly expressions: Readonly<Record<Subject, Readonly<Record<string, string>>>>;
}

type KeysByField = Readonly<Record<string, readonly Key['value'][]>>;

export function byField(keys: readonly Key[]): KeysByField {
  const fields: Record<string, Key['value'][]> = {};
  for (const { field, value } of keys) {
    fields[field] ??= [];
    fields[field].push(value);
  }
  return fields;
}

export const keysOfFields = (fields: KeysByField): Key[] =>
  Object.entries(fields).flatMap(([field, values]) => values.map((value) => ({ field, value })));

/** What JSON has no form for: numbers of 64 bits, and texts that know their place, of which the first stays. */
interface Marked {
  readonly $int?: string;
  readonly $text?: string;
  readonly at?: Place;
}

function mark(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return { $int: String(value) } satisfies Marked;
  if (typeof value !== 'object' || value === null || !('place' in value)) return value;
  const { text, place } = value as Partial<Text>;
  return typeof text === 'string' && typeof place === 'function'
    ? ({ $text: text, at: place(0) } satisfies Marked)
    : value;
}

/** In place: what was just parsed belongs to nobody else. */
function unmark(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { $int, $text, at } = value as Marked;
  if ($int !== undefined) return BigInt($int);
  if ($text !== undefined && at !== undefined) return { text: $text, place: () => at } satisfies Text;
  const fields = value as Record<string, unknown>;
  for (const name of Object.keys(fields)) {
    const field = fields[name];
    if (typeof field === 'object' && field !== null) fields[name] = unmark(field);
  }
  return value;
}

export const artefactText = (artefact: Artefact): string => JSON.stringify(artefact, mark);

export function readArtefact(text: string): Artefact {
  const { file, keys, ...rest } = JSON.parse(text) as Artefact;
  return { ...rest, file: unmark(file) as RuleFile, keys: unmark(keys) as Artefact['keys'] };
}

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;

/** An operation and what it is on; the library's own nodes know their place too. */
function bare(value: unknown): unknown {
  if (isNode(value)) return { op: value.op, args: bare(value.args) };
  if (Array.isArray(value)) return value.map(bare);
  return typeof value === 'bigint' ? ({ $int: String(value) } satisfies Marked) : value;
}

export const treeText = (tree: ASTNode): string => JSON.stringify(bare(tree));
export const readTree = (text: string): ASTNode => unmark(JSON.parse(text)) as ASTNode;
