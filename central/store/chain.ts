/** How a line of the table of steps follows from the one before, and how what is gone of it is sealed: both under the audit key. */
import { createHmac } from 'node:crypto';

export interface Chained {
  at_ms: number;
  actor: string;
  action: string;
  incident: string;
  order_id: string;
  text: string;
}
/** What is gone: so many lines, the last of which had this hash. Line 0: nothing is. */
export interface Gone {
  readonly line: number;
  readonly hash: string;
  readonly lastId: number;
}
/** What the first line follows from. */
export const START = '';

/** JSON of a list: no value can be moved from one field to the next. */
export function hashOf(key: Uint8Array, previous: string, row: Chained): string {
  const { at_ms, actor, action, incident, order_id, text } = row;
  const line = JSON.stringify([previous, at_ms, actor, action, incident, order_id, text]);
  return createHmac('sha256', key).update(line).digest('hex');
}

export const follows = (
  key: Uint8Array,
  previous: string,
  row: Chained & { previous: string; hash: string },
): boolean => row.previous === previous && row.hash === hashOf(key, previous, row);

export function sealOf(key: Uint8Array, { line, lastId, hash }: Gone, atMs: number): string {
  return createHmac('sha256', key)
    .update(JSON.stringify(['pruned', line, lastId, hash, atMs]))
    .digest('hex');
}
