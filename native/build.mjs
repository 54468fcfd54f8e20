/**
 * Builds build/Release/picket.node: `node native/build.mjs`; with `--sanitize`, after that, build-sanitize/Release/picket.node
 * under address and undefined-behaviour sanitizers. The compiler's words go to this process's output; the
 * exit code is the build's. What is up to date is left alone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const sanitize = process.argv.includes('--sanitize');
const out = fileURLToPath(new URL(sanitize ? '../build-sanitize' : '../build', import.meta.url));

/** cmake refuses a cache that was made in another folder, as after a copy of the tree. */
function isFromElsewhere() {
  const cache = join(out, 'CMakeCache.txt');
  if (!existsSync(cache)) return false;
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1];
  return join(home ?? '', '.') !== join(here, '.').replace(/\/$/, '');
}

const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
const action = isFromElsewhere() ? 'rebuild' : 'build';
const options = [
  '-d',
  here,
  '-O',
  out,
  '--log-level',
  'error',
  ...(sanitize ? ['--CDPICKET_SANITIZE=ON'] : []),
];
const result = spawnSync(process.execPath, [cmakeJs, action, ...options], { stdio: 'inherit' });
if (result.error) throw result.error;
process.exitCode = result.status ?? 1;
