/** Orders that refuse what is executed, by BPF LSM. */
import type { Migration } from 'kysely/migration';

export const execDeny: Migration = {
  async up(db) {
    await db.schema
      .alterTable('orders')
      .addColumn('exec_deny', 'integer', (made) => made.notNull().defaultTo(0))
      .execute();
  },
};
