/**
 * The fleet's secret hash keys, newest first: nodes hash with the first, sketches of both are taken. A new one is made
 * when the first is older than a node's certificate lives; nodes get it with their next renewal, at the latest when two
 * thirds of that life are over, so that the one before is used by nobody when it is dropped.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../kit/clock.ts';
import { type HashKey, hashKey } from '../../kit/sketch/hash-key.ts';
import { NODE_DAYS } from './authority.ts';
import { readOrMakePrivate, readPrivate, replacePrivate } from './files.ts';

const FILE = 'hash-keys';
const ROTATE_MS = NODE_DAYS * 86_400_000;
const VALID = 2;

export interface HashKeys {
  /** The valid ones, newest first; makes a new one when it is time. */
  valid(): readonly HashKey[];
}

interface Line {
  readonly madeMs: number;
  readonly secret: string;
}

const newLine = (nowMs: number): string =>
  `${new Date(nowMs).toISOString()} ${randomBytes(32).toString('hex')}\n`;

function parse(path: string, text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, VALID)
    .map((line) => {
      const [made = '', secret = ''] = line.trim().split(' ');
      const madeMs = Date.parse(made);
      if (Number.isNaN(madeMs) || !/^[0-9a-f]{64}$/.test(secret))
        throw new Error(`${path}: a line is not a time and 32 bytes in hexadecimal`);
      return { madeMs, secret };
    });
}

/** The keys kept in `folder`, the first made there. @throws KeyFileError when others can read them. */
export async function openHashKeys(folder: string, clock: Clock): Promise<HashKeys> {
  const path = join(folder, FILE);
  await readOrMakePrivate(path, () => newLine(clock.wallMs()));
  const read = (): string => readPrivate(path) ?? '';
  let lines = parse(path, read());
  if (lines.length === 0) throw new Error(`${path}: no key in it`);
  return {
    valid() {
      const now = clock.wallMs();
      if ((lines[0]?.madeMs ?? 0) + ROTATE_MS <= now) {
        replacePrivate(path, `${newLine(now)}${read().split('\n')[0]}\n`);
        lines = parse(path, read());
      }
      return lines.map(({ secret }) => hashKey(secret));
    },
  };
}
