/** Deletes what is older than its time, in small batches, so that no summary waits long for the one connection. */
import { sql } from 'kysely';
import type { Handle } from './rows.ts';

const BATCH = 500;
/** Pages given back to the file system after a run. */
const PAGES = 2000;

const OLD = [
  ['windows', 'wall_ms'],
  ['detections', 'wall_ms'],
  ['summaries', 'received_ms'],
  ['sketches', 'day_ms'],
  ['pod_entries', 'at_ms'],
  ['sessions', 'at_ms'],
  ['session_alerts', 'at_ms'],
] as const;

/** Deletes rows from before `beforeMs` until none is left or the signal is aborted. Says how many. */
export async function deleteOld(db: Handle, beforeMs: number, signal: AbortSignal): Promise<number> {
  let deleted = 0;
  for (const [table, column] of OLD) {
    for (let last = BATCH; last === BATCH && !signal.aborted; ) {
      const result = await sql`delete from ${sql.table(table)} where rowid in
        (select rowid from ${sql.table(table)} where ${sql.ref(column)} < ${beforeMs} limit ${BATCH})`.execute(
        db,
      );
      last = Number(result.numAffectedRows ?? 0n);
      deleted += last;
      // Lets requests that wait for the connection go first.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  if (deleted > 0) await sql`pragma incremental_vacuum(${sql.raw(String(PAGES))})`.execute(db);
  return deleted;
}
