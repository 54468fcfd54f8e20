/** Processes that `picket up` starts: their ready line, their end, and why. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Child } from '../../cli/child.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function start(program: string, onLine?: (line: string) => void): Child {
  const entry = join(folder, 'entry.mjs');
  writeFileSync(entry, program);
  return new Child({
    entry,
    args: ['agent', '--flag'],
    logFile: join(folder, 'logs', 'agent.log'),
    environment: process.env,
    ...(onLine === undefined ? {} : { onLine }),
  });
}

test('hands over the ready line, the lines after it, and stops in order', async () => {
  const lines: string[] = [];
  const child = start(
    `process.on('SIGTERM', () => { console.log('more'); process.exit(0); }); setInterval(() => {}, 1000);
     console.log('hello'); console.log('ready ' + process.argv.slice(2).join(' '));`,
    (line) => lines.push(line),
  );

  expect(await child.ready).toBe('ready agent --flag');
  await child.stop();
  await child.stop();

  expect(lines).toEqual(['hello', 'more']);
  expect(await child.ended).toEqual({ code: 0, signal: null });
});

test('a line of JSON is told as people read it: what it says and why, without the stack', async () => {
  const err = { message: 'notify-file: 2 problem(s)\n  one\n  two', stack: 'Error\n  at deep' };
  const line = JSON.stringify({ level: 60, msg: 'central could not start', err });
  const child = start(`console.error(${JSON.stringify(line)}); console.error('{"x":1}'); process.exit(2);`);

  await expect(child.ready).rejects.toThrow(
    /agent\.log:\n {2}central could not start: notify-file: 2 problem\(s\)\n {4}one\n {4}two\n {2}\{"x":1\}$/,
  );
});

test('says why a child ended before it was ready, with the end of its log', async () => {
  const child = start(`console.error('one'); console.error('the port is taken'); process.exit(1);`);

  await expect(child.ready).rejects.toThrow(
    `agent ended with exit code 1; last lines of ${join(folder, 'logs', 'agent.log')}:\n  one\n  the port is taken`,
  );
});
