/** Rows of a file of comma-separated values, plain or gzip, with a line of names. No quotes: the sets have none. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export interface Csv {
  readonly names: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** @throws Error that names the file and what is wrong with it. */
export function readCsv(path: string): Csv {
  const bytes = readFileSync(path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  const [names = [], ...rows] = lines.map((line) => line.split(','));
  const odd = rows.findIndex((row) => row.length !== names.length);
  if (odd !== -1)
    throw new Error(`${path}:${odd + 2}: ${rows[odd]?.length} values under ${names.length} names`);
  return { names, rows };
}

/** Place of the column. @throws Error that names the file and the columns it has. */
export function columnOf(path: string, { names }: Csv, name: string): number {
  const at = names.indexOf(name);
  if (at === -1) throw new Error(`${path}: no column ${name}; it has ${names.slice(0, 20).join(', ')}`);
  return at;
}
