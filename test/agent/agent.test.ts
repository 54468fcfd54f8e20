import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Agent } from '../../agent/agent.ts';
import { openRecording } from '../../agent/events/recording.ts';
import { Opening } from '../../agent/opening.ts';
import { agentRows } from '../../agent/settings.ts';
import { systemClock } from '../../kit/clock.ts';
import { createLog } from '../../kit/log.ts';
import { readSettings } from '../../kit/read-settings.ts';
import { hashKey } from '../../kit/sketch/hash-key.ts';
import { decodeSketch } from '../../kit/sketch/sketch.ts';
import { execRecord, openRecord } from '../builders/records.ts';
import { cgroupPath, ID, podList, UID } from '../builders/world.ts';
import { type FakeAddon, fakeAddon } from '../fakes/addon.ts';
import { type FakeCentral, startFakeCentral } from '../fakes/central.ts';

vi.setConfig({ testTimeout: 20_000 });
const root = mkdtempSync(join(tmpdir(), 'picket-agent-'));
const cgroups = join(root, 'cgroups');
const clock = systemClock();
let central: FakeCentral;
const agents: Agent[] = [];

const PATH = cgroupPath(UID('1'), ID('a'));
beforeAll(async () => {
  central = await startFakeCentral(root);
  writeFileSync(join(root, 'authority.crt'), central.authority.certificate);
  writeFileSync(join(root, 'join-token'), `${central.token}\n`);
  mkdirSync(join(cgroups, PATH), { recursive: true });
  const pod = { uid: UID('1'), name: 'web-1', namespace: 'shop', containers: [{ name: 'web', id: ID('a') }] };
  writeFileSync(join(root, 'pods.json'), podList([pod]));
});
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.stop();
  central.stored.length = 0;
});
afterAll(async () => {
  await central.down();
  rmSync(root, { recursive: true });
});

interface More {
  readonly flags?: Record<string, string>;
  readonly addon?: FakeAddon;
  readonly record?: string;
  /** The kernel side is opened before the agent is made. */
  readonly early?: boolean;
}

function make(state: string, { flags = {}, addon = fakeAddon(), record, early = false }: More = {}) {
  const out: string[] = [];
  const settings = readSettings(agentRows, {
    environment: {},
    file: null,
    flags: {
      'state-folder': state,
      node: 'node-a',
      pods: join(root, 'pods.json'),
      'pods-interval': '200ms',
      window: '500ms',
      'cgroup-root': cgroups,
      'agent-listen': '127.0.0.1:0',
      'central-url': central.url,
      'ca-file': join(root, 'authority.crt'),
      'join-token-file': join(root, 'join-token'),
      'uplink-interval': '100ms',
      ...flags,
    },
  });
  const agent = new Agent({
    settings,
    node: settings.node,
    version: '0.0.0',
    log: createLog({ name: 'agent', level: 'silent' }),
    out: (text) => out.push(text),
    addon: () => addon,
    opening: early ? new Opening(addon, settings) : null,
    record: record === undefined ? null : { path: record, redact: false },
    replay: null,
  });
  agents.push(agent);
  return { agent, addon, out, socket: join(state, 'agent', 'agent.sock') };
}

const newState = (): string => mkdtempSync(join(root, 'state-'));
const cgroup = (): number => statSync(join(cgroups, PATH)).ino;
const shadow = (pid: number): Buffer =>
  openRecord({ slot: 2, cgroup: cgroup(), time: clock.bootNs(), pid, path: '/etc/shadow', exe: 'cat' });
const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 30_000, interval: 20 });

function get(
  from: { socketPath: string } | { port: number },
  path: string,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ ...from, path }, (answer) => {
      text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

const lines = (path: string): { kind: string; id: string; container: { workload: string } }[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

test('what the kernel tells becomes a line of the alert log and reaches central, under the same id', async () => {
  const { agent, addon } = make(newState());
  const ready = await agent.start();
  expect(ready).toMatchObject({ node: 'node-a', hooksAttached: 1, hooks: 1, containers: 1 });
  addon.emit(shadow(100));
  const line = await until(() => {
    const found = lines(ready.alertLog).find(({ kind }) => kind === 'detection');
    expect(found).toBeDefined();
    return found;
  });
  expect(line?.container.workload).toMatch(/^local\/shop\/.*\/web$/);
  await until(() =>
    expect(central.stored.flatMap(({ detections }) => detections.map(({ id }) => id))).toContain(line?.id),
  );
  const [named] = central.stored.flatMap(({ containers }) => containers).filter(({ name }) => name === 'web');
  expect(named).toMatchObject({ podUid: UID('1'), pod: 'web-1', namespace: 'shop', cgroup: cgroup() });
  // Windows alone may wait the 10 s that an uplink allows them.
  const windows = () => central.stored.flatMap((summary) => summary.windows);
  await vi.waitFor(() => expect(windows().length).toBeGreaterThan(0), { timeout: 20_000, interval: 20 });
});

test.each([
  'hashed',
  'dropped',
])('values that are %s stand nowhere in clear: log, standard output, summaries', async (how) => {
  const state = newState();
  const flags = { 'private-values': how, 'alert-log-stdout': 'true' };
  const { agent, addon, out } = make(state, { flags });
  const ready = await agent.start();
  const secret = { path: '/zq7folder/etc/shadow', exe: 'zq7tool' };
  addon.emit(openRecord({ slot: 2, cgroup: cgroup(), time: clock.bootNs(), pid: 100, ...secret }));
  const stored = () => central.stored.flatMap(({ detections, alerts }) => [...detections, ...alerts]);
  await vi.waitFor(() => expect(stored().length).toBeGreaterThan(1), { timeout: 20_000, interval: 20 });
  const everything = [
    readFileSync(ready.alertLog, 'utf8'),
    out.join(''),
    JSON.stringify(central.stored, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  ];
  for (const text of everything) {
    expect(text).toContain('private-values');
    expect(text).not.toMatch(/zq7|etc\/shadow/);
    expect(/hash:[0-9a-f]{16}/.test(text)).toBe(how === 'hashed');
  }
  expect(spawnSync('grep', ['-ra', 'zq7', join(state, 'agent', 'spool')], { encoding: 'utf8' }).stdout).toBe(
    '',
  );
});

test('its canary is a line of the log and no detection, and central is told that it was seen', async () => {
  const addon: FakeAddon = {
    ...fakeAddon(),
    async runCanary({ nonce }) {
      const args = ['picket-canary', nonce];
      const at = { slot: 1, cgroup: 1, time: clock.bootNs(), pid: 4242, parentPid: process.pid };
      this.emit(execRecord({ ...at, path: '/opt/picket/build/Release/picket-canary', args }));
      return 4242;
    },
  };
  const state = newState();
  const { agent, socket } = make(state, { addon, flags: { 'canary-interval': '1s' } });
  const { port, alertLog } = await agent.start();
  await until(() => expect(central.stored.flatMap(({ canaries }) => canaries)).not.toEqual([]));
  const [told] = central.stored.flatMap(({ canaries }) => canaries);
  expect(told).toMatchObject({ id: expect.stringMatching(/^can-/), result: 'seen', detail: '' });
  expect(told?.detectMs).toBeGreaterThan(0);
  expect(central.stored.at(-1)?.canaryIntervalMs).toBe(1000);
  expect(lines(alertLog)).toContainEqual(
    expect.objectContaining({ kind: 'canary', id: told?.id, pid: 4242 }),
  );
  expect(central.stored.flatMap(({ detections }) => detections)).toEqual([]);
  const { body } = await get({ port }, '/metrics');
  expect(body).toMatch(/^picket_agent_canaries_total\{result="seen"\} [1-9]/m);
  expect(body).toMatch(
    /^picket_agent_canary_last_success_timestamp_seconds 1\.\d+e9|^picket_agent_canary_last_success_timestamp_seconds \d{10}/m,
  );
  const status = JSON.parse((await get({ socketPath: socket }, '/status')).body);
  expect(status.numbers.canary).toMatchObject({ intervalMs: 1000, detectMs: expect.any(Number) });
});

test('an agent that does not know its number among the records says so', async () => {
  const addon = { ...fakeAddon(), numberRefusal: 'the kernel said no' };
  const { agent, socket } = make(newState(), { addon, flags: { 'central-url': '' } });
  await agent.start();
  const status = JSON.parse((await get({ socketPath: socket }, '/status')).body);
  expect(status.ownNumberProblem).toMatch(
    /^picket's own activity is recorded and counted.*: the kernel said no$/,
  );
});

test('what the kernel told before there was an agent is told by it, before what came later', async () => {
  const { agent, addon } = make(newState(), { flags: { 'central-url': '' }, early: true });
  addon.emit(shadow(100));
  addon.emit(shadow(200));
  const ready = await agent.start();
  addon.emit(shadow(300));

  const pids = await until(() => {
    const found = lines(ready.alertLog).filter(({ kind }) => kind === 'detection');
    expect(found.length).toBeGreaterThan(0);
    return found.map((line) => JSON.stringify(line).match(/"pid":(\d+)/)?.[1]);
  });
  expect(pids[0]).toBe('100');
});

test('a kernel side that was opened for an agent that cannot start is closed', async () => {
  const state = newState();
  const first = make(state, { flags: { 'central-url': '' } });
  await first.agent.start();
  const second = make(state, { flags: { 'central-url': '' }, early: true });

  await expect(second.agent.start()).rejects.toThrow(/another agent/);
  await second.agent.stop();
  expect(second.addon.probe.closed).toBe(true);
});

test('sketches of its workloads go up under the key that central gave', async () => {
  const { agent, addon } = make(newState(), { flags: { 'sketch-interval': '1s' } });
  await agent.start();
  let pid = 500;
  const sent = await until(() => {
    // In each interval something: the first may still be under the agent's own key.
    pid += 1;
    addon.emit(shadow(pid));
    const found = central.stored.flatMap(({ sketches }) => sketches);
    const keys = found.flatMap(({ sketches }) => sketches.map(({ key }) => key));
    expect(keys).toContain(hashKey('5a'.repeat(32)).id);
    return found;
  });
  for (const { sketches } of sent) for (const sketch of sketches) decodeSketch(sketch);
  expect(sent.map(({ workload }) => workload)).toContainEqual(expect.stringMatching(/^local\//));
});

test('it watches and says why when a newer version holds the containments of this node', async () => {
  const addon = fakeAddon();
  addon.pinRefusal = 'v3 was pinned by a newer version';
  const { agent, socket } = make(newState(), { addon });
  const { port } = await agent.start();
  const status = JSON.parse((await get({ socketPath: socket }, '/status')).body) as { containment: unknown };
  expect(status.containment).toEqual({
    enabled: false,
    adopted: false,
    refusal: 'v3 was pinned by a newer version',
  });
  expect((await get({ port: port ?? 0 }, '/metrics')).body).toContain(
    'picket_agent_containment_refused{code="PICKET_PIN_NEWER"} 1',
  );
});

test('an order cuts the container off, survives the agent, and its release restores it', async () => {
  const state = newState();
  const addon = fakeAddon();
  const first = make(state, { addon });
  await first.agent.start();
  await until(() => expect(central.streams()).toBe(1));
  const target = { podUid: UID('1'), containerName: 'web' };
  const order = { cluster: 'local', node: 'node-a', leaseMs: 600_000, notAfterMs: clock.wallMs() + 600_000 };
  central.push(central.sign({ ...order, id: 'ord-1', kind: 'contain', target, networkDeny: true }));
  const reports = (): string[] =>
    central.stored.flatMap(({ orderReports }) =>
      orderReports.map(({ order: id, state: found }) => `${id} ${found}`),
    );
  await until(() => expect(reports()).toEqual(['ord-1 applied']));
  const entry = addon.containments.entries.get(cgroup());
  await first.agent.stop();
  expect(addon.containments.entries.get(cgroup())).toEqual(entry);

  const second = make(state, { addon: fakeAddon(addon.containments) });
  await second.agent.start();
  expect(addon.containments.entries.get(cgroup())).toEqual(entry);
  await until(() => expect(central.streams()).toBe(1));
  central.push(central.sign({ ...order, id: 'ord-2', kind: 'release', releases: 'ord-1' }));
  await until(() => expect(reports()).toEqual(['ord-1 applied', 'ord-1 released', 'ord-2 applied']));
  expect(addon.containments.entries.size).toBe(0);
});

test('answers its owner on the socket, and metrics and health on the port', async () => {
  const { agent, addon, socket } = make(newState());
  const { port } = await agent.start();
  addon.emit(shadow(101));
  const status = JSON.parse((await get({ socketPath: socket }, '/status')).body);
  expect(status).toMatchObject({ node: 'node-a', cluster: 'local', ready: true, source: 'kernel' });
  const { containers } = JSON.parse((await get({ socketPath: socket }, '/containers')).body);
  expect(containers.map(({ name }: { name: string }) => name)).toEqual(['host', 'web']);
  expect((await get({ socketPath: socket }, '/workloads')).status).toBe(200);
  expect(JSON.parse((await get({ socketPath: socket }, '/containments')).body)).toEqual({
    leases: [],
    kernel: [],
  });
  expect((await get({ socketPath: socket }, '/nothing')).status).toBe(404);
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  const metrics = (await get({ port }, '/metrics')).body;
  expect(metrics).toMatch(/^picket_agent_detector_detections_total\{detector="rule"\} [1-9]/m);
  expect(metrics).toMatch(/^picket_agent_detections_total\{severity="\w+"\} [1-9]/m);
  expect(metrics).toContain('picket_agent_lost_total{reason="urgent-full"} 0');
  expect(metrics).toContain('picket_agent_lost_total{reason="frame-queue"} 0');
  expect((await get({ port }, '/healthz')).status).toBe(200);
  expect((await get({ port }, '/readyz')).status).toBe(200);
});

test('a second agent on the same state folder says so and leaves the first alone', async () => {
  const state = newState();
  const { agent, socket } = make(state);
  await agent.start();
  await expect(make(state).agent.start()).rejects.toMatchObject({ code: 'PICKET_IN_USE' });
  expect((await get({ socketPath: socket }, '/status')).status).toBe(200);
});

test('says why when the kernel refuses', async () => {
  const addon = fakeAddon();
  addon.refusal = 'Operation not permitted';
  await expect(make(newState(), { addon }).agent.start()).rejects.toMatchObject({
    code: 'PICKET_BPF_REFUSED',
    message: 'Operation not permitted',
  });
});

test('stops within a second, with its last window told and its socket gone', async () => {
  const { agent, addon, socket } = make(newState());
  await agent.start();
  const before = performance.now();
  await agent.stop();
  expect(performance.now() - before).toBeLessThan(1000);
  expect([addon.probe.closed, existsSync(socket)]).toEqual([true, false]);
});

test('works alone without an address of central', async () => {
  const state = newState();
  const { agent, addon } = make(state, { flags: { 'central-url': '' } });
  const { alertLog } = await agent.start();
  addon.emit(shadow(102));
  await until(() => expect(lines(alertLog).length).toBeGreaterThan(0));
  expect(existsSync(join(state, 'agent', 'spool'))).toBe(false);
});

test('its recording, played again, gives the same detections', async () => {
  const record = join(root, 'run.pkt.gz');
  const { agent, addon } = make(newState(), { flags: { 'central-url': '' }, record });
  const { alertLog } = await agent.start();
  addon.emit(shadow(103));
  await agent.stop();
  const ids = (path: string): string[] =>
    lines(path)
      .filter(({ kind }) => kind === 'detection')
      .map(({ id }) => id);
  const settings = readSettings(agentRows, {
    environment: {},
    file: null,
    flags: { 'state-folder': newState(), node: 'node-a', 'central-url': '', 'agent-listen': '127.0.0.1:0' },
  });
  const again = new Agent({
    settings,
    node: 'node-a',
    version: '0.0.0',
    log: createLog({ name: 'agent', level: 'silent' }),
    out: () => undefined,
    addon: () => {
      throw new Error('a replay loads no addon');
    },
    record: null,
    replay: { recording: await openRecording(record), speed: 100 },
  });
  agents.push(again);
  const ready = await again.start();
  await again.replayEnded();
  expect(ids(alertLog).length).toBeGreaterThan(0);
  expect(ids(ready.alertLog)).toEqual(ids(alertLog));
});
