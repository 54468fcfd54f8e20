/** Who entered which container, as nodes tell it, and the alerts about what came of it. */
import type { Migration } from 'kysely/migration';

const TEXTS = [
  'cluster',
  'node',
  'boot',
  'root',
  'container',
  'namespace',
  'pod',
  'name',
  'workload',
] as const;
const MORE_TEXTS = ['exe', 'args_sha256', 'identities', 'named_by'] as const;
const NUMBERS = ['at_ms', 'pid', 'args_count', 'args_bytes', 'args_cut'] as const;
const KEY = ['cluster', 'node', 'boot', 'root'] as const;

export const sessions: Migration = {
  async up(db) {
    let table = db.schema.createTable('sessions');
    for (const column of [...TEXTS, ...MORE_TEXTS])
      table = table.addColumn(column, 'text', (made) => made.notNull());
    for (const column of NUMBERS) table = table.addColumn(column, 'integer', (made) => made.notNull());
    await table.addPrimaryKeyConstraint('sessions_key', [...KEY] as never[]).execute();
    let alerts = db.schema.createTable('session_alerts');
    for (const column of [...KEY, 'alert'])
      alerts = alerts.addColumn(column, 'text', (made) => made.notNull());
    alerts = alerts.addColumn('at_ms', 'integer', (made) => made.notNull());
    await alerts.addPrimaryKeyConstraint('session_alerts_key', [...KEY, 'alert'] as never[]).execute();
    for (const [on, columns] of [
      ['sessions', ['namespace', 'pod', 'at_ms']],
      ['sessions', ['at_ms']],
      ['session_alerts', ['alert']],
      ['pod_entries', ['namespace', 'pod', 'at_ms']],
    ] as const)
      await db.schema
        .createIndex([on, ...columns].join('_').concat('_index'))
        .on(on)
        .columns([...columns])
        .execute();
  },
};
