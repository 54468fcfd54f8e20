/** The first tables. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** `name type` pairs to columns; all NOT NULL. */
async function table(
  db: Kysely<unknown>,
  name: string,
  options: {
    columns: Readonly<Record<string, 'text' | 'integer' | 'real' | 'blob'>>;
    key: readonly string[];
  },
): Promise<void> {
  let builder = db.schema.createTable(name);
  for (const [column, type] of Object.entries(options.columns))
    builder = builder.addColumn(column, type, (made) => made.notNull());
  await builder.addPrimaryKeyConstraint(`${name}_key`, options.key as never[]).execute();
}

/** With an ascending number for a key. */
async function journal(
  db: Kysely<unknown>,
  name: string,
  columns: Readonly<Record<string, 'text' | 'integer'>>,
): Promise<void> {
  let builder = db.schema
    .createTable(name)
    .addColumn('id', 'integer', (made) => made.primaryKey().autoIncrement());
  for (const [column, type] of Object.entries(columns))
    builder = builder.addColumn(column, type, (made) => made.notNull());
  await builder.execute();
}

const text = <K extends string>(...names: K[]): Record<K, 'text'> =>
  Object.fromEntries(names.map((name) => [name, 'text'])) as Record<K, 'text'>;
const integer = <K extends string>(...names: K[]): Record<K, 'integer'> =>
  Object.fromEntries(names.map((name) => [name, 'integer'])) as Record<K, 'integer'>;

async function reports(db: Kysely<unknown>): Promise<void> {
  await table(db, 'nodes', {
    columns: {
      ...text('cluster', 'node', 'boot', 'health'),
      ...integer('sequence', 'first_seen_ms', 'last_seen_ms'),
    },
    key: ['cluster', 'node'],
  });
  await table(db, 'containers', {
    columns: {
      ...text(
        'cluster',
        'node',
        'id',
        'name',
        'pod_uid',
        'pod',
        'namespace',
        'workload',
        'image',
        'image_digest',
      ),
      ...text('cgroup', 'runtime'),
      ...integer('live', 'first_seen_ms', 'last_seen_ms'),
    },
    key: ['cluster', 'node', 'id'],
  });
  await table(db, 'summaries', {
    columns: { ...text('cluster', 'node', 'boot'), ...integer('sequence', 'received_ms') },
    key: ['cluster', 'node', 'boot', 'sequence'],
  });
  await table(db, 'windows', {
    columns: {
      ...text('cluster', 'node', 'boot', 'container', 'workload', 'start_ns', 'end_ns', 'state'),
      ...integer(
        'wall_ms',
        'syscalls',
        'distinct_syscalls',
        'execs',
        'forks',
        'exits',
        'connects',
        'accepts',
      ),
      ...integer('failures', 'new_facts', 'lost'),
    },
    key: ['cluster', 'node', 'boot', 'container', 'start_ns'],
  });
  await table(db, 'detections', {
    columns: {
      ...text('id', 'cluster', 'node', 'boot', 'detector', 'severity', 'time_ns', 'container', 'workload'),
      ...text('process_start_ns', 'summary', 'alert', 'techniques', 'facts'),
      ...integer('wall_ms', 'pid'),
      score: 'real',
    },
    key: ['id'],
  });
  await table(db, 'alerts', {
    columns: {
      ...text(
        'id',
        'cluster',
        'node',
        'boot',
        'severity',
        'first_ns',
        'last_ns',
        'container',
        'workload',
        'title',
      ),
      ...text('explanation', 'detectors', 'techniques', 'quality', 'suppressed'),
      ...integer('first_wall_ms', 'last_wall_ms', 'count', 'revision'),
      score: 'real',
    },
    key: ['id'],
  });
}

async function responses(db: Kysely<unknown>): Promise<void> {
  await table(db, 'incidents', {
    columns: {
      ...text('id', 'cluster', 'state', 'severity', 'stage', 'title', 'document'),
      ...integer('first_ms', 'last_ms', 'revision', 'unanswered'),
    },
    key: ['id'],
  });
  await table(db, 'incident_alerts', { columns: text('alert', 'incident'), key: ['alert'] });
  await table(db, 'plans', {
    columns: { ...text('id', 'incident', 'state', 'document'), made_ms: 'integer' },
    key: ['id'],
  });
  await table(db, 'orders', {
    columns: {
      ...text(
        'id',
        'cluster',
        'node',
        'kind',
        'state',
        'pod_uid',
        'container_name',
        'container_id',
        'workload',
      ),
      ...text('reason', 'actor', 'incident', 'policy', 'releases', 'released_by', 'detail', 'key_id'),
      ...integer('network_deny', 'kill_on_exec', 'cut_probes', 'lease_ms', 'not_after_ms', 'until_ms'),
      ...integer('issued_ms', 'sent_ms'),
      payload: 'blob',
      signature: 'blob',
    },
    key: ['id'],
  });
  await table(db, 'exception_hits', {
    columns: { name: 'text', ...integer('hits', 'last_ms') },
    key: ['name'],
  });
  await table(db, 'dead_letters', {
    columns: { ...text('id', 'notifier', 'event', 'document', 'error'), ...integer('at_ms', 'tries') },
    key: ['id'],
  });
  await journal(db, 'policies', {
    ...text('kind', 'name', 'version', 'body', 'source', 'actor'),
    ...integer('at_ms', 'place'),
  });
  await journal(db, 'enrolments', {
    ...text('cluster', 'node', 'kind', 'serial', 'address'),
    ...integer('at_ms', 'not_after_ms'),
  });
  await journal(db, 'steps', {
    ...text('actor', 'action', 'incident', 'order_id', 'text', 'previous', 'hash'),
    at_ms: 'integer',
  });
}

const INDEXES: readonly (readonly [table: string, ...columns: string[]])[] = [
  ['summaries', 'received_ms'],
  ['windows', 'wall_ms'],
  ['detections', 'alert'],
  ['detections', 'wall_ms'],
  ['alerts', 'last_wall_ms'],
  ['incidents', 'last_ms'],
  ['incidents', 'unanswered'],
  ['incident_alerts', 'incident'],
  ['plans', 'incident'],
  ['orders', 'state'],
  ['orders', 'incident'],
  ['orders', 'issued_ms'],
  ['policies', 'name'],
  ['containers', 'workload'],
];

export const initial: Migration = {
  async up(db) {
    await reports(db);
    await responses(db);
    for (const [name, ...columns] of INDEXES)
      await db.schema
        .createIndex([name, ...columns].join('_'))
        .on(name)
        .columns(columns)
        .execute();
    for (const change of ['update', 'delete'])
      await sql`create trigger ${sql.raw(`steps_no_${change}`)} before ${sql.raw(change)} on steps
        begin select raise(abort, 'steps: append only'); end`.execute(db);
  },
};
