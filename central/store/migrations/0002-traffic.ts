/** What windows say of traffic. */
import type { Migration } from 'kysely/migration';

const COLUMNS = ['bytes_in', 'bytes_out', 'segments', 'datagrams', 'dns_questions', 'dns_failures'] as const;

export const traffic: Migration = {
  async up(db) {
    for (const column of COLUMNS)
      await db.schema
        .alterTable('windows')
        .addColumn(column, 'integer', (made) => made.notNull().defaultTo(0))
        .execute();
  },
};
