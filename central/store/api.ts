/** The API's activity: habits of identities, requests to enter pods, alerts about both, places in followed files. */
import type { FilePlace } from '../audit/follow.ts';
import type { ApiAlert } from '../audit/groups.ts';
import { FACT_KINDS, type KeptHabit, type Learnt, type Tally } from '../audit/habits.ts';
import type { PodEntry } from '../audit/watch.ts';
import { keepAlert } from './keep-alert.ts';
import { chunks, type Handle } from './rows.ts';

export interface ApiStore {
  habits(cluster: string): Promise<{ habits: readonly KeptHabit[]; tallies: readonly Tally[] }>;
  learn(cluster: string, learnt: Learnt): Promise<void>;
  /** Those that were not known. */
  addEntries(entries: readonly PodEntry[]): Promise<readonly PodEntry[]>;
  addAlert(cluster: string, alert: ApiAlert): Promise<void>;
  place(path: string): Promise<FilePlace | null>;
  setPlace(place: FilePlace): Promise<void>;
}

const isFactKind = (kind: string): kind is KeptHabit['kind'] =>
  (FACT_KINDS as readonly string[]).includes(kind);

function learning(db: Handle): Pick<ApiStore, 'habits' | 'learn'> {
  return {
    async habits(cluster) {
      const of = { habits: 'api_habits', tallies: 'api_tallies' } as const;
      const habits = await db
        .selectFrom(of.habits)
        .select(['kind', 'who', 'value', 'last_ms'])
        .where('cluster', '=', cluster)
        .orderBy('last_ms')
        .execute();
      const tallies = await db
        .selectFrom(of.tallies)
        .select(['kind', 'observed', 'fresh'])
        .where('cluster', '=', cluster)
        .execute();
      return {
        habits: habits.flatMap(({ kind, who, value, last_ms }) =>
          isFactKind(kind) ? [{ kind, who, value, lastMs: last_ms }] : [],
        ),
        tallies: tallies.flatMap(({ kind, ...tally }) => (isFactKind(kind) ? [{ kind, ...tally }] : [])),
      };
    },
    async learn(cluster, { habits, gone, tallies }) {
      for (const { kind, who, value } of gone)
        await db
          .deleteFrom('api_habits')
          .where('cluster', '=', cluster)
          .where('kind', '=', kind)
          .where('who', '=', who)
          .where('value', '=', value)
          .execute();
      const rows = habits.map(({ kind, who, value, lastMs }) => ({
        cluster,
        kind,
        who,
        value,
        last_ms: lastMs,
      }));
      for (const part of chunks(rows))
        await db
          .insertInto('api_habits')
          .values(part)
          .onConflict((conflict) =>
            conflict
              .columns(['cluster', 'kind', 'who', 'value'])
              .doUpdateSet(({ ref }) => ({ last_ms: ref('excluded.last_ms') })),
          )
          .execute();
      for (const tally of tallies)
        await db
          .insertInto('api_tallies')
          .values({ cluster, ...tally })
          .onConflict((conflict) => conflict.columns(['cluster', 'kind']).doUpdateSet(tally))
          .execute();
    },
  };
}

async function addEntry(db: Handle, entry: PodEntry): Promise<boolean> {
  const { id, cluster, atMs, kind, user, groups, sources, userAgent, namespace, pod, container } = entry;
  const result = await db
    .insertInto('pod_entries')
    .values({
      ...{ id, cluster, kind, namespace, pod, container, at_ms: atMs },
      ...{ user_name: user, user_groups: JSON.stringify(groups), sources: JSON.stringify(sources) },
      ...{ user_agent: userAgent, command: JSON.stringify(entry.command) },
      ...{ outcome: entry.outcome, provider: entry.from },
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows !== 0n;
}

export function apiStore(db: Handle): ApiStore {
  return {
    ...learning(db),
    async addEntries(entries) {
      const fresh: PodEntry[] = [];
      for (const entry of entries) if (await addEntry(db, entry)) fresh.push(entry);
      return fresh;
    },
    addAlert(cluster, alert) {
      const more = { kind: 'api', identities: JSON.stringify([alert.identity]) };
      return keepAlert(db, { cluster, node: '', boot: '' }, alert, more);
    },
    async place(path) {
      const row = await db.selectFrom('audit_files').selectAll().where('path', '=', path).executeTakeFirst();
      return row ?? null;
    },
    async setPlace(place) {
      await db
        .insertInto('audit_files')
        .values(place)
        .onConflict((conflict) => conflict.column('path').doUpdateSet(place))
        .execute();
    },
  };
}
