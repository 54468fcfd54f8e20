import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Canary, CanaryFrame } from '../../agent/alerts/canary.ts';
import { Canaries, type CanaryParts } from '../../agent/canary.ts';
import { openRecording, RecordingWriter } from '../../agent/events/recording.ts';
import { callIds } from '../../agent/features/call-ids.ts';
import type { Container } from '../../agent/identity/container.ts';
import type { Canary as Told } from '../../wire/index.ts';
import { type execRecord, exitRecord, pairRecord } from '../builders/records.ts';
import { cgroupPath, ID, makePipeline, run, START, UID, World } from '../builders/world.ts';

const AGENT = 4000;
const NONCE = 'f00dfeed'.repeat(4);
const PATH = '/opt/picket/build/Release/picket-canary';
const CGROUP = 600;
const [EXECVE, VFORK, EXIT_GROUP] = [59, 58, 231];
const ids = callIds('x64');
const PAIR = (ids[VFORK] ?? 0) * 256 + (ids[EXECVE] ?? 0);

const canary = (change: object = {}): Parameters<typeof execRecord>[0] => ({
  slot: 2,
  cgroup: CGROUP,
  pid: 4242,
  parentPid: AGENT,
  start: START.bootNs,
  path: PATH,
  args: ['picket-canary', NONCE],
  ...change,
});

function agentsWorld(parent = AGENT): World {
  const world = new World();
  world.found([{ cgroup: CGROUP, slot: 2, path: cgroupPath(UID('1'), ID('a')) }]);
  world.pods([{ name: 'picket-1', uid: UID('1'), containers: [{ name: 'agent', id: ID('a') }] }]);
  world.frames.push({ kind: 'canary', nonce: NONCE, parent });
  return world;
}

test('the canary is seen and is nobody’s: in no window, learnt by nothing, part of no alert', () => {
  const world = agentsWorld();
  world.exec(canary());
  const its = { slot: 2, cgroup: CGROUP, pid: 4242, start: START.bootNs, time: world.later() };
  world.records(pairRecord({ ...its, tid: 4242, previous: VFORK, current: EXECVE }), exitRecord(its));
  world.tick({ calls: { 2: [0, EXECVE, EXIT_GROUP] }, pairs: { 2: [PAIR, 7] } });
  const [tick] = world.frames.slice(-1);
  if (tick?.kind !== 'tick') throw new Error('no tick');
  const made = tick.tick.slots.map((slot) =>
    slot.slot === 2 ? { ...slot, counts: [10, 1, 3], execs: 1, exits: 1 } : slot,
  );
  world.frames.splice(-1, 1, { kind: 'tick', tick: { ...tick.tick, slots: made } });
  const { told, pipeline } = run(world);
  expect(told.canaries).toMatchObject([{ pid: 4242, container: { id: ID('a') } }]);
  expect(told.detections).toEqual([]);
  const [window] = told.windows.filter(({ container }) => container.id === ID('a'));
  expect(window?.counts).toMatchObject({ execs: 0, exits: 0, syscalls: 12, distinctSyscalls: 2 });
  const workload = window?.container.identity.workload ?? '';
  expect(pipeline.registry.document(workload)).not.toContain('picket-canary');
});

test.each<[string, object]>([
  ['of another parent', { parentPid: AGENT + 1 }],
  ['with another nonce', { args: ['picket-canary', 'e'.repeat(32)] }],
  ['with more arguments', { args: ['picket-canary', NONCE, '-c'] }],
  ['of another name', { path: '/tmp/sh' }],
])('what is %s is judged like everything else', (_, change) => {
  const world = agentsWorld();
  world.exec(canary(change));
  world.tick();
  const { told, pipeline } = run(world);
  expect(told.canaries).toEqual([]);
  expect(pipeline.roles().own).toBe(1);
});

test('where the kernel does not say by which number records have the agent the nonce proves it, and its own number of the child is told', () => {
  const world = agentsWorld(0);
  world.exec(
    canary({ parentPid: 91_000, pid: 92_000, innerPid: 42, args: ['picket-canary', 'e'.repeat(32)] }),
  );
  world.exec(canary({ parentPid: 91_000, pid: 93_000, innerPid: 43 }));
  world.tick();
  const { told, pipeline } = run(world);
  expect(told.canaries).toMatchObject([{ pid: 93_000, innerPid: 43 }]);
  expect(pipeline.roles().own).toBe(1);
});

test('a nonce is good once, and only for one exec: what its process does next is judged', () => {
  const world = agentsWorld();
  world.exec(canary());
  world.exec(canary({ path: '/bin/sh', args: ['sh'] }));
  world.exec(canary({ pid: 4243 }));
  world.tick();
  const { told, pipeline } = run(world);
  expect(told.canaries).toHaveLength(1);
  expect(pipeline.roles().own).toBe(2);
});

test('a replay sees the canary of its recording, also of one without arguments', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'picket-canary-'));
  try {
    for (const redact of [false, true]) {
      const path = join(folder, `${redact}.pkt`);
      const start = { cluster: 'c1', node: 'n1', boot: 'b1', ...START, settings: {} };
      const writer = new RecordingWriter({ path, start, redact, maxBytes: 1e9 });
      const world = agentsWorld();
      world.exec(canary());
      world.tick();
      for (const frame of world.frames) writer.write(frame);
      await writer.close();
      const { pipeline, told } = makePipeline();
      for await (const frame of (await openRecording(path)).frames()) pipeline.frame(frame);
      expect(told.canaries).toHaveLength(1);
      expect(told.detections).toEqual([]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** The agent's side, with the machine in the test's hands. */
function watch(intervalMs = 60_000) {
  let nowNs = START.bootNs;
  let wallAheadMs = 0;
  const frames: CanaryFrame[] = [];
  const told: Told[] = [];
  const lines: Canary[] = [];
  let run: (nonce: string) => Promise<number> = async () => 77;
  const parts: CanaryParts = {
    intervalMs,
    clock: {
      bootNs: () => nowNs,
      wallMs: () => START.wallMs + wallAheadMs + Number((nowNs - START.bootNs) / 1_000_000n),
    },
    parent: () => 4000,
    run: (nonce) => run(nonce),
    push: (frame) => frames.push(frame),
    write: (seen) => lines.push(seen),
    tell: (one) => told.push(one),
    random: () => 0.5,
  };
  const canaries = new Canaries(parts);
  const seconds = async (count: number): Promise<void> => {
    nowNs += BigInt(Math.round(count * 1000)) * 1_000_000n;
    canaries.tick();
    await new Promise(setImmediate);
  };
  /** What the pipeline would say of the last one, `agoMs` after the kernel told of it. */
  const sees = async (pid: number, agoMs: number): Promise<void> => {
    const { canaryId } = await import('../../agent/alerts/canary.ts');
    const timeNs = nowNs - BigInt(agoMs) * 1_000_000n;
    const id = canaryId(frames.at(-1)?.nonce ?? '');
    canaries.seen(
      { id, pid: pid + 90_000, innerPid: pid, timeNs, container: {} as Container },
      parts.clock.wallMs(),
    );
  };
  return {
    canaries,
    frames,
    told,
    lines,
    seconds,
    sees,
    runs: (made: typeof run) => (run = made),
    setClock: (ms: number) => (wallAheadMs = ms),
  };
}

test('one that is seen in time proves it, and the next comes after the interval', async () => {
  const { canaries, frames, told, lines, seconds, sees } = watch();
  await seconds(29);
  expect(frames).toEqual([]);
  await seconds(1);
  expect(frames).toEqual([{ kind: 'canary', nonce: expect.stringMatching(/^[0-9a-f]{32}$/), parent: 4000 }]);
  await sees(77, 4);
  expect(lines).toHaveLength(1);
  expect(told).toEqual([
    {
      id: expect.stringMatching(/^can-[0-9a-f]{20}$/),
      result: 'seen',
      wallMs: START.wallMs + 30_000,
      detectMs: 4,
      detail: '',
    },
  ]);
  expect(canaries).toMatchObject({ failures: 0, detectMs: 4, provedMs: START.wallMs + 30_000 });
  await seconds(59);
  expect(frames).toHaveLength(1);
  expect(canaries.ageMs).toBe(59_000);
  await seconds(1);
  expect(frames).toHaveLength(2);
  expect(frames[1]?.nonce).not.toBe(frames[0]?.nonce);
});

test('one that is late, missed, not made, or of another process proves nothing, and the next comes soon', async () => {
  const { canaries, frames, told, seconds, sees, runs } = watch();
  const results = () => told.map(({ result }) => result);
  await seconds(30);
  await sees(77, 5001);
  await seconds(10);
  await sees(78, 1);
  await seconds(10);
  await seconds(29);
  expect(results()).toEqual(['late', 'forged']);
  await seconds(1);
  runs(() => Promise.reject(new Error('no such program')));
  await seconds(10);
  expect(results()).toEqual(['late', 'forged', 'missed', 'failed']);
  expect(told.at(-1)?.detail).toMatch(/no such program/);
  expect(canaries).toMatchObject({ failures: 4, provedMs: null });
  expect(canaries.results).toEqual({ seen: 0, late: 1, missed: 1, failed: 1, forged: 1 });
  runs(async () => 77);
  await seconds(10);
  await sees(77, 1);
  expect(canaries.failures).toBe(0);
  expect(frames).toHaveLength(5);
});

test('while one has not ended no other is started, and each that is due is told as failed', async () => {
  const { canaries, frames, told, seconds, sees, runs } = watch();
  const ends: (() => void)[] = [];
  runs(() => new Promise((resolve) => ends.push(() => resolve(77))));
  await seconds(30);
  await seconds(30);
  for (let n = 0; n < 5; n++) await seconds(10);
  expect([frames.length, ends.length]).toEqual([1, 1]);
  expect(told.map(({ result }) => result)).toEqual(['missed', ...Array(5).fill('failed')]);
  expect(told.at(-1)?.detail).toMatch(/has not ended/);
  runs(async () => 78);
  ends[0]?.();
  await seconds(1);
  await seconds(10);
  await sees(78, 1);
  expect([frames.length, canaries.failures]).toEqual([2, 0]);
});

test('its age is that of the machine, whatever the clock on the wall is set to', async () => {
  const { canaries, seconds, sees, setClock } = watch();
  await seconds(30);
  await sees(77, 4);
  setClock(-86_400_000);
  await seconds(20);
  expect(canaries.ageMs).toBe(20_000);
  setClock(86_400_000);
  expect(canaries.ageMs).toBe(20_000);
});

test('without an interval there is none', async () => {
  const { frames, seconds } = watch(0);
  await seconds(100_000);
  expect(frames).toEqual([]);
});
