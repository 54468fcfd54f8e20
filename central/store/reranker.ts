/** Versions of the re-ranking model, what became of each, and which is chosen. */
import { KEPT, type KeptModel, type Place, type RerankerStore } from '../feedback/reranker.ts';
import type { Model } from '../feedback/reranking.ts';
import type { Handle } from './rows.ts';

/** Versions of before they were compared spoke as soon as they were made. */
function keptOf({ document, made_ms }: { document: string; made_ms: number }): KeptModel {
  const saved = JSON.parse(document) as Model & { place?: Place; placedMs?: number };
  const { place = 'promoted', placedMs = made_ms, ...model } = saved;
  return { model, madeMs: made_ms, place, placedMs };
}

export function rerankerStore(db: Handle): RerankerStore {
  return {
    async save({ model, madeMs, place, placedMs }) {
      const row = { made_ms: madeMs, document: JSON.stringify({ ...model, place, placedMs }) };
      await db
        .insertInto('rerankers')
        .values({ version: model.version, ...row })
        .onConflict((conflict) => conflict.column('version').doUpdateSet(row))
        .execute();
      const kept = db.selectFrom('rerankers').select('version').orderBy('made_ms', 'desc').limit(KEPT);
      // What is in force is kept, however many candidates were dropped since.
      const promoted = (await db.selectFrom('rerankers').selectAll().orderBy('made_ms', 'desc').execute())
        .map(keptOf)
        .filter((one) => one.place === 'promoted')
        .toSorted((a, b) => b.placedMs - a.placedMs)[0];
      await db
        .deleteFrom('rerankers')
        .where('version', 'not in', kept)
        .where('version', '!=', promoted?.model.version ?? '')
        .execute();
    },
    async models(most) {
      const rows = await db
        .selectFrom('rerankers')
        .selectAll()
        .orderBy('made_ms', 'desc')
        .limit(most)
        .execute();
      return rows.map(keptOf);
    },
    async choice() {
      const row = await db.selectFrom('reranking').select('choice').executeTakeFirst();
      return row?.choice ?? 'latest';
    },
    async choose(choice, { actor, atMs }) {
      const row = { choice, actor, at_ms: atMs };
      await db
        .insertInto('reranking')
        .values({ id: 1, ...row })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
        .execute();
    },
  };
}
