/** Where things are, and what the set-up leaves behind. All of it is ignored by git and made again when deleted. */

import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');

/** Lock, stamp of the system packages, compile cache. */
export const cache = join(root, '.cache');

/** A path below the root; an absolute path stays as it is. */
export function at(...parts) {
  return resolve(root, ...parts);
}
