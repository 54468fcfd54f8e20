/** `picket up` as a process: both children, the first screen, Ctrl-C, and the death of a child. Needs root and a kernel that takes the probes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { agentClient } from '../../cli/client/agent-client.ts';
import { unpin } from '../../cli/demo/unpin.ts';
import { kernelRefusal } from '../../cli/up/kernel.ts';
import { runPicket } from './run-picket.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
// Of this process, so that two runs side by side do not meet.
const PORT = 20_000 + ((process.pid * 4) % 30_000);

async function whyNot(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'not root';
  try {
    return await kernelRefusal();
  } catch (error) {
    return (error as Error).message;
  }
}
const reason = await whyNot();
if (reason !== null) console.log(`skipped: picket up: ${reason}`);

let folder = '';
let up: ChildProcess | null = null;
let shown = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-test-'));
  shown = '';
});
afterEach(async () => {
  if (up !== null && up.exitCode === null) {
    const ended = new Promise((resolve) => up?.once('close', resolve));
    up.kill('SIGTERM');
    await ended;
  }
  await unpin(pins());
  rmSync(folder, { recursive: true, force: true });
});

const pins = (): string => `/sys/fs/bpf/picket-test-${process.pid}`;

function start(...more: string[]): { ended: Promise<number | null> } {
  const flags = {
    'state-folder': folder,
    'pin-folder': pins(),
    'central-listen': `127.0.0.1:${PORT}`,
    'central-url': `https://127.0.0.1:${PORT}`,
    'api-listen': `127.0.0.1:${PORT + 1}`,
    'agent-listen': `127.0.0.1:${PORT + 2}`,
    'central-metrics-listen': `127.0.0.1:${PORT + 3}`,
  };
  const child = spawn(
    process.execPath,
    [MAIN, 'up', ...Object.entries(flags).map((flag) => `--${flag.join('=')}`), ...more],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      shown += chunk;
    });
  up = child;
  return { ended: new Promise((resolve) => child.once('close', resolve)) };
}

async function untilShown(pattern: RegExp): Promise<void> {
  for (let tries = 0; !pattern.test(shown); tries++) {
    if (tries > 300) throw new Error(`never shown: ${pattern}\n${shown}`);
    await sleep(100);
  }
}

describe.skipIf(reason !== null)('picket up', { timeout: 60_000 }, () => {
  test('shows what it found, says ready, and stops both on Ctrl-C', async () => {
    const { ended } = start();
    await untilShown(/^ready node=/m);

    expect(shown).toMatch(/^Hooks {6}\d+ of \d+ attached/m);
    expect(shown).toMatch(/^Learning {3}0 of /m);
    expect(shown).toContain('Policy     observe');
    expect(shown).toContain(`Alert log  ${folder}/agent/alerts.ndjson`);
    const { pid } = (await agentClient(folder).get('/status')) as { pid: number };

    up?.kill('SIGINT');

    expect(await ended).toBe(0);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  test('with a second one beside it on the same state folder, the second says why it cannot start', async () => {
    const first = start();
    await untilShown(/^ready node=/m);
    const one = up;
    shown = '';

    const second = start();

    expect(await second.ended).toBe(1);
    // Both are refused; whichever ends first is told.
    expect(shown).toMatch(/^picket: (central|agent) ended with exit code 1; last lines of .*\.log:\n/m);
    expect(shown).toMatch(/EADDRINUSE|another agent runs with this state folder/);
    one?.kill('SIGTERM');
    expect(await first.ended).toBe(0);
  });

  test('when the agent dies, it says how, stops central and fails', async () => {
    const { ended } = start();
    await untilShown(/^ready node=/m);
    const { pid } = (await agentClient(folder).get('/status')) as { pid: number };

    process.kill(pid, 'SIGKILL');

    expect(await ended).toBe(1);
    expect(shown).toContain(`picket: agent was ended by SIGKILL; last lines of ${folder}/logs/agent.log:`);
    expect(readFileSync(join(folder, 'logs', 'central.log'), 'utf8')).toContain('central stops');
    expect((await runPicket(['status', '--state-folder', folder])).code).toBe(3);
  });

  test('on the shipped recording it says so, and tells of the attack in plain words', async () => {
    const { ended } = start('--recorded');
    await untilShown(/^ready node=/m);

    expect(shown).toContain('Recorded   it was asked for (--recorded)\n');
    await untilShown(
      /^\d\d:\d\d:\d\d {2}\w+ +demo\/web-\S+: ALERT node ran dash with a command line that joins a shell to a connection/m,
    );

    up?.kill('SIGINT');
    expect(await ended).toBe(0);
  });
});
