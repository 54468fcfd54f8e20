/** The addon under address and undefined-behaviour sanitizers, where `node native/build.mjs --sanitize` has built it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cleanUp, kernelRefusal, temporaryFolder } from './kernel-fixtures.ts';

const ROOT = join(import.meta.dirname, '../..');
const ADDON = join(ROOT, 'build-sanitize/Release/picket.node');
/** Opening and closing in every way, all that crosses the door, and batches as fast as they come. */
const TESTS = ['lifecycle', 'containment', 'probe', 'flood'].map(
  (name) => `test/native/kernel/${name}.test.ts`,
);

/** The runtime has to be there before anything else is loaded. */
function runtime(): string | null {
  try {
    const path = execFileSync('cc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
    return path.startsWith('/') && existsSync(path) ? path : null;
  } catch {
    return null;
  }
}

function refusal(): string | null {
  if (!existsSync(ADDON)) return 'not built: node native/build.mjs --sanitize';
  if (runtime() === null) return 'the compiler has no libasan';
  return kernelRefusal();
}

afterAll(cleanUp);

test('probes and containments run clean under sanitizers', { timeout: 300_000 }, (context) => {
  const reason = refusal();
  if (reason !== null) {
    console.log(`skipped: sanitizers: ${reason}`);
    return context.skip(reason);
  }
  const reports = temporaryFolder();
  const log = `log_path=${join(reports, 'report')}`;
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const ran = spawnSync(process.execPath, [vitest, 'run', '--project', 'machine', ...TESTS], {
    cwd: ROOT,
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      PICKET_INTERNAL_ADDON: ADDON,
      LD_PRELOAD: runtime() ?? '',
      // What Node itself never frees is not ours to find.
      ASAN_OPTIONS: `detect_leaks=0:${log}`,
      UBSAN_OPTIONS: `print_stacktrace=1:${log}`,
    },
  });
  const told = readdirSync(reports).map((name) => readFileSync(join(reports, name), 'utf8'));
  expect(told).toEqual([]);
  expect(ran.status, ran.stdout.slice(-4000)).toBe(0);
});
