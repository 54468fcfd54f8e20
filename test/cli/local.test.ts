/** Commands that ask the agent of this machine, against a fake one on a real socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Fake, startFakeAgent, startFakeCentral } from './fake-central.ts';
import { runPicket } from './run-picket.ts';

let folder = '';
const running: Fake[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-test-'));
});
afterEach(async () => {
  for (const fake of running.splice(0)) await fake.stop();
  rmSync(folder, { recursive: true, force: true });
});

const WORKLOADS = {
  workloads: [
    {
      workload: 'local/demo/Deployment/web/web',
      state: 'young',
      periods: 24,
      starts: 2,
      incomplete: 0,
      withheld: 0,
      containers: 2,
    },
    {
      workload: 'local/-/Node/n1/host',
      state: 'learning',
      periods: 3,
      starts: 0,
      incomplete: 1,
      withheld: 2,
      containers: 1,
    },
  ],
};

test('workloads shows state, age and what was left out', async () => {
  const agent = await startFakeAgent(folder, { 'GET /workloads': [200, WORKLOADS] });
  running.push(agent);

  expect(await runPicket(['workloads', ...agent.flags])).toEqual({
    code: 0,
    error: '',
    out: [
      'WORKLOAD                       CONTAINERS  STATE     PERIODS LEARNT  STARTS  QUALITY',
      'local/demo/Deployment/web/web  2           young     24 (2 min)      2       complete',
      'local/-/Node/n1/host           1           learning  3 (15 s)        0       1 periods with losses left out, 2 with detections left out',
      '',
    ].join('\n'),
  });
  expect(JSON.parse((await runPicket(['workloads', '--json', ...agent.flags])).out)).toEqual(WORKLOADS);
});

test('workloads without an agent is exit code 3 and names the socket', async () => {
  const { code, error } = await runPicket(['workloads', '--state-folder', folder]);

  expect(code).toBe(3);
  expect(error).toContain(`the agent at ${folder}/agent/agent.sock does not answer`);
});

test('status shows the part that answers, and why the other does not', async () => {
  const agent = await startFakeAgent(folder, {
    'GET /status': [
      200,
      { node: 'n1', hooks: [{ name: 'a', state: 'attached', reason: null }], lost: { full: 2 } },
    ],
  });
  running.push(agent);

  const { code, out } = await runPicket(['status', ...agent.flags]);

  expect(code).toBe(0);
  expect(out).toContain(
    'agent\n  node: n1\n  hooks:\n    name=a state=attached\n  lost:\n    full: 2\ncentral\n  not reachable: ',
  );
});

test('status is exit code 3 when nothing answers, and 1 when central refuses the token', async () => {
  expect((await runPicket(['status', '--state-folder', folder])).code).toBe(3);
  const central = await startFakeCentral(folder, {
    'GET /api/v1/status': [401, { error: { code: 'PICKET_TOKEN', message: 'no token that is known here' } }],
  });
  running.push(central);

  expect(await runPicket(['status', ...central.flags])).toMatchObject({
    code: 1,
    error: expect.stringContaining('no token that is known here'),
  });
});
