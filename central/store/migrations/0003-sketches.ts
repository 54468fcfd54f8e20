/** Sketches of workloads: one row for what one node said of one day. */
import type { Migration } from 'kysely/migration';

const TEXTS = ['cluster', 'workload', 'node', 'what', 'kind', 'params', 'key_id'] as const;

export const sketches: Migration = {
  async up(db) {
    let table = db.schema.createTable('sketches');
    for (const column of TEXTS) table = table.addColumn(column, 'text', (made) => made.notNull());
    for (const column of ['version', 'day_ms', 'last_ms'] as const)
      table = table.addColumn(column, 'integer', (made) => made.notNull());
    await table
      .addColumn('bytes', 'blob', (made) => made.notNull())
      .addPrimaryKeyConstraint('sketches_key', [...TEXTS, 'version', 'day_ms'] as never[])
      .execute();
    await db.schema.createIndex('sketches_day_ms').on('sketches').columns(['day_ms']).execute();
  },
};
