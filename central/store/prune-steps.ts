/**
 * Takes the oldest steps away and keeps the rest provable: how many lines are gone and the hash of the last of them are
 * written down under the audit key, and the chain is followed from there. Whoever lacks the key cannot take more.
 */
import { follows, type Gone, START, sealOf } from './chain.ts';
import type { Handle } from './rows.ts';

const NOTHING: Gone = { line: 0, hash: START, lastId: 0 };
interface Written {
  line: number;
  hash: string;
  last_id: number;
  at_ms: number;
  seal: string;
}

/** Null: it was not written with this key. */
export function goneOf(row: Written | undefined, key: Uint8Array): Gone | null {
  if (row === undefined) return NOTHING;
  const gone = { line: row.line, hash: row.hash, lastId: row.last_id };
  return row.seal === sealOf(key, gone, row.at_ms) ? gone : null;
}

/** Null: what is written down was not written with this key. */
export async function goneSteps(db: Handle, key: Uint8Array): Promise<Gone | null> {
  const row = await db
    .selectFrom('steps_pruned')
    .selectAll()
    .orderBy('line', 'desc')
    .limit(1)
    .executeTakeFirst();
  return goneOf(row, key);
}

/**
 * Takes away at most `most` lines from before `beforeMs`, and never the last line of all: there is always one that the next
 * follows. Says how many. Null: lines that would go are not what central wrote; they are the proof of it, and nothing is taken.
 */
export async function pruneSteps(
  db: Handle,
  key: Uint8Array,
  { beforeMs, nowMs, most }: { beforeMs: number; nowMs: number; most: number },
): Promise<number | null> {
  const gone = await goneSteps(db, key);
  if (gone === null) return null;
  const rows = await db
    .selectFrom('steps')
    .selectAll()
    .orderBy('id')
    .limit(most + 1)
    .execute();
  if (rows[0] !== undefined && rows[0].previous !== gone.hash) return null;
  // From the beginning without a gap: one that is young keeps all that come after it.
  const young = rows.findIndex(({ at_ms }) => at_ms >= beforeMs);
  const old = rows.slice(0, young === -1 ? rows.length - 1 : young);
  const last = old.at(-1);
  if (last === undefined) return 0;
  // Their times too are only worth what their hashes are.
  if (!old.every((row, index) => follows(key, old[index - 1]?.hash ?? gone.hash, row))) return null;
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
  // Only the newest counts: what it took away begins where the one before ended.
  await db.deleteFrom('steps_pruned').where('line', '<', now.line).execute();
  return old.length;
}
