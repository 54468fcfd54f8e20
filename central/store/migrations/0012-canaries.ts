/** What each node's canaries came to: one row a node. */
import type { Migration } from 'kysely/migration';

export const canaries: Migration = {
  async up(db) {
    await db.schema
      .createTable('canaries')
      .addColumn('cluster', 'text', (made) => made.notNull())
      .addColumn('node', 'text', (made) => made.notNull())
      .addColumn('interval_ms', 'integer', (made) => made.notNull())
      .addColumn('since_ms', 'integer', (made) => made.notNull())
      .addColumn('proved_ms', 'integer', (made) => made.notNull())
      .addColumn('failures', 'integer', (made) => made.notNull())
      .addColumn('result', 'text', (made) => made.notNull())
      .addColumn('detail', 'text', (made) => made.notNull())
      .addColumn('detect_ms', 'real', (made) => made.notNull())
      .addColumn('notify_ms', 'real', (made) => made.notNull())
      .addColumn('notified_ms', 'integer', (made) => made.notNull())
      .addPrimaryKeyConstraint('canaries_key', ['cluster', 'node'])
      .execute();
  },
};
