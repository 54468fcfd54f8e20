/**
 * The test cluster by hand:
 *
 *   node test/cluster/main.ts up | down        bring it up, take it away
 *   node test/cluster/main.ts kubectl ...      and helm ...: against it, as admin
 *   node test/cluster/main.ts inside CMD...    a command with its network and files
 *   node test/cluster/main.ts build [programs] programs and image, or those alone, into the cache; ends with 75 where that cannot be
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { debianRoot, programs, UNAVAILABLE, UnavailableError } from './binaries.ts';
import { attach, down, up } from './cluster.ts';
import { picketImage } from './image.ts';
import { alertmanagerRoot } from './people.ts';
import { assertRoom } from './room.ts';

/** On this terminal; returns the exit code. */
async function attached(argv: readonly string[]): Promise<number> {
  const cluster = attach();
  const [program = '', ...args] = cluster.inside(argv);
  const env = { ...process.env, KUBECONFIG: cluster.kubeconfig };
  const done = spawnSync(program, args, { stdio: 'inherit', env });
  return done.status ?? 1;
}

const COMMANDS: Readonly<Record<string, (args: string[]) => Promise<number>>> = {
  up: async () => {
    const began = Date.now();
    const cluster = await up();
    console.log(`up after ${((Date.now() - began) / 1000).toFixed(1)} s in ${cluster.folder}`);
    return 0;
  },
  down: async () => {
    await down();
    return 0;
  },
  build: async ([part]) => {
    await assertRoom(await debianRoot());
    for (const make of part === 'programs' ? [programs] : [programs, alertmanagerRoot, picketImage])
      console.log(await make());
    return 0;
  },
  kubectl: async (args) => attached([join(await programs(), 'kubectl'), ...args]),
  helm: async (args) => attached([join(await programs(), 'helm'), ...args]),
  inside: attached,
};

const [name = '', ...args] = process.argv.slice(2);
const command = COMMANDS[name];
if (command === undefined) {
  console.log(
    readFileSync(import.meta.filename, 'utf8')
      .split('*/')[0]
      ?.replace(/^\/?\*+ ?| \* ?/gm, ''),
  );
  process.exitCode = 2;
} else
  process.exitCode = await command(args).catch((error: unknown) => {
    if (!(error instanceof UnavailableError)) throw error;
    console.log(error.message);
    return UNAVAILABLE;
  });
