/** Small helpers of the store's files. */
import type { Kysely, Transaction } from 'kysely';
import type { Tables } from './schema.ts';

/** The database, or a transaction on it. */
export type Handle = Kysely<Tables> | Transaction<Tables>;

/** Rows per INSERT: SQLite takes 32,766 parameters in one statement, and a table has fewer than 100 columns. */
const ROWS = 100;

export function chunks<T>(list: readonly T[], size = ROWS): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < list.length; at += size) parts.push(list.slice(at, at + size));
  return parts;
}

export const texts = (json: string): string[] => JSON.parse(json) as string[];
export const flag = (value: boolean): number => (value ? 1 : 0);
