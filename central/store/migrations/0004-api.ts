/** What the Kubernetes API's activity is learnt as, and who entered which pod. */
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

async function table(
  db: Kysely<unknown>,
  name: string,
  options: { columns: Readonly<Record<string, 'text' | 'integer' | 'real'>>; key: readonly string[] },
): Promise<void> {
  let builder = db.schema.createTable(name);
  for (const [column, type] of Object.entries(options.columns))
    builder = builder.addColumn(column, type, (made) => made.notNull());
  await builder.addPrimaryKeyConstraint(`${name}_key`, options.key as never[]).execute();
}

export const api: Migration = {
  async up(db) {
    await table(db, 'api_habits', {
      columns: { cluster: 'text', kind: 'text', who: 'text', value: 'text', last_ms: 'integer' },
      key: ['cluster', 'kind', 'who', 'value'],
    });
    await table(db, 'api_tallies', {
      columns: { cluster: 'text', kind: 'text', observed: 'real', fresh: 'real' },
      key: ['cluster', 'kind'],
    });
    await table(db, 'pod_entries', {
      columns: {
        id: 'text',
        cluster: 'text',
        at_ms: 'integer',
        kind: 'text',
        user_name: 'text',
        user_groups: 'text',
        sources: 'text',
        user_agent: 'text',
        namespace: 'text',
        pod: 'text',
        container: 'text',
        command: 'text',
        outcome: 'text',
        provider: 'text',
      },
      key: ['cluster', 'id'],
    });
    await table(db, 'audit_files', {
      columns: { path: 'text', inode: 'integer', offset: 'integer', head: 'text' },
      key: ['path'],
    });
    await db.schema.createIndex('pod_entries_at_ms').on('pod_entries').columns(['at_ms']).execute();
    // What an alert is about: a container of a node, or the API. Who is behind it, as JSON, or empty.
    for (const [column, usual] of [
      ['kind', 'runtime'],
      ['identities', ''],
    ] as const)
      await db.schema
        .alterTable('alerts')
        .addColumn(column, 'text', (made) => made.notNull().defaultTo(usual))
        .execute();
  },
};
