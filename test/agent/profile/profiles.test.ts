/** What the kernel side is told of each container, and what is said of pairs that come from it, through the pipeline. */
import { expect, test } from 'vitest';
import { Pairs, pairsIn } from '../../../agent/features/pairs.ts';
import { type Profile, Profiles } from '../../../agent/profile/profiles.ts';
import { cgroupRecord, execRecord, novelRecord, pairRecord, SECOND } from '../../builders/records.ts';
import { API, NODE_PROCESS, shop } from '../../builders/shop.ts';
import { cgroupPath, ID, makePipeline, podList, run, UID, type World } from '../../builders/world.ts';

const x64 = new Pairs('x64');
type Numbers = readonly [number, number];
// By number: read, write, open, mprotect, getpid, connect, ptrace, socket.
const [READ, WRITE, OPEN, MPROTECT, GETPID, CONNECT, PTRACE, SOCKET] = [0, 1, 2, 10, 39, 42, 101, 41];
const COMMON: readonly Numbers[] = [
  [READ, WRITE],
  [WRITE, READ],
  [OPEN, READ],
];
const STRANGE: readonly Numbers[] = [
  [SOCKET, CONNECT],
  [CONNECT, MPROTECT],
  [MPROTECT, PTRACE],
  [PTRACE, GETPID],
];
const indexes = (pairs: readonly Numbers[]): number[] =>
  pairs.map(([previous, current]) => x64.indexOf({ previous, current }));
const valuesOf = ({ pairs }: Pick<Profile, 'pairs'>): string[] | null =>
  pairs === null ? null : pairsIn(pairs).map((index) => x64.fact(index)?.value ?? '?');

/** Windows in which both replicas of the api learn their pairs. */
function learning(world: World, windows: number, more: readonly Numbers[] = []): void {
  const pairs = indexes([...COMMON, ...more]);
  for (let n = 0; n < windows; n++) world.tick({ pairs: { 2: pairs, 3: pairs } });
}
/** What slot 2 tells in guard. */
function tell(world: World, pairs: readonly Numbers[], more: { pid?: number; start?: bigint } = {}): void {
  for (const [previous, current] of pairs)
    world.records(
      pairRecord({
        slot: 2,
        cgroup: 500,
        time: world.later(),
        tid: more.pid ?? NODE_PROCESS.pid,
        ...NODE_PROCESS,
        ...more,
        previous,
        current,
      }),
    );
}
const guards = (profiles: readonly Profile[], slot: number): Profile[] =>
  profiles.filter((profile) => profile.slot === slot && profile.mode === 'guard');
const sequences = (told: { detections: readonly { detector: string }[] }): number =>
  told.detections.filter(({ detector }) => detector === 'sequence').length;

test('a container guards once its workload judges, with the pairs of two periods or more', () => {
  const world = shop();
  learning(world, 2); // two replicas: four periods
  world.tick({ pairs: { 2: indexes([...COMMON, [GETPID, READ]]), 3: indexes(COMMON) } });
  const { told } = run(world);
  const of = told.profiles.filter(({ slot }) => slot <= 3);
  expect(of.map(({ slot, cgroup, mode }) => [slot, cgroup, mode])).toEqual([[3, 510, 'guard']]);
  expect(valuesOf(of[0] as Profile)?.toSorted()).toEqual(['open>read', 'read>write', 'write>read']);
});

test('what was told and not accepted is armed again after a minute', () => {
  const world = shop();
  learning(world, 30);
  const before = run(world).told.profiles.length;
  tell(world, [[GETPID, READ]]); // one period: not accepted
  for (let n = 0; n < 14; n++) world.tick();
  const { told, pipeline } = run(world);
  const again = guards(told.profiles.slice(before), 2);
  expect(again.map(valuesOf).map((values) => values?.toSorted())).toEqual([
    ['open>read', 'read>write', 'write>read'],
  ]);
  expect(pipeline.overview.profiles()).toMatchObject({ armedAgain: 1 });
  // Seen in a second period, it is known from the next time on.
  tell(world, [[GETPID, READ]]);
  for (let n = 0; n < 14; n++) world.tick();
  expect(valuesOf(guards(run(world).told.profiles, 2).at(-1) as Profile)).toContain('getpid>read');
});

test('many new pairs of one window are one detection, of the process that made them, and are not learnt', () => {
  const world = shop();
  learning(world, 60);
  const shell = { pid: 300, start: world.now };
  world.records(
    execRecord({
      slot: 2,
      cgroup: 500,
      ...shell,
      parentPid: NODE_PROCESS.pid,
      parentStart: NODE_PROCESS.start,
      path: '/usr/bin/worker',
      time: world.later(),
    }),
  );
  tell(world, STRANGE, shell);
  world.tick();
  const { told, pipeline } = run(world);
  const found = told.detections.filter(({ detector }) => detector === 'sequence');
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({
    severity: 'medium',
    process: { pid: 300, exe: 'worker' },
    facts: { pairs: '4', sensitive: '4' },
    container: { cgroup: 500 },
  });
  // The start of the program and what it called are one alert.
  expect(new Set(told.detections.map(({ alert }) => alert)).size).toBe(1);
  const baseline = pipeline.registry.baseline(API);
  expect([baseline.facts('pair'), baseline.suspected({ kind: 'pair', value: 'socket>connect' })]).toEqual([
    3, 1,
  ]);
});

test('a new pair or two are learnt without a word, and accepted when they come back', () => {
  const world = shop();
  learning(world, 60);
  tell(world, STRANGE.slice(0, 2));
  world.tick();
  const { told, pipeline } = run(world);
  expect(sequences(told)).toBe(0);
  expect(pipeline.registry.baseline(API).seen({ kind: 'pair', value: 'socket>connect' })).toBe(1);
});

test('a workload that always does new things is left alone; one that never does is not', () => {
  const world = shop();
  for (let n = 0; n < 60; n++)
    world.tick({
      pairs: { 2: indexes([4, 5, 6, 7].map((m) => [12 + n, m * 13] as const)), 3: indexes(COMMON) },
    });
  tell(world, STRANGE);
  world.tick();
  expect(sequences(run(world).told)).toBe(0);
});

test('what goes on is told once, and enters by quorum', () => {
  const world = shop();
  learning(world, 60);
  for (let minute = 0; minute < 25; minute++) {
    tell(world, STRANGE);
    for (let n = 0; n < 12; n++) world.tick();
  }
  const { told, pipeline } = run(world);
  expect(sequences(told)).toBe(1);
  expect(pipeline.registry.baseline(API).seen({ kind: 'pair', value: 'socket>connect' })).toBeGreaterThan(0);
});

test('pairs of a window with loss are not learnt', () => {
  const world = shop();
  for (let n = 0; n < 10; n++)
    world.tick({ pairs: { 2: indexes(COMMON), 3: indexes(COMMON) }, lost: { 2: 1, 3: 1 } });
  const { told, pipeline } = run(world);
  expect([pipeline.registry.baseline(API).facts('pair'), guards(told.profiles, 2)]).toEqual([0, []]);
});

/** A third replica comes. */
function third(world: World): void {
  const path = cgroupPath(UID('d'), ID('d'));
  world.slot(5, 530);
  world.records(cgroupRecord({ made: true, path, cgroup: 530, slot: 5, time: world.later() }));
  const pod = {
    name: 'api-5d9c7b8f6d-ddddd',
    uid: UID('d'),
    owner: { kind: 'ReplicaSet', name: 'api-5d9c7b8f6d' },
    hash: '5d9c7b8f6d',
    containers: [{ name: 'api', id: ID('d') }],
  };
  world.frames.push({ kind: 'pods', list: podList([pod]) });
}

test('a new container guards from its first moment when its workload’s starts are known, else it learns its start', () => {
  const world = shop();
  learning(world, 60);
  third(world);
  const young = run(world).told.profiles.filter(({ slot }) => slot === 5);
  expect(young).toEqual([]);

  const known = makePipeline();
  const baseline = known.pipeline.registry.baseline(API);
  const period = { flagged: [], withheld: false, complete: true } as const;
  const facts = COMMON.map((_, i) => x64.fact(indexes(COMMON)[i] ?? 0)).filter((fact) => fact !== null);
  for (let n = 0; n < 3; n++) baseline.learn({ ...period, phase: 'start', facts });
  for (const frame of world.frames) known.pipeline.frame(frame);
  const [first, ...rest] = known.told.profiles.filter(({ slot }) => slot === 5);
  expect([first?.mode, first && valuesOf(first)?.toSorted(), rest]).toEqual([
    'guard',
    ['open>read', 'read>write', 'write>read'],
    [],
  ]);
});

test('an agent that comes back guards with what it knew', () => {
  const before = shop();
  learning(before, 30);
  const texts = run(before).pipeline.registry.save();
  const after = shop();
  after.tick();
  const { pipeline, told } = makePipeline();
  for (const { text } of texts) pipeline.registry.load(text);
  for (const frame of after.frames) pipeline.frame(frame);
  expect(
    guards(told.profiles, 2)
      .map(valuesOf)
      .map((values) => values?.length),
  ).toEqual([3]);
});

test('a container that is gone is forgotten, and the host guards too', () => {
  const world = shop();
  learning(world, 30);
  world.records(cgroupRecord({ made: false, path: null, cgroup: 510, slot: 3, time: world.later() }));
  world.tick();
  const { pipeline, told } = run(world);
  expect(pipeline.overview.profiles()).toMatchObject({ guarding: 2 + 1 }); // the api that stays, the batch job, the host
  expect(guards(told.profiles, 1)[0]).toMatchObject({ cgroup: 0 });
  expect(world.now).toBeGreaterThan(30n * SECOND);
});

const folder = (world: World, key: bigint, path: string, slot = 2): void =>
  world.records(
    novelRecord({
      what: 'FOLDER_WRITE',
      key,
      path,
      slot,
      cgroup: slot === 2 ? 500 : 510,
      time: world.later(),
      exe: 'node',
      ...NODE_PROCESS,
    }),
  );

test('what else was accepted is loaded by its keys, whichever container told it; what was not is armed again', () => {
  const world = shop();
  const pairs = { pairs: { 2: indexes(COMMON), 3: indexes(COMMON) } };
  for (let n = 0; n < 6; n++) {
    folder(world, 11n, '/var/lib/app');
    folder(world, 12n, '/var/cache/app', 3);
    world.tick(pairs);
  }
  for (let n = 0; n < 30; n++) world.tick();
  const quiet = run(world).told;
  expect(quiet.detections).toEqual([]);
  expect(guards(quiet.profiles, 3).at(-1)?.seen).toEqual(BigUint64Array.of(11n, 12n));

  // Each minute what goes on is told again by the kernel side, but not by us, until a quorum lets it in.
  for (let minute = 0; minute < 8; minute++) {
    folder(world, 13n, '/etc/cron.d');
    for (let n = 0; n < 12; n++) world.tick();
  }
  const { told, pipeline } = run(world);
  expect(told.detections.map(({ detector, facts }) => [detector, facts['fact']])).toEqual([
    ['rarity', 'folder w /etc/cron.d'],
  ]);
  expect(pipeline.overview.profiles().armedAgain).toBeGreaterThanOrEqual(7);
  expect(guards(told.profiles, 2).at(-1)?.seen).toEqual(BigUint64Array.of(11n, 12n));
});

test('what is held of a slot goes with the cgroup that had it, and the end of that one takes nothing from the next', () => {
  const profiles = new Profiles({ bits: () => new Uint8Array(), emit: () => {} });
  const baseline = { judges: () => true, accepted: () => new Set<string>(), accepts: () => true };
  const subject = (cgroup: number) =>
    ({ slot: 5, cgroup, phase: 'steady', workload: 'w', baseline }) as const;
  for (let cgroup = 500; cgroup < 600; cgroup++) profiles.review(subject(cgroup), 0n);
  expect([profiles.guarding, profiles.modeOf(subject(598)), profiles.modeOf(subject(599))]).toEqual([
    1,
    'learn',
    'guard',
  ]);
  profiles.forget(subject(598));
  expect(profiles.guarding).toBe(1);
  profiles.forget(subject(599));
  expect(profiles.guarding).toBe(0);
});
