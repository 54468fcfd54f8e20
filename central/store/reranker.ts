/** Versions of the re-ranking model, and which of them is in force. */
import { KEPT, type RerankerStore } from '../feedback/reranker.ts';
import type { Model } from '../feedback/reranking.ts';
import type { Handle } from './rows.ts';

export function rerankerStore(db: Handle): RerankerStore {
  return {
    async save({ model, madeMs }) {
      const row = { made_ms: madeMs, document: JSON.stringify(model) };
      await db
        .insertInto('rerankers')
        .values({ version: model.version, ...row })
        .onConflict((conflict) => conflict.column('version').doUpdateSet(row))
        .execute();
      const kept = db.selectFrom('rerankers').select('version').orderBy('made_ms', 'desc').limit(KEPT);
      await db.deleteFrom('rerankers').where('version', 'not in', kept).execute();
    },
    async models(most) {
      const rows = await db
        .selectFrom('rerankers')
        .selectAll()
        .orderBy('made_ms', 'desc')
        .limit(most)
        .execute();
      return rows.map(({ document, made_ms }) => ({ model: JSON.parse(document) as Model, madeMs: made_ms }));
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
