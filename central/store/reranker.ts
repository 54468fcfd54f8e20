/** Versions of the re-ranking model, what became of each, and which is chosen. */
import { KEPT, type KeptModel, type Place, promotedOf, type RerankerStore } from '../feedback/reranker.ts';
import type { Model } from '../feedback/reranking.ts';
import type { Handle } from './rows.ts';

/** Versions of before they were compared spoke as soon as they were made. */
function keptOf({ document, made_ms }: { document: string; made_ms: number }): KeptModel {
  const saved = JSON.parse(document) as Model & { place?: Place; placedMs?: number };
  const { place = 'promoted', placedMs = made_ms, ...model } = saved;
  return { model, madeMs: made_ms, place, placedMs };
}

/** The newest; what is in force or was chosen is among them, however many candidates were dropped since. */
function mostOf(
  all: readonly KeptModel[],
  { most, choice }: { most: number; choice: string },
): readonly KeptModel[] {
  const held = new Set([promotedOf(all)?.model.version, choice]);
  let room = most - all.filter(({ model }) => held.has(model.version)).length;
  return all.filter(({ model }) => {
    if (held.has(model.version)) return true;
    room -= 1;
    return room >= 0;
  });
}

export function rerankerStore(db: Handle): RerankerStore {
  async function choice(): Promise<string> {
    const row = await db.selectFrom('reranking').select('choice').executeTakeFirst();
    return row?.choice ?? 'latest';
  }
  async function models(most: number): Promise<readonly KeptModel[]> {
    const rows = await db.selectFrom('rerankers').selectAll().orderBy('made_ms', 'desc').execute();
    return mostOf(rows.map(keptOf), { most, choice: await choice() });
  }
  return {
    async save({ model, madeMs, place, placedMs }) {
      const row = { made_ms: madeMs, document: JSON.stringify({ ...model, place, placedMs }) };
      await db
        .insertInto('rerankers')
        .values({ version: model.version, ...row })
        .onConflict((conflict) => conflict.column('version').doUpdateSet(row))
        .execute();
      const versions = (await models(KEPT)).map((one) => one.model.version);
      await db.deleteFrom('rerankers').where('version', 'not in', versions).execute();
    },
    models,
    choice,
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
