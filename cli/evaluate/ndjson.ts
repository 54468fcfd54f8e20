/** Rows of a file of JSON lines, plain or gzip. A bad line ends the reading with an error that names file and line. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

export type Row = Readonly<Record<string, unknown>>;

/** @throws Error `file:line: what is wrong`. */
export class BadRowError extends Error {
  readonly code = 'PICKET_BAD_ROW';
}

const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parseRow(text: string): Row {
  const value: unknown = JSON.parse(text);
  if (!isRow(value)) throw new TypeError('not a JSON object');
  return value;
}

function lines(path: string): AsyncIterable<string> {
  const file = createReadStream(path);
  const input = path.endsWith('.gz')
    ? // What goes wrong, the reader of the last stream throws.
      pipeline(file, createGunzip(), () => undefined)
    : file;
  return createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
}

/** What `read` makes of each row; empty lines are skipped. */
export async function readRows<T>(path: string, read: (row: Row) => T): Promise<T[]> {
  const rows: T[] = [];
  let number = 0;
  for await (const line of lines(path)) {
    number += 1;
    if (line.trim() === '') continue;
    try {
      rows.push(read(parseRow(line)));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new BadRowError(`${path}:${number}: ${why}`);
    }
  }
  return rows;
}
