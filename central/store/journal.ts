/** Documents in force and before, enrolments, dead letters. */
import type { Enrolment } from '../ingest/enrol.ts';
import type { DeadLetter } from '../notify/notifier.ts';
import type { PolicyDocument } from '../respond/policy.ts';
import type { Handle } from './rows.ts';

export interface JournalStore {
  /**
   * Puts these documents in force, in this order. Says which are new or changed, which are no more, and whether the
   * policies among them, which decide in their order, are others than before.
   */
  putInForce(
    documents: readonly PolicyDocument[],
    by: { actor: string; atMs: number },
  ): Promise<{
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly otherPolicies: boolean;
  }>;
  enrolled(enrolment: Enrolment, atMs: number): Promise<void>;
  bury(letter: DeadLetter): Promise<void>;
}

const nameOf = (document: { kind: string; name: string; version: string }): string =>
  `${document.kind} ${document.name}@${document.version}`;

const policiesIn = (documents: readonly Parameters<typeof nameOf>[0][]): string =>
  documents
    .filter(({ kind }) => kind === 'PicketPolicy')
    .map(nameOf)
    .join('\n');

export function journalStore(db: Handle): JournalStore {
  return {
    async putInForce(documents, { actor, atMs }) {
      const before = await db
        .selectFrom('policies')
        .select(['id', 'kind', 'name', 'version'])
        .where('place', '>=', 0)
        .orderBy('place')
        .execute();
      const known = new Map(before.map((row) => [nameOf(row), row.id]));
      const wanted = new Set(documents.map(nameOf));
      await db.updateTable('policies').set({ place: -1, ended_ms: atMs }).where('place', '>=', 0).execute();
      for (const [place, document] of documents.entries()) {
        const id = known.get(nameOf(document));
        if (id === undefined)
          await db
            .insertInto('policies')
            .values({ ...document, actor, at_ms: atMs, place, ended_ms: 0 })
            .execute();
        else await db.updateTable('policies').set({ place, ended_ms: 0 }).where('id', '=', id).execute();
      }
      return {
        added: [...wanted].filter((name) => !known.has(name)),
        removed: [...known.keys()].filter((name) => !wanted.has(name)),
        otherPolicies: policiesIn(before) !== policiesIn(documents),
      };
    },
    async enrolled({ cluster, node, kind, serial, notAfterMs, address }, atMs) {
      await db
        .insertInto('enrolments')
        .values({ at_ms: atMs, cluster, node, kind, serial, not_after_ms: notAfterMs, address })
        .execute();
    },
    async bury({ notifier, notification, error, tries, atMs }) {
      const document = JSON.stringify(notification);
      const row = {
        at_ms: atMs,
        notifier,
        event: notification.event,
        document,
        error: error.slice(0, 1000),
        tries,
      };
      await db
        .insertInto('dead_letters')
        .values({ id: `${notification.id}@${notifier}`, ...row })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
        .execute();
    },
  };
}
