/** Orders that freeze and kill, and what nodes found when they looked whether an order took effect. */
import type { Migration } from 'kysely/migration';

export const effects: Migration = {
  async up(db) {
    for (const column of ['freeze', 'kill'] as const)
      await db.schema
        .alterTable('orders')
        .addColumn(column, 'integer', (made) => made.notNull().defaultTo(0))
        .execute();
    await db.schema
      .alterTable('orders')
      .addColumn('effect', 'text', (made) => made.notNull().defaultTo(''))
      .execute();
  },
};
