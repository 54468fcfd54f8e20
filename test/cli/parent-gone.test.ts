/** A child of `picket up` does not outlive its parent, however that went. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { PARENT_PIPE } from '../../cli/parent-pipe.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
// Follows a log that does not exist: runs until it is told to stop.
const ENDLESS = [MAIN, 'alerts', '--follow', '--state-folder', '/nonexistent'];

test('its standard input closes, and it stops by itself', async () => {
  const child = spawn(process.execPath, ENDLESS, {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { ...process.env, [PARENT_PIPE]: '1' },
  });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(child.exitCode).toBe(null);

  child.stdin.destroy();

  expect(await ended).toEqual({ code: 0, signal: null });
});

test('SIGTERM stops it too', async () => {
  const child = spawn(process.execPath, ENDLESS, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  await new Promise((resolve) => setTimeout(resolve, 700));

  child.kill('SIGTERM');

  expect(await ended).toEqual({ code: 0, signal: null });
});
