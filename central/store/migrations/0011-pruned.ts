/** Steps whose time is over may go, from the beginning and only up to the line that is written down as pruned. */
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const pruned: Migration = {
  async up(db) {
    await db.schema
      .createTable('steps_pruned')
      .addColumn('line', 'integer', (made) => made.primaryKey())
      .addColumn('last_id', 'integer', (made) => made.notNull())
      .addColumn('hash', 'text', (made) => made.notNull())
      .addColumn('at_ms', 'integer', (made) => made.notNull())
      .addColumn('seal', 'text', (made) => made.notNull())
      .execute();
    await sql`drop trigger steps_no_delete`.execute(db);
    await sql`create trigger steps_no_delete before delete on steps
      when old.id > coalesce((select max(last_id) from steps_pruned), 0)
      begin select raise(abort, 'steps: append only'); end`.execute(db);
    for (const change of ['update', 'delete'])
      await sql`create trigger ${sql.raw(`steps_pruned_no_${change}`)} before ${sql.raw(change)} on steps_pruned
        begin select raise(abort, 'steps_pruned: append only'); end`.execute(db);
  },
};
