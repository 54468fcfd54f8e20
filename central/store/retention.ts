/** Deletes what is older than its time, or beyond the size, in small batches: no summary waits long for the one connection. */
import { type RawBuilder, sql } from 'kysely';
import type { Handle } from './rows.ts';

const BATCH = 500;
/** Pages given back to the file system after a run. */
const PAGES = 2000;
/** The rest of a database that is over its size is deleted at the next run. */
const MOST_FOR_SIZE = 200_000;

/** What is that much younger than the oldest of all goes later, when there is too much. */
const ROUND_MS = 3_600_000;

/** What was seen: much, and worth little once it is told. */
const DETAILS = [
  ['windows', 'wall_ms'],
  ['detections', 'wall_ms'],
  ['summaries', 'received_ms'],
  ['sketches', 'day_ms'],
  ['pod_entries', 'at_ms'],
  ['sessions', 'at_ms'],
  ['session_alerts', 'at_ms'],
] as const;

/**
 * What was made of it, and done about it. What is in force is kept whatever its age. The sign before a column keeps SQLite from
 * its index: the one by time gives the oldest without sorting all that have ended.
 */
const ENDED = sql`+state in ('done', 'failed', 'refused', 'released', 'expired')`;
const STORY: readonly (readonly [table: string, column: string, and: RawBuilder<unknown> | null])[] = [
  ['incidents', 'last_ms', sql`+state not in ('contained', 'awaiting')`],
  ['plans', 'made_ms', sql`+state <> 'proposed'`],
  ['alerts', 'last_wall_ms', null],
  ['orders', 'issued_ms', ENDED],
  ['cluster_orders', 'issued_ms', ENDED],
  ['dead_letters', 'at_ms', null],
  ['containers', 'last_seen_ms', sql`+live = 0`],
  ['policies', 'ended_ms', sql`+place < 0`],
  ['enrolments', 'at_ms', null],
];

/** What no row elsewhere stands for any more, as from this table, and the rows that would. */
const LEFT_BEHIND: readonly (readonly [table: string, held: RawBuilder<unknown>])[] = [
  [
    'canaries',
    sql`exists (select 1 from nodes where nodes.cluster = canaries.cluster and nodes.node = canaries.node)`,
  ],
  [
    'exception_hits',
    sql`exists (select 1 from exceptions where exceptions.name = exception_hits.name)
      or exists (select 1 from policies where policies.name = exception_hits.name)`,
  ],
];

export interface Retention {
  readonly detailsBeforeMs: number;
  readonly storyBeforeMs: number;
  /** A node that was not heard since is forgotten. */
  readonly nodesBeforeMs: number;
  /** Exceptions that people made and that ended before it go. */
  readonly recordBeforeMs: number;
  /** Beyond it the oldest details go, then the oldest of the story; 0: any size. */
  readonly maxBytes: number;
}
/** Rows by table and by why they went. */
export type Deleted = readonly {
  readonly table: string;
  readonly reason: 'age' | 'size';
  readonly rows: number;
}[];

type Rule = (typeof STORY)[number];

/** Of all that these may delete; null: nothing is left. */
async function oldestOf(db: Handle, rules: readonly Rule[]): Promise<number | null> {
  const times: number[] = [];
  for (const [table, column, and] of rules) {
    const where = and === null ? sql`` : sql`where ${and}`;
    const { rows } = await sql<{ oldest: number | null }>`
      select min(${sql.ref(column)}) as oldest from ${sql.table(table)} ${where}`.execute(db);
    const oldest = rows[0]?.oldest ?? null;
    if (oldest !== null) times.push(oldest);
  }
  return times.length === 0 ? null : Math.min(...times);
}

/** One batch; fewer than BATCH: there are no more. */
async function deleteSome(db: Handle, [table, column, and]: Rule, beforeMs: number): Promise<number> {
  const where = sql`${sql.ref(column)} < ${beforeMs}${and === null ? sql`` : sql` and ${and}`}`;
  const order = sql`order by ${sql.ref(column)} limit ${BATCH}`;
  // Which alerts an incident had goes before it: a look for those of no incident would go through all that there are.
  if (table === 'incidents')
    await sql`delete from incident_alerts where incident in
      (select id from incidents where ${where} ${order})`.execute(db);
  const result = await sql`delete from ${sql.table(table)} where rowid in
    (select rowid from ${sql.table(table)} where ${where} ${order})`.execute(db);
  // Lets requests that wait for the connection go first.
  await new Promise((resolve) => setImmediate(resolve));
  return Number(result.numAffectedRows ?? 0n);
}

async function ofAge(db: Handle, limits: Retention, signal: AbortSignal): Promise<Deleted> {
  const rules = [
    ...DETAILS.map(([table, column]) => ({
      rule: [table, column, null] as const,
      beforeMs: limits.detailsBeforeMs,
    })),
    ...STORY.map((rule) => ({ rule, beforeMs: limits.storyBeforeMs })),
    { rule: ['nodes', 'last_seen_ms', null] as const, beforeMs: limits.nodesBeforeMs },
    { rule: ['exceptions', 'expires_ms', null] as const, beforeMs: limits.recordBeforeMs },
  ];
  const deleted: { table: string; reason: 'age'; rows: number }[] = [];
  for (const { rule, beforeMs } of rules) {
    let rows = 0;
    for (let last = BATCH; last === BATCH && !signal.aborted; rows += last)
      last = await deleteSome(db, rule, beforeMs);
    if (rows > 0) deleted.push({ table: rule[0], reason: 'age', rows });
  }
  return deleted;
}

async function leftBehind(db: Handle): Promise<Deleted> {
  const deleted: { table: string; reason: 'age'; rows: number }[] = [];
  for (const [table, held] of LEFT_BEHIND) {
    const result = await sql`delete from ${sql.table(table)} where rowid in
      (select ${sql.table(table)}.rowid from ${sql.table(table)} where not (${held}))`.execute(db);
    const rows = Number(result.numAffectedRows ?? 0n);
    if (rows > 0) deleted.push({ table, reason: 'age', rows });
  }
  return deleted;
}

/** Containers of nodes that were not heard since live no more: nobody is left to say so. Their node's next word brings them back. */
export async function endContainers(db: Handle, beforeMs: number): Promise<void> {
  await sql`update containers set live = 0 where live = 1 and (cluster, node) not in
    (select cluster, node from nodes where last_seen_ms >= ${beforeMs})`.execute(db);
}

/** Bytes in use: pages that are free will be written again. */
export async function bytesOf(db: Handle): Promise<number> {
  const one = async (name: string): Promise<number> => {
    const { rows } = await sql<Record<string, number>>`select * from ${sql.raw(`pragma_${name}`)}`.execute(
      db,
    );
    return Number(Object.values(rows[0] ?? {})[0] ?? 0);
  };
  return ((await one('page_count')) - (await one('freelist_count'))) * (await one('page_size'));
}

/** The oldest first whichever table it is in, details before the story, until it fits. */
async function ofSize(db: Handle, { maxBytes }: Retention, signal: AbortSignal): Promise<Deleted> {
  const rows = new Map<string, number>();
  let total = 0;
  const over = async (): Promise<boolean> =>
    maxBytes > 0 && total < MOST_FOR_SIZE && !signal.aborted && (await bytesOf(db)) > maxBytes;
  for (const rules of [DETAILS.map(([table, column]) => [table, column, null] as const), STORY])
    while (await over()) {
      const oldest = await oldestOf(db, rules);
      if (oldest === null) break;
      for (const rule of rules) {
        const some = await deleteSome(db, rule, oldest + ROUND_MS);
        if (some > 0) rows.set(rule[0], (rows.get(rule[0]) ?? 0) + some);
        total += some;
      }
    }
  return [...rows].map(([table, count]) => ({ table, reason: 'size', rows: count }));
}

/** Deletes until nothing is over its time or the signal is aborted. */
export async function deleteOld(db: Handle, limits: Retention, signal: AbortSignal): Promise<Deleted> {
  const deleted = [
    ...(await ofAge(db, limits, signal)),
    ...(await leftBehind(db)),
    ...(await ofSize(db, limits, signal)),
  ];
  if (deleted.length > 0) await sql`pragma incremental_vacuum(${sql.raw(String(PAGES))})`.execute(db);
  return deleted;
}
