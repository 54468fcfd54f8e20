/** What stands between a fresh clone and a running picket, in order. Each step knows whether it is done. */
import { cpSync, existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { pinnedNode, pinnedNodePath } from './pinned-node.mjs';
import { at } from './root.mjs';
import { run } from './run.mjs';
import { fingerprint, isFresh, writeStamp } from './stamp.mjs';
import { BUILD_PACKAGES, packagesStep } from './system-packages.mjs';

/** A step that runs `make` when its inputs or their number changed. */
function step(name, { inputs, extra = [], outputs, stamp, make }) {
  return {
    name,
    isDone: () => isFresh(stamp, fingerprint(inputs, extra), outputs),
    run() {
      // Taken before the work: an input that changes meanwhile makes the step run again.
      const print = fingerprint(inputs, extra);
      const words = make();
      writeStamp(stamp, print);
      return words ?? null;
    },
  };
}

/** By the lock file, with its hashes. */
function installPackages() {
  const lock = JSON.parse(readFileSync(at('package-lock.json'), 'utf8'));
  const { version } = lock.packages[pinnedNodePath().replace(/\/bin\/node$/, '')];
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    NODE_OPTIONS: `--require ${JSON.stringify(at('cli/setup/as-pinned-node.cjs'))}`,
    PICKET_INTERNAL_PINNED_NODE: `v${version}`,
  });
}

const nodeModules = () =>
  step('npm packages', {
    inputs: ['package-lock.json', 'package.json'],
    outputs: [pinnedNodePath()],
    stamp: 'node_modules/.picket-stamp',
    make: installPackages,
  });

const wire = () =>
  step('wire code', {
    inputs: ['wire', 'package-lock.json'],
    outputs: ['wire/generated/messages.js'],
    stamp: 'wire/generated/.stamp',
    make: () => void run(pinnedNode(), [at('wire/generate.mjs')]),
  });

const native = () =>
  step('kernel programs and addon', {
    inputs: [
      'native/bpf',
      'native/addon',
      'native/canary.c',
      'native/records.h',
      'native/build.mjs',
      'native/CMakeLists.txt',
      'native/package.json',
      'package-lock.json',
    ],
    outputs: ['build/Release/picket.node', 'build/Release/picket-canary'],
    stamp: 'build/Release/.picket-stamp',
    make: () => void run(pinnedNode(), [at('native/build.mjs')]),
  });

const SOURCES = ['agent', 'central', 'cli', 'kit', 'wire'];

/** What is read at run time beside the code: the demo's programs, recordings, the generated wire code. */
function isAsset(path) {
  if (path.endsWith('.ts')) return false;
  if (path.endsWith('.md') || path.endsWith('.proto') || basename(path).startsWith('.')) return false;
  return ![at('cli/setup'), at('cli/launch.mjs'), at('cli/picket.mjs'), at('wire/generate.mjs')].includes(
    path,
  );
}

/** Types are checked by `npm run check`; a start only takes them off, so that it does not pay for it. */
function emit() {
  // The tools of the set-up, and rules that the build makes one file of.
  const left = [at('cli/setup'), at('agent/rules/builtin')];
  const fresh = 'dist.new';
  rmSync(at(fresh), { recursive: true, force: true });
  run(pinnedNode(), [at('node_modules/typescript/bin/tsc'), '-p', '.', '--noCheck', '--outDir', fresh]);
  for (const folder of SOURCES) {
    cpSync(at(folder), at(fresh, folder), {
      recursive: true,
      filter: (from) => (statSync(from).isDirectory() ? !left.includes(from) : isAsset(from)),
    });
  }
  run(pinnedNode(), [at('cli/setup/vendor.mjs'), fresh]);
  run(pinnedNode(), [at('agent/rules/make-artefact.ts'), at(fresh, 'agent/rules/builtin.json')]);
  run(pinnedNode(), [at('cli/setup/bundle.mjs'), at(fresh)]);
  // Replaced as a whole: a file whose source is gone must not stay behind.
  rmSync(at('dist.old'), { recursive: true, force: true });
  if (existsSync(at('dist'))) renameSync(at('dist'), at('dist.old'));
  renameSync(at(fresh), at('dist'));
  rmSync(at('dist.old'), { recursive: true, force: true });
}

const javascript = () =>
  step('JavaScript', {
    inputs: [
      ...SOURCES,
      'wire/generated',
      'node_modules/.picket-stamp',
      'native/index.ts',
      'tsconfig.json',
      'package.json',
    ],
    outputs: ['dist/cli/main.js'],
    stamp: 'dist/.stamp',
    make: emit,
  });

/** What changes seldom and takes longest; an image keeps it as a layer. */
export const toolchainSteps = () => [packagesStep(BUILD_PACKAGES), nodeModules()];

export const buildSteps = () => [...toolchainSteps(), wire(), native(), javascript()];

/** Sources run as they are: nothing to emit. */
export const sourceSteps = () => [...toolchainSteps(), wire(), native()];
