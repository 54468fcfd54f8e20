/** What is deleted when its time is over is found by its time. Without these, each batch of 500 went through the whole table. */
import type { Migration } from 'kysely/migration';

const TIMES = [
  ['plans', 'made_ms'],
  ['cluster_orders', 'issued_ms'],
  ['dead_letters', 'at_ms'],
  ['session_alerts', 'at_ms'],
  ['containers', 'last_seen_ms'],
] as const;

export const ages: Migration = {
  async up(db) {
    for (const [table, column] of TIMES)
      await db.schema.createIndex(`${table}_${column}`).on(table).columns([column]).execute();
  },
};
