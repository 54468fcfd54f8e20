/** What V8 does with memory under the flags that every picket process runs with. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../architecture/sources.ts';

/** By a name that is not known at compile time: the launcher is plain JavaScript. */
const { NODE_FLAGS } = (await import(join(root, 'cli/setup/command.mjs'))) as {
  NODE_FLAGS: readonly string[];
};

/** As an agent: something lives, some garbage is always made, and now and then a burst of it. */
const SCRIPT = `
const { readFileSync } = require('node:fs');
const things = (count) => Array.from({ length: count }, (_, i) => ({ i, text: 'x' + i, list: [i] }));
const live = things(100000);
let recent = [];
const work = () => {
  recent.push(things(2000));
  if (recent.length > 10) recent.shift();
};
const mebibytes = () => Number(/RssAnon:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
let burst = things(500000);
const most = mebibytes();
burst = null;
const began = Date.now();
setInterval(() => {
  work();
  if (mebibytes() > 60 && Date.now() - began < 40000) return;
  console.log(JSON.stringify({ most, after: mebibytes(), kept: live.length }));
  process.exit(0);
}, 10);
`;

test('pages that a burst of garbage filled go back to the kernel while work goes on', () => {
  const { stdout } = spawnSync(process.execPath, [...NODE_FLAGS, '-e', SCRIPT], { encoding: 'utf8' });
  const { most, after } = JSON.parse(stdout) as { most: number; after: number };
  expect(most).toBeGreaterThan(80);
  expect(after).toBeLessThan(60);
}, 60_000);
