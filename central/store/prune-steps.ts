/**
 * Takes the oldest steps away and keeps the rest provable: how many lines are gone and the hash of the last of them are
 * written down under the audit key, and the chain is followed from there. Whoever lacks the key cannot take more.
 */
import { createHmac } from 'node:crypto';
import type { Handle } from './rows.ts';

/** What is gone: so many lines, the last of which had this hash. Line 0: nothing is. */
export interface Gone {
  readonly line: number;
  readonly hash: string;
  readonly lastId: number;
}
const NOTHING: Gone = { line: 0, hash: '', lastId: 0 };

function sealOf(key: Uint8Array, gone: Gone, atMs: number): string {
  const { line, lastId, hash } = gone;
  return createHmac('sha256', key)
    .update(JSON.stringify(['pruned', line, lastId, hash, atMs]))
    .digest('hex');
}

/** Null: what is written down was not written with this key. */
export async function goneSteps(db: Handle, key: Uint8Array): Promise<Gone | null> {
  const row = await db
    .selectFrom('steps_pruned')
    .selectAll()
    .orderBy('line', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) return NOTHING;
  const gone = { line: row.line, hash: row.hash, lastId: row.last_id };
  return row.seal === sealOf(key, gone, row.at_ms) ? gone : null;
}

/**
 * Takes away at most `most` lines from before `beforeMs`, and never the last line of all: there is always one that the next
 * follows. Says how many. Nothing is taken from a table whose beginning is not what is written down.
 */
export async function pruneSteps(
  db: Handle,
  key: Uint8Array,
  { beforeMs, nowMs, most }: { beforeMs: number; nowMs: number; most: number },
): Promise<number> {
  const gone = await goneSteps(db, key);
  if (gone === null) return 0;
  const rows = await db
    .selectFrom('steps')
    .select(['id', 'at_ms', 'hash', 'previous'])
    .orderBy('id')
    .limit(most + 1)
    .execute();
  if (rows[0] !== undefined && rows[0].previous !== gone.hash) return 0;
  // From the beginning without a gap: one that is young keeps all that come after it.
  const young = rows.findIndex(({ at_ms }) => at_ms >= beforeMs);
  const old = rows.slice(0, young === -1 ? rows.length - 1 : young);
  const last = old.at(-1);
  if (last === undefined) return 0;
  const now = { line: gone.line + old.length, hash: last.hash, lastId: last.id };
  await db
    .insertInto('steps_pruned')
    .values({
      line: now.line,
      last_id: now.lastId,
      hash: now.hash,
      at_ms: nowMs,
      seal: sealOf(key, now, nowMs),
    })
    .execute();
  await db.deleteFrom('steps').where('id', '<=', last.id).execute();
  return old.length;
}
