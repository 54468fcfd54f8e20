/** Orders that deny the network but for a list. */
import type { Migration } from 'kysely/migration';

export const allow: Migration = {
  async up(db) {
    await db.schema
      .alterTable('orders')
      .addColumn('allow', 'text', (made) => made.notNull().defaultTo('[]'))
      .execute();
  },
};
