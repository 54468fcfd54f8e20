/** The table of what was done, by whom, to which lines are only added until their time is over; each line is chained to the one before with the audit key. */
import { sql } from 'kysely';
import type { Step } from '../respond/execute.ts';
import { follows, hashOf, START } from './chain.ts';
import { goneOf, goneSteps } from './prune-steps.ts';
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
  /** Lines that were to be compared and are not kept any more: of them nothing can be said, and `whole` is not. */
  readonly unproved: readonly number[];
}

const PAGE = 1000;

/** `line` null, and so all after it: nothing was pruned. */
interface EndRow {
  lines: number;
  newest: string | null;
  line: number | null;
  hash: string;
  last_id: number;
  at_ms: number;
  seal: string;
}

/** Pruning that goes on while the chain is followed takes lines away from under it: it is then followed anew. */
const MOST_TRIES = 20;
const UNLIKE = 'it was another line when it was last looked at';

/** Null: it was pruned meanwhile. */
async function followed(
  db: Handle,
  key: Uint8Array,
  known: readonly TrailHead[],
): Promise<TrailVerdict | null> {
  const gone = await goneSteps(db, key);
  let [previous, after, line] = [gone?.hash ?? START, 0, gone?.line ?? 0];
  const pruned = line;
  let broken: TrailVerdict['broken'] =
    gone === null ? { line: 1, because: 'what is written down of older lines is not of this key' } : null;
  const wanted = new Map(known.filter((head) => head.line > 0).map((head) => [head.line, head.hash]));
  if ((wanted.get(line) ?? previous) !== previous) broken ??= { line, because: UNLIKE };
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
      if (!follows(key, previous, row))
        broken ??= { line, because: 'it does not follow from the line before' };
      if ((wanted.get(line) ?? row.hash) !== row.hash) broken ??= { line, because: UNLIKE };
      previous = row.hash;
      after = row.id;
    }
    if (rows.length < PAGE) break;
  }
  const beyond = Math.max(0, ...wanted.keys());
  if (beyond > line)
    broken ??= { line: line + 1, because: `it is gone: there were at least ${beyond} lines` };
  if (broken !== null && (await goneSteps(db, key))?.line !== gone?.line) return null;
  const unproved = [...wanted.keys()].filter((at) => at < pruned).sort((a, b) => a - b);
  const whole = broken === null && unproved.length === 0;
  return { whole, pruned, lines: line, head: { line, hash: previous }, broken, unproved };
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
      // One statement: pruning between two would make lines count twice.
      const { rows } = await sql<EndRow>`select (select count(*) from steps) as lines,
        (select hash from steps order by id desc limit 1) as newest, gone.*
        from (select 1) left join (select * from steps_pruned order by line desc limit 1) as gone`.execute(
        db,
      );
      const [end] = rows;
      const gone = goneOf(
        end === undefined || end.line === null ? undefined : { ...end, line: end.line },
        key,
      );
      return { line: (gone?.line ?? 0) + (end?.lines ?? 0), hash: end?.newest ?? gone?.hash ?? START };
    },
    async verify(known) {
      for (let tries = 0; tries < MOST_TRIES; tries += 1) {
        const verdict = await followed(db, key, known);
        if (verdict !== null) return verdict;
      }
      throw new Error(`steps: pruned each of ${MOST_TRIES} times that the chain was followed`);
    },
  };
}
