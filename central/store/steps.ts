/** The table of what was done, by whom, to which lines are only added until their time is over; each line is chained to the one before with the audit key. */
import { createHmac } from 'node:crypto';
import type { Step } from '../respond/execute.ts';
import { goneSteps } from './prune-steps.ts';
import type { Handle } from './rows.ts';

export interface StepStore {
  append(step: Step): Promise<void>;
  /** The last line: what a later look can be held against. Line 0 and no hash: there is none. */
  head(): Promise<TrailHead>;
  /** Follows the chain from its beginning, and looks whether these lines are in it. */
  verify(known: readonly TrailHead[]): Promise<TrailVerdict>;
}
export interface TrailHead {
  /** Counted from 1. */
  readonly line: number;
  readonly hash: string;
}
export interface TrailVerdict {
  readonly whole: boolean;
  /** Of them, those whose time is over and that are not kept: the chain is followed from there. */
  readonly pruned: number;
  readonly lines: number;
  readonly head: TrailHead;
  /** The first line that does not follow from the one before, or that is not what it was known to be. */
  readonly broken: { readonly line: number; readonly because: string } | null;
}

interface Chained {
  at_ms: number;
  actor: string;
  action: string;
  incident: string;
  order_id: string;
  text: string;
}
const START = '';
const PAGE = 1000;

/** JSON of a list: no value can be moved from one field to the next. */
function hashOf(key: Uint8Array, previous: string, row: Chained): string {
  const { at_ms, actor, action, incident, order_id, text } = row;
  const line = JSON.stringify([previous, at_ms, actor, action, incident, order_id, text]);
  return createHmac('sha256', key).update(line).digest('hex');
}

export function stepStore(db: Handle, key: Uint8Array): StepStore {
  return {
    async append(step) {
      const last = await db
        .selectFrom('steps')
        .select('hash')
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst();
      const previous = last?.hash ?? (await goneSteps(db, key))?.hash ?? START;
      const { atMs, actor, action, incident, order, text } = step;
      const row = { at_ms: atMs, actor, action, incident, order_id: order, text };
      await db
        .insertInto('steps')
        .values({ ...row, previous, hash: hashOf(key, previous, row) })
        .execute();
    },
    async head() {
      const { lines } = await db
        .selectFrom('steps')
        .select(db.fn.countAll<number>().as('lines'))
        .executeTakeFirstOrThrow();
      const last = await db
        .selectFrom('steps')
        .select('hash')
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst();
      const gone = await goneSteps(db, key);
      return { line: (gone?.line ?? 0) + Number(lines), hash: last?.hash ?? gone?.hash ?? START };
    },
    async verify(known) {
      const gone = await goneSteps(db, key);
      let [previous, after, line] = [gone?.hash ?? START, 0, gone?.line ?? 0];
      const pruned = line;
      let broken: TrailVerdict['broken'] =
        gone === null ? { line: 1, because: 'what is written down of older lines is not of this key' } : null;
      const wanted = new Map(known.filter((head) => head.line > 0).map((head) => [head.line, head.hash]));
      for (;;) {
        const rows = await db
          .selectFrom('steps')
          .selectAll()
          .where('id', '>', after)
          .orderBy('id')
          .limit(PAGE)
          .execute();
        for (const row of rows) {
          line += 1;
          if (row.previous !== previous || row.hash !== hashOf(key, previous, row))
            broken ??= { line, because: 'it does not follow from the line before' };
          if ((wanted.get(line) ?? row.hash) !== row.hash)
            broken ??= { line, because: 'it was another line when it was last looked at' };
          previous = row.hash;
          after = row.id;
        }
        if (rows.length < PAGE) break;
      }
      const beyond = Math.max(0, ...wanted.keys());
      if (beyond > line)
        broken ??= { line: line + 1, because: `it is gone: there were at least ${beyond} lines` };
      return { whole: broken === null, pruned, lines: line, head: { line, hash: previous }, broken };
    },
  };
}
