/**
 * Stamps: a step is skipped when its inputs look as they did when it last succeeded. A stamp lives inside what the
 * step made, so that deleting the result deletes the stamp. Names, sizes and modification times are compared, not
 * contents: a second start looks at some two hundred files and has to do so in a few milliseconds.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { at } from './root.mjs';

const SKIPPED = new Set(['node_modules', 'generated', 'build', 'dist', '.cache']);

/** One line of a file or of every file below a folder, in a fixed order; a missing input is a line too. */
function* lines(path) {
  const found = statSync(at(path), { throwIfNoEntry: false });
  if (!found) yield `${path} absent`;
  else if (!found.isDirectory()) yield `${path} ${found.size} ${found.mtimeMs}`;
  else
    for (const name of readdirSync(at(path)).sort()) {
      if (!SKIPPED.has(name)) yield* lines(join(path, name));
    }
}

/** Short text that changes with the inputs (paths relative to the root) and with the given extra words. */
export function fingerprint(inputs, extra = []) {
  const hash = createHash('sha256');
  for (const word of extra) hash.update(`${word}\n`);
  for (const input of inputs) for (const line of lines(input)) hash.update(`${line}\n`);
  return hash.digest('hex').slice(0, 32);
}

/** True when the stamp file holds this fingerprint and every output exists. */
export function isFresh(stamp, print, outputs) {
  if (!outputs.every((output) => existsSync(at(output)))) return false;
  try {
    return readFileSync(at(stamp), 'utf8') === print;
  } catch {
    // No stamp: the step never succeeded here.
    return false;
  }
}

export function writeStamp(stamp, print) {
  mkdirSync(dirname(at(stamp)), { recursive: true });
  writeFileSync(at(stamp), print);
}
