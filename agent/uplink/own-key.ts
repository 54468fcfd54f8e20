/** The hash key of an agent to which central has given none: sketches under it merge with nobody's. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HashKey, hashKey } from '../../kit/sketch/hash-key.ts';

const FILE = 'own-hash-key';

/** The one kept in the agent's folder, made where there is none or where it is none. */
export function ownHashKey(folder: string): HashKey {
  const path = join(folder, FILE);
  try {
    return hashKey(readFileSync(path, 'utf8').trim(), true);
  } catch {
    // Missing, or cut by a crash while it was written: nobody else knows it, so a new one is as good.
    const secret = randomBytes(32).toString('hex');
    writeFileSync(path, `${secret}\n`, { mode: 0o600 });
    return hashKey(secret, true);
  }
}
