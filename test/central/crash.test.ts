import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CentralReady } from '../../central/central.ts';
import { attack, container, summary } from '../builders/summaries.ts';
import {
  callApi,
  connectNode,
  EXAMPLES,
  enrol,
  startCentral,
  type TestCentral,
  temporaryFolder,
} from './harness.ts';

const MAIN = join(import.meta.dirname, '../../central/main.ts');
let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

/** The process itself, as it is shipped; what it can be reached by comes from its line `ready`. */
async function startProcess(): Promise<{ child: ChildProcess; ready: CentralReady }> {
  const free = '127.0.0.1:0';
  const child = spawn(
    process.execPath,
    [
      MAIN,
      ...['--state-folder', folder.path, '--log-level', 'error'],
      ...['--central-listen', free, '--api-listen', free, '--central-metrics-listen', free],
      ...['--policy-files', join(EXAMPLES, 'enforce-demo.yaml')],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] } },
  );
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const fields = new Map(
    line
      .toString()
      .trim()
      .split(' ')
      .map((field) => field.split('=', 2) as [string, string]),
  );
  const file = (name: string): string => join(folder.path, 'central', name);
  const at = (name: string): string => fields.get(name) ?? '';
  const ready = {
    agents: at('agents'),
    api: at('api'),
    metrics: at('metrics'),
    audit: '',
    database: at('database'),
    policies: [at('policies')],
    files: {
      ca: file('ca.crt'),
      joinToken: file('join-token'),
      apiToken: file('api-token'),
      auditToken: file('audit-token'),
    },
  };
  return { child, ready };
}

it('keeps every summary that it acknowledged when it is killed in the middle', {
  timeout: 30_000,
}, async () => {
  const first = await startProcess();
  expect(first.ready.policies).toEqual(['enforce-demo:enforce']);
  const identity = await enrol(first.ready);
  const node = connectNode(first.ready, identity);
  const acknowledged = new Set<number>();
  const bodies = Array.from({ length: 400 }, (_, index) =>
    attack([container(`web-${index}`)], { sequence: index + 1 }),
  );
  const sending = bodies.map(async (body, index) => {
    await node.send(body).then(
      ({ status }) => status === 200 && acknowledged.add(index + 1),
      () => null,
    );
    // In the middle of the stream of answers, with requests under way.
    if (acknowledged.size === 40) first.child.kill('SIGKILL');
  });
  const [[, signal]] = await Promise.all([once(first.child, 'exit'), Promise.race([Promise.all(sending)])]);
  node.close();
  expect([signal, acknowledged.size >= 40, acknowledged.size < bodies.length]).toEqual([
    'SIGKILL',
    true,
    true,
  ]);

  const second = await startProcess();
  const again = connectNode(second.ready, identity);
  const lost: number[] = [];
  for (const sequence of acknowledged) {
    const sent = await again.send(summary({ sequence }));
    if (sent.reply?.duplicate !== true) lost.push(sequence);
  }
  const { value } = await callApi(second.ready, { method: 'GET', path: '/api/v1/incidents' });
  again.close();
  second.child.kill('SIGTERM');
  const [code] = await once(second.child, 'exit');
  expect([lost, code]).toEqual([[], 0]);
  expect(value['incidents']).not.toEqual([]);
});

it('ends with 2 and says all that is wrong with its settings', async () => {
  const child = spawn(process.execPath, [MAIN, '--retention', '1s', '--no-such', 'x'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (piece) => {
    said += piece;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(2);
  expect(said).toContain('--no-such: no such setting');
  expect(said).toContain('--retention: "1s" is not milliseconds from 3600000');
});

/** A file system of its own, as small as the test wants it; null where the kernel does not let us. */
function smallDisk(path: string): (() => void) | null {
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m,mode=0700', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return null;
  }
  return () => execFileSync('umount', [path]);
}

it('answers 503 on a full disk, keeps what it acknowledged, half of nothing', async (test) => {
  const path = join(folder.path, 'disk');
  const unmount = smallDisk(path);
  if (unmount === null) return test.skip('a small file system cannot be mounted here');

  let central: TestCentral | null = null;
  try {
    central = await startCentral({ folder: path });
    await fillUp(central);
  } finally {
    await central?.stop();
    unmount();
  }
});

/** Sends until the disk is full. */
async function fillUp(central: TestCentral): Promise<void> {
  const node = central.node(await central.enrol());
  const containers = Array.from({ length: 200 }, (_, index) => container(`web-${index}`));
  let stored = 0;
  for (let sequence = 1; ; sequence += 1) {
    const sent = await node.send(
      attack(containers, {
        sequence,
        boot: `0b8a8f0e-6b0e-4d3c-9f43-${String(sequence).padStart(12, '0')}`,
        alerts: [],
        detections: [],
        windows: containers.map(({ id, workload }) => ({ container: id, workload, startNs: 0n, endNs: 1n })),
      }),
    );
    if (sent.status !== 200) {
      expect([sent.status, sent.error?.code]).toEqual([503, 'PICKET_STORE_FULL']);
      break;
    }
    stored += 1;
  }
  const { value } = await central.call('GET', '/api/v1/status');
  expect(value['rows']).toMatchObject({ summaries: stored, windows: stored * 200 });
  expect(stored).toBeGreaterThan(0);
  expect(
    await central.metric(
      'picket_central_requests_total{route="POST /v1/summaries",code="PICKET_STORE_FULL"}',
    ),
  ).toBe(1);
}
