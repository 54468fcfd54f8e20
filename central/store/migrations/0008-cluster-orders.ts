/** What central does in the cluster itself. */
import type { Migration } from 'kysely/migration';

const TEXTS = [
  'cluster',
  'action',
  'target',
  'incident',
  'policy',
  'actor',
  'reason',
  'state',
  'before',
  'seen',
  'detail',
  'released_by',
] as const;
const NUMBERS = ['issued_ms', 'not_after_ms', 'lease_ms', 'until_ms'] as const;

export const clusterOrders: Migration = {
  async up(db) {
    let table = db.schema.createTable('cluster_orders').addColumn('id', 'text', (made) => made.primaryKey());
    for (const column of TEXTS) table = table.addColumn(column, 'text', (made) => made.notNull());
    for (const column of NUMBERS) table = table.addColumn(column, 'integer', (made) => made.notNull());
    await table.execute();
    await db.schema.createIndex('cluster_orders_state').on('cluster_orders').column('state').execute();
  },
};
