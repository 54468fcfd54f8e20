/**
 * What `npm run test:cluster` runs: the image, the cluster, the steps on it, and nothing left. What cannot be had on this
 * machine (a module proxy, Go) makes all steps skipped, anything else fails.
 * `--keep` leaves the cluster up; other arguments are vitest's.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { debianRoot, programs, UNAVAILABLE, UnavailableError } from './binaries.ts';
import { type Cluster, down, up } from './cluster.ts';
import { picketImage } from './image.ts';
import { alertmanagerRoot } from './people.ts';
import { assertRoom } from './room.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Counted by `npm run test:cluster`. */
const report = join(ROOT, '.cache/cluster-report.json');
async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = Date.now();
  const made = await work();
  console.log(`cluster: ${what}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
  return made;
}

/** Vitest inside: its own servers are where pods reach them. */
function startSteps(cluster: Cluster, args: readonly string[]): ChildProcess {
  mkdirSync(dirname(report), { recursive: true });
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const config = ['--config', join(import.meta.dirname, 'vitest.config.ts')];
  // nsenter goes to the root folder.
  const enter = ['sh', '-c', 'cd "$0" && exec "$@"', ROOT, process.execPath];
  const [program = '', ...argv] = cluster.inside([...enter, vitest, 'run', ...config, ...reporters, ...args]);
  const env = { ...process.env, PICKET_CLUSTER: cluster.folder, PICKET_CLUSTER_INSIDE: cluster.namespace };
  return spawn(program, argv, { stdio: 'inherit', env });
}

let steps: ChildProcess | undefined;
let left: Promise<void> | undefined;
/** The cluster goes, also one that is not up yet; asked twice, once. */
function leave(): Promise<void> {
  steps?.kill('SIGTERM');
  left ??= timed('down', () => down());
  return left;
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void leave().finally(() => process.exit(130)));

async function main(args: readonly string[]): Promise<number> {
  let cluster: Cluster;
  try {
    await timed('programs', async () => [await programs(), await alertmanagerRoot()]);
    await assertRoom(await debianRoot());
    const image = await timed('image', picketImage);
    cluster = await timed('up', () => up());
    await timed('image imported', () => cluster.importImage(image));
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    console.log(`cluster tests skipped: ${error.message}`);
    return UNAVAILABLE;
  }
  try {
    steps = startSteps(
      cluster,
      args.filter((argument) => argument !== '--keep'),
    );
    const [code] = (await once(steps, 'exit')) as [number | null];
    return code ?? 1;
  } finally {
    if (!args.includes('--keep')) await leave();
  }
}

process.exitCode = await main(process.argv.slice(2));
