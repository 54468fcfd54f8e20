/** `npm test`, `npm run check` and its twin `npm run fix`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { NODE_FLAGS } from './command.mjs';
import { pinnedNode } from './pinned-node.mjs';
import { at, root } from './root.mjs';
import { environment, runAttached } from './run.mjs';
import { setUp } from './set-up.mjs';
import { buildSteps } from './steps.mjs';
import { packagesStep, TEST_PACKAGES } from './system-packages.mjs';
import { closingLine, countTests } from './test-report.mjs';

const biome = (...args) => ['node_modules/@biomejs/biome/bin/biome', ...args];
const tsc = (...args) => ['node_modules/typescript/bin/tsc', ...args];
const vitest = (...args) => ['node_modules/vitest/vitest.mjs', 'run', ...args];

/** Name and arguments of the pinned Node, in the order in which a mistake is cheapest to find. */
const CHECKS = [
  ['format and lint', biome('check', '--error-on-warnings')],
  ['types', tsc('--noEmit', '-p', '.')],
  ['types of the tests', tsc('--noEmit', '-p', 'test')],
  ['imports, layout, lock file, documents', vitest('--reporter=dot', 'test/architecture')],
];

/** Everything `npm start` builds is built for the tests too: they run the emitted code and the addon. */
function prepare() {
  setUp([packagesStep(TEST_PACKAGES), ...buildSteps()]);
}

/** All checks are run, so that all mistakes are seen at once. Returns the exit code. */
export function check() {
  prepare();
  const failed = CHECKS.filter(([name, args]) => {
    const began = Date.now();
    const code = runAttached(pinnedNode(), args);
    process.stdout.write(`check: ${name}: ${code === 0 ? 'ok' : 'FAILED'} (${Date.now() - began} ms)\n`);
    return code !== 0;
  });
  return failed.length === 0 ? 0 : 1;
}

/** Repairs what can be repaired: the README's settings table, format, order of imports, lint where that is safe. */
export function fix() {
  prepare();
  const codes = [
    ['test/architecture/settings-table.ts'],
    ['test/architecture/hooks-table.ts'],
    ['test/architecture/coverage-table.ts'],
    ['test/architecture/fact-prior.ts'],
    biome('check', '--write'),
  ].map((args) => runAttached(pinnedNode(), args));
  return codes.every((code) => code === 0) ? 0 : 1;
}

/** What takes too long for the tests, by hand; the agent that it starts gets the flags of this process. */
const byHand = (file) => (args) => {
  prepare();
  return runAttached(pinnedNode(), [...NODE_FLAGS, file, ...args]);
};
export const fuzz = byHand('test/fuzz/run.ts');
export const soak = byHand('test/soak/run.ts');

/** Tests that skip only where the kernel refuses the programs. */
const NEEDS_KERNEL = /\/kernel\/|^test\/(end-to-end|demo|containers|soak)\/|bench\.test/;

/** The kernel's reason not to run picket's programs, or null when it does. */
function kernelRefusal() {
  const script = `process.stdout.write(JSON.stringify(require(${JSON.stringify(at('build/Release/picket.node'))}).features().refusal))`;
  const asked = spawnSync(pinnedNode(), ['-e', script], { encoding: 'utf8', env: environment() });
  return asked.status === 0 ? JSON.parse(asked.stdout) : null;
}

/** Runs all tests, or those that the vitest arguments select, and ends with one line of counts. */
export function test(args) {
  prepare();
  const report = at('.cache/test-report.json');
  mkdirSync(dirname(report), { recursive: true });
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = runAttached(pinnedNode(), vitest(...reporters, ...args));
  const counts = countTests(JSON.parse(readFileSync(report, 'utf8')));
  const refusal = kernelRefusal();
  for (const { file, name } of counts.skippedTests) {
    process.stdout.write(`skipped: ${relative(root, file)}: ${name}\n`);
  }
  const unfair =
    refusal === null ? counts.skippedTests.filter(({ file }) => NEEDS_KERNEL.test(relative(root, file))) : [];
  if (refusal !== null) process.stdout.write(`kernel tests skipped: ${refusal}\n`);
  for (const { file, name } of unfair) {
    process.stdout.write(
      `FAILED: skipped although this kernel loads the programs: ${relative(root, file)}: ${name}\n`,
    );
  }
  const totals = {
    passed: counts.passed,
    failed: counts.failed + unfair.length,
    skipped: counts.skippedTests.length - unfair.length,
  };
  // Vitest also fails for what is no test: an error outside of one, or nothing found.
  if (code !== 0 && totals.failed === 0) totals.failed = 1;
  process.stdout.write(`${closingLine(totals)}\n`);
  return totals.failed === 0 ? 0 : 1;
}

/** Of test/cluster/run.ts: this machine has not what a cluster is made of. */
const UNAVAILABLE = 75;

/** The steps on a real cluster, which comes and goes with them; the closing line is as that of the tests. */
export function testCluster(args) {
  const report = at('.cache/cluster-report.json');
  rmSync(report, { force: true });
  const code = byHand('test/cluster/run.ts')(args);
  if (code === UNAVAILABLE) {
    const skipped = readdirSync(at('test/cluster/steps')).length;
    process.stdout.write(`${closingLine({ passed: 0, failed: 0, skipped })}\n`);
    return 0;
  }
  const counts = existsSync(report)
    ? countTests(JSON.parse(readFileSync(report, 'utf8')))
    : { passed: 0, failed: 1, skippedTests: [] };
  const failed = code !== 0 && counts.failed === 0 ? 1 : counts.failed;
  process.stdout.write(
    `${closingLine({ passed: counts.passed, failed, skipped: counts.skippedTests.length })}\n`,
  );
  return failed === 0 ? 0 : 1;
}
