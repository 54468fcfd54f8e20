/** How picket's own code is run: the pinned Node, its flags, and the emitted code or the sources. */
import { existsSync } from 'node:fs';
import { pinnedNode } from './pinned-node.mjs';
import { at, cache } from './root.mjs';
import { become, environment, SetUpError } from './run.mjs';

/** PICKET_INTERNAL_SOURCES=1: development runs the sources as they are. */
export function runsSources() {
  return process.env.PICKET_INTERNAL_SOURCES === '1';
}

/**
 * Also in the Dockerfile's start script; a test compares them. node:sqlite still announces itself as experimental on
 * every start, which is for us and not for operators. A small young generation and one compiler thread hold the
 * agent's memory 6 MB lower at no cost that we could measure: it makes little garbage. Saving memory makes V8 collect
 * before garbage is as large as what lives (on a large machine it waits for four times that) and give emptied pages back
 * to the kernel: without it they stay with the process for as long as it has work.
 */
export const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--max-semi-space-size=1',
  '--memory-saver-mode',
  '--v8-pool-size=1',
];

/** Ends this process's own part: what follows is picket's. */
export function becomePicket(args) {
  const main = runsSources() ? 'cli/main.ts' : 'dist/cli/main.js';
  if (!existsSync(at(main))) throw new SetUpError(`${main} is not there; \`npm run build\` makes it`);
  // Code compiled by one start is read back by the next: 0.2 s of parsing is most of a start otherwise.
  const extra = { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? `${cache}/compile` };
  become(pinnedNode(), [...NODE_FLAGS, at(main), ...args], environment(extra));
}
