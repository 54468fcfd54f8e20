/** What a subject writes: lines to the file of --out, or to standard output. */
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { UsageError } from '../args.ts';
import type { Call } from '../command.ts';

/** @throws UsageError when the flag is missing. */
export function needed(call: Call, flag: string): string {
  const value = call.flags[flag];
  const [subject = ''] = call.positionals;
  if (typeof value !== 'string') throw new UsageError(`evaluate ${subject}: --${flag} is missing`);
  return value;
}

export async function writeLines(call: Call, lines: Iterable<string>): Promise<void> {
  const path = call.flags['out'];
  if (typeof path !== 'string') {
    for (const text of lines) call.io.out(text);
    return;
  }
  const file = createWriteStream(path);
  const done = finished(file);
  for (const text of lines) file.write(text);
  file.end();
  await done;
}

/** A number as it is written: seven digits. */
export const round = (value: number): number => Number(value.toPrecision(7));
