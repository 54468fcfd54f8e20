/** The append-only table of what was done, by whom; each line is chained to the one before with the audit key. */
import { createHmac } from 'node:crypto';
import type { Step } from '../respond/execute.ts';
import type { Handle } from './rows.ts';

export interface StepStore {
  append(step: Step): Promise<void>;
  /** The first line whose hash does not follow from the one before, or null when all do. */
  firstBroken(): Promise<number | null>;
}

interface Chained {
  at_ms: number;
  actor: string;
  action: string;
  incident: string;
  order_id: string;
  text: string;
}
const START = '';

/** JSON of a list: no value can be moved from one field to the next. */
function hashOf(key: Uint8Array, previous: string, row: Chained): string {
  const { at_ms, actor, action, incident, order_id, text } = row;
  const line = JSON.stringify([previous, at_ms, actor, action, incident, order_id, text]);
  return createHmac('sha256', key).update(line).digest('hex');
}

export function stepStore(db: Handle, key: Uint8Array): StepStore {
  return {
    async append(step) {
      const last = await db
        .selectFrom('steps')
        .select('hash')
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst();
      const previous = last?.hash ?? START;
      const { atMs, actor, action, incident, order, text } = step;
      const row = { at_ms: atMs, actor, action, incident, order_id: order, text };
      await db
        .insertInto('steps')
        .values({ ...row, previous, hash: hashOf(key, previous, row) })
        .execute();
    },
    async firstBroken() {
      let [previous, after] = [START, 0];
      for (;;) {
        const rows = await db
          .selectFrom('steps')
          .selectAll()
          .where('id', '>', after)
          .orderBy('id')
          .limit(1000)
          .execute();
        for (const row of rows) {
          if (row.previous !== previous || row.hash !== hashOf(key, previous, row)) return row.id;
          previous = row.hash;
          after = row.id;
        }
        if (rows.length < 1000) return null;
      }
    },
  };
}
