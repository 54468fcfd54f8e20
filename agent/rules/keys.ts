/**
 * Which events can match a condition at all: values of one field of which the event must have one. Found in the condition
 * itself, so that an event is given only to rules whose value it has; most events have none.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import type { Lists } from './expression.ts';

/** The event has this value in this field; of names, in one of their forms. */
export interface Key {
  readonly field: string;
  readonly value: string | boolean | bigint;
}

/** A condition with more is as well given every event. */
const MAX_KEYS = 400;
/** Fields that are looked at for every event, and how many of a thousand events have a value that a rule names. */
const INDEXED: ReadonlyMap<string, number> = new Map([
  ...'exe tool parent action verb file within port peer'.split(' ').map((field) => [field, 1] as const),
  ...'memfd deleted upper stdin stdout hidden kernel_like truncated'
    .split(' ')
    .map((field) => [field, 10] as const),
  ['top', 20],
  ['what', 300],
  ['write', 400],
  ['direction', 500],
]);

/** Keys of which each matching event has at least one; null: nothing of the kind can be said. */
export function keysOf(node: ASTNode, lists: Lists): readonly Key[] | null {
  switch (node.op) {
    case '&&':
      return fewer(keysOf(node.args[0], lists), keysOf(node.args[1], lists));
    case '||':
      return union(node.args.map((side) => keysOf(side, lists)));
    case '==':
    case 'in':
      return keysOfComparison(node.args, lists);
    case '.':
      return keysOfField(node, true);
    case 'rcall':
      return keysOfPrefix(node);
    default:
      return null;
  }
}

/** Of conditions of which one must hold. */
export function union(each: readonly (readonly Key[] | null)[]): readonly Key[] | null {
  const keys: Key[] = [];
  for (const some of each) {
    if (some === null) return null;
    keys.push(...some);
  }
  return keys.length > MAX_KEYS ? null : keys;
}

/** Of conditions that must hold both: the keys that say more. */
export function fewer(left: readonly Key[] | null, right: readonly Key[] | null): readonly Key[] | null {
  if (left === null || right === null) return left ?? right;
  const weight = (keys: readonly Key[]): number =>
    keys.reduce((sum, { field, value }) => sum + (value === false ? 1000 : (INDEXED.get(field) ?? 0)), 0);
  return weight(left) <= weight(right) ? left : right;
}

function fieldOf(node: ASTNode): string | null {
  if (node.op !== '.') return null;
  const [object, field] = node.args;
  return object.op === 'id' && object.args === 'event' && INDEXED.has(field) ? field : null;
}

/** `event.path.startsWith("/tmp/")`: the first name of the path. */
function keysOfPrefix(node: ASTNode): readonly Key[] | null {
  if (node.op !== 'rcall' || node.args[0] !== 'startsWith') return null;
  const [, object, [start]] = node.args;
  const ofPath = object.op === '.' && object.args[1] === 'path' && object.args[0].op === 'id';
  if (!ofPath || start?.op !== 'value' || typeof start.args !== 'string') return null;
  const [, first] = /^\/([^/]+)\//.exec(start.args) ?? [];
  return first === undefined ? null : [{ field: 'top', value: first }];
}

function keysOfField(node: ASTNode, value: boolean): readonly Key[] | null {
  const field = fieldOf(node);
  return field === null ? null : [{ field, value }];
}

function keysOfComparison([left, right]: readonly [ASTNode, ASTNode], lists: Lists): readonly Key[] | null {
  const field = fieldOf(left);
  if (field === null) return null;
  const values = valuesOf(right, lists);
  return values === null || values.length > MAX_KEYS ? null : values.map((value) => ({ field, value }));
}

function valuesOf(node: ASTNode, lists: Lists): readonly Key['value'][] | null {
  if (node.op === 'id') {
    const names = lists.list(node.args);
    return names === null ? null : [...names.values];
  }
  const nodes = node.op === 'list' ? node.args : [node];
  const values = nodes.map((each) => (each.op === 'value' && isPlain(each.args) ? each.args : null));
  return values.every((value) => value !== null) ? values : null;
}

const isPlain = (value: unknown): value is Key['value'] =>
  typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint';
