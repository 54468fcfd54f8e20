/** Verdicts of people, the exceptions that follow from them, and the re-ranking that learns from them. */
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const feedback: Migration = {
  async up(db) {
    let verdicts = db.schema.createTable('feedback').addColumn('id', 'text', (made) => made.primaryKey());
    for (const column of ['actor', 'subject_kind', 'subject', 'verdict', 'reason', 'features'] as const)
      verdicts = verdicts.addColumn(column, 'text', (made) => made.notNull());
    await verdicts
      .addColumn('at_ms', 'integer', (made) => made.notNull())
      .addColumn('confidence', 'real', (made) => made.notNull())
      .execute();
    await db.schema.createIndex('feedback_subject').on('feedback').columns(['subject']).execute();
    await db.schema.createIndex('feedback_at_ms').on('feedback').columns(['at_ms']).execute();
    for (const change of ['update', 'delete'])
      await sql`create trigger ${sql.raw(`feedback_no_${change}`)} before ${sql.raw(change)} on feedback
        begin select raise(abort, 'feedback: append only'); end`.execute(db);
    let exceptions = db.schema
      .createTable('exceptions')
      .addColumn('name', 'text', (made) => made.primaryKey());
    for (const column of [
      'workload',
      'detector',
      'facts',
      'reason',
      'actor',
      'verdict',
      'revoked_by',
    ] as const)
      exceptions = exceptions.addColumn(column, 'text', (made) => made.notNull());
    for (const column of ['made_ms', 'expires_ms', 'revoked_ms'] as const)
      exceptions = exceptions.addColumn(column, 'integer', (made) => made.notNull());
    await exceptions.execute();
    await db.schema
      .createTable('rerankers')
      .addColumn('version', 'text', (made) => made.primaryKey())
      .addColumn('made_ms', 'integer', (made) => made.notNull())
      .addColumn('document', 'text', (made) => made.notNull())
      .execute();
    await db.schema
      .createTable('reranking')
      .addColumn('id', 'integer', (made) => made.primaryKey())
      .addColumn('choice', 'text', (made) => made.notNull())
      .addColumn('actor', 'text', (made) => made.notNull())
      .addColumn('at_ms', 'integer', (made) => made.notNull())
      .execute();
    await db.schema
      .createIndex('alerts_workload')
      .on('alerts')
      .columns(['workload', 'last_wall_ms'])
      .execute();
  },
};
