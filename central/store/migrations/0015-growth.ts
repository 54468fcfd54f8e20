/** What grew without end: documents that are in force no more, enrolments, nodes that are gone, lines about steps that went. */
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const TIMES = [
  ['policies', 'ended_ms'],
  ['enrolments', 'at_ms'],
  ['nodes', 'last_seen_ms'],
  ['exceptions', 'expires_ms'],
] as const;

export const growth: Migration = {
  async up(db) {
    await db.schema
      .alterTable('policies')
      .addColumn('ended_ms', 'integer', (made) => made.notNull().defaultTo(0))
      .execute();
    // When those of before ended nobody wrote down: they stay for as long as what ends now.
    await sql`update policies set ended_ms = cast(strftime('%s', 'now') as integer) * 1000 where place < 0`.execute(
      db,
    );
    for (const [table, column] of TIMES)
      await db.schema.createIndex(`${table}_${column}`).on(table).columns([column]).execute();
    await sql`drop trigger steps_pruned_no_delete`.execute(db);
    await sql`create trigger steps_pruned_no_delete before delete on steps_pruned
      when old.line >= (select max(line) from steps_pruned)
      begin select raise(abort, 'steps_pruned: the newest stays'); end`.execute(db);
  },
};
