/** What is outside everything learnt: one verdict, that counts, and then learning under rules. */
import { expect, test } from 'vitest';
import { judgeUnlike } from '../../agent/alerts/unknown.ts';
import type { Container } from '../../agent/identity/container.ts';
import { question } from '../builders/dns.ts';
import { cgroupRecord, dnsRecord, novelRecord, SECOND } from '../builders/records.ts';
import { API, breakIn, NODE_PROCESS, quiet, shop } from '../builders/shop.ts';
import { cgroupPath, ID, run, UID, type World } from '../builders/world.ts';

interface Made {
  readonly digit: string;
  readonly owner: string;
  readonly kind?: string;
  readonly image?: string;
  readonly programs: readonly string[];
}

const slotOf = (digit: string): number => 20 + Number.parseInt(digit, 16);

/** A container begins, as containerd makes one, and starts its programs. */
function begin(world: World, { digit, owner, kind = 'StatefulSet', image = owner, programs }: Made): void {
  const [slot, cgroup] = [slotOf(digit), 600 + slotOf(digit)];
  const path = cgroupPath(UID(digit), ID(digit));
  world.records(cgroupRecord({ made: true, path, cgroup, slot, time: world.later() }));
  world.slot(slot, cgroup);
  const replica = kind === 'ReplicaSet';
  world.pods([
    {
      name: `${owner}-${digit}`,
      uid: UID(digit),
      owner: { kind, name: replica ? `${owner}-5d9c7b8f6d` : owner },
      ...(replica ? { hash: '5d9c7b8f6d' } : {}),
      containers: [{ name: owner, id: ID(digit), image }],
    },
  ]);
  const main = { slot, pid: 700 + slot * 10, start: world.now };
  for (const [n, path] of programs.entries()) {
    const parent =
      n === 0 ? { parentPid: 9, parentStart: 9n } : { parentPid: main.pid, parentStart: main.start };
    const parentExe = n === 0 ? 'containerd-shim' : (programs[0]?.split('/').at(-1) ?? '');
    world.exec({
      slot,
      ...parent,
      pid: main.pid + n,
      start: n === 0 ? main.start : world.now,
      path,
      parentExe,
    });
  }
}

const unknownOf = ({ told }: ReturnType<typeof run>) =>
  told.detections.filter(({ detector }) => detector === 'unknown-workload');

/** A node whose learning is over: no restless job on it. */
function learnt(): World {
  const world = shop();
  quiet(world, 30);
  return world;
}

test('a workload never seen, on a node that knows its own, is one verdict and one alert, with what it did', () => {
  const world = learnt();
  begin(world, { digit: 'e', owner: 'miner', programs: ['/opt/miner', '/bin/sh'] });
  world.flow({ slot: slotOf('e'), direction: 'connect', peer: '203.0.113.7', port: 8443, exe: 'miner' });
  quiet(world, 40);
  const result = run(world);
  const of = result.told.alerts.filter(({ container }) => container.identity.workload.includes('miner'));
  expect(unknownOf(result).map(({ severity, facts }) => [severity, facts['did'], facts['usual']])).toEqual([
    ['medium', 'exec runtime > /opt/miner; exec miner > /bin/sh; connect 203.0.113.7:8443', '0 of 3'],
  ]);
  expect(of.map(({ detectors, severity, revision }) => [detectors, severity, revision])).toEqual([
    [['unknown-workload'], 'medium', 1],
  ]);
  expect(of[0]?.explanation[0]).toContain('rules alert at once');
});

test('it counts in the achieved rate of false alarms, as an alarm by evidence does', () => {
  const world = learnt();
  const before = run(world).pipeline.overview.promise().alarms;
  begin(world, { digit: 'e', owner: 'miner', programs: ['/opt/miner'] });
  quiet(world, 3);
  const { pipeline } = run(world);
  const miner = pipeline.overview.workloads().find(({ workload }) => workload.includes('miner'));
  expect([before, pipeline.overview.promise().alarms, miner?.promise.alarms]).toEqual([0, 1, 1]);
});

test('it is learnt from then on, and rules alert at once', () => {
  const world = learnt();
  begin(world, { digit: 'e', owner: 'miner', programs: ['/opt/miner'] });
  quiet(world, 3);
  const slot = slotOf('e');
  const shell = { slot, pid: 950, start: world.now, parentPid: 900, parentStart: 5n * SECOND };
  world.exec({ ...shell, path: '/usr/bin/cat', parentExe: 'miner' });
  world.open({ ...shell, path: '/etc/shadow', exe: 'cat' });
  quiet(world, 30);
  const { told, pipeline } = run(world);
  const rules = told.alerts.filter(
    ({ container, detectors }) =>
      container.identity.workload.includes('miner') && !detectors.includes('unknown-workload'),
  );
  expect(rules[0]?.detectors).toContain('secret-read');
  const miner = pipeline.overview.workloads().find(({ workload }) => workload.includes('miner'));
  const program = { kind: 'exec', value: 'runtime > /opt/miner' } as const;
  const known = pipeline.registry.baseline(miner?.workload ?? '').seen(program);
  expect([miner?.state, known]).toEqual(['mature', 1]);
});

test.each([
  ['while the node itself is still learnt', 3, {}],
  ['of a new replica of what is known', 30, { kind: 'ReplicaSet', owner: 'api' }],
])('nothing is said %s', (_, windows, made) => {
  const world = shop();
  quiet(world, windows);
  begin(world, { digit: 'e', owner: 'miner', programs: ['/opt/miner'], ...made });
  quiet(world, 3);
  if (windows < 6) quiet(world, 30);
  expect(unknownOf(run(world))).toEqual([]);
});

test('where its image is known under another name it is told, and alerts nobody', () => {
  const world = learnt();
  begin(world, { digit: 'e', owner: 'api-canary', image: 'api', programs: ['/usr/bin/node'] });
  quiet(world, 3);
  const result = run(world);
  expect(unknownOf(result).map(({ severity, facts }) => [severity, facts['lowered']])).toEqual([
    ['low', `Lowered: its image is known here, of ${API}.`],
  ]);
  expect(result.told.alerts).toEqual([]);
});

test('where newcomers are usual the fourth of a day alerts nobody', () => {
  const world = learnt();
  for (const digit of ['1', '2', '3', '4', '5']) {
    begin(world, { digit, owner: `task-${digit}`, programs: [`/opt/task-${digit}`] });
    quiet(world, 2);
  }
  const result = run(world);
  expect(unknownOf(result).map(({ severity }) => severity)).toEqual([
    'medium',
    'medium',
    'medium',
    'low',
    'low',
  ]);
  expect(result.told.alerts).toHaveLength(3);
});

/** A run of a job that was never here, which calls the peers one window after the other. */
function job(world: World, peers: readonly string[]): ReturnType<typeof unknownOf> {
  const made = { digit: 'e', owner: 'settle', kind: 'Job', programs: ['/opt/settle'] };
  begin(world, made);
  for (const peer of peers) {
    world.flow({ slot: slotOf('e'), direction: 'connect', peer, port: 5432, exe: 'settle' });
    quiet(world, 1);
  }
  quiet(world, 3);
  return unknownOf(run(world));
}

test('that a job runs here for the first time alerts nobody while it reaches only whom others do', () => {
  const found = job(learnt(), ['10.0.9.9', '10.0.9.9']);
  expect(found.map(({ severity, facts }) => [severity, facts['usual']])).toEqual([['low', '1 of 2']]);
  expect(found[0]?.facts['lowered']).toContain('jobs begin anew');
});

test.each([
  ['at once', ['203.0.113.7'], ['medium']],
  ['later on', ['10.0.9.9', '10.0.9.9', '203.0.113.7'], ['low', 'medium']],
])('one that reaches whom nobody else does %s is an alert, once', (_, peers, severities) => {
  const found = job(learnt(), [...peers, '203.0.113.8']);
  expect(found.map(({ severity }) => severity)).toEqual(severities);
  expect(found.at(-1)?.facts['reached']).toBe('connect 203.0.113.7:5432');
});

test.each<[string, (world: World, slot: number) => void, string | undefined]>([
  [
    'asks for a name below a domain that nobody asks for',
    (w, slot) => ask(w, slot, 'drop.evil.example'),
    'name drop.evil.example',
  ],
  [
    'asks for another name below a domain that others ask for',
    (w, slot) => ask(w, slot, 'b.usual.example'),
    undefined,
  ],
  ['listens', listen, 'listen tcp:4444'],
])('a job that later %s', (_, deed, reached) => {
  const world = shop();
  ask(world, 2, 'a.usual.example');
  quiet(world, 1);
  ask(world, 2, 'a.usual.example');
  quiet(world, 29);
  begin(world, { digit: 'e', owner: 'settle', kind: 'Job', programs: ['/opt/settle'] });
  quiet(world, 2);
  deed(world, slotOf('e'));
  quiet(world, 3);
  const found = unknownOf(run(world));
  expect(found.map(({ severity }) => severity)).toEqual(reached === undefined ? ['low'] : ['low', 'medium']);
  expect(found[1]?.facts['reached']).toBe(reached);
});

function ask(world: World, slot: number, name: string): void {
  const process = slot === 2 ? NODE_PROCESS : { pid: 700 + slot * 10, start: world.now };
  const record = { slot, cgroup: slot === 2 ? 500 : 600 + slot, ...process, time: world.later(), exe: 'x' };
  world.records(dnsRecord({ ...record, what: 'QUESTION', server: '10.96.0.10', message: question(name) }));
}

function listen(world: World, slot: number): void {
  const process = { slot, cgroup: 600 + slot, pid: 700 + slot * 10, start: world.now, time: world.later() };
  world.records(novelRecord({ ...process, what: 'LISTEN', exe: 'settle', protocol: 6, port: 4444 }));
}

/** Starts of the api, each alike, until its starts are known. */
function starts(world: World, count: number): void {
  for (let n = 0; n < count; n++) {
    begin(world, {
      digit: String(n),
      kind: 'ReplicaSet',
      owner: 'api',
      programs: ['/entrypoint.sh', '/usr/bin/node'],
    });
    quiet(world, 5);
  }
}

/** Another program under the name of the api: what it loads and opens is new too. */
function impostor(world: World, digit: string): void {
  begin(world, { digit, kind: 'ReplicaSet', owner: 'api', programs: ['/opt/x/run', '/opt/x/helper'] });
  const [slot, cgroup] = [slotOf(digit), 600 + slotOf(digit)];
  const process = { slot, cgroup, pid: 700 + slot * 10, start: world.now };
  for (let n = 0; n < 8; n++) {
    const folder = {
      ...process,
      what: 'FOLDER_READ',
      exe: 'run',
      path: `/opt/x/part-${n}`,
      time: world.later(),
    } as const;
    world.records(novelRecord(folder));
  }
  for (let n = 0; n < 4; n++)
    world.flow({ slot, direction: 'connect', peer: `203.0.113.${n + 1}`, port: 8443, exe: 'run' });
}

test('a container that begins with nothing of what its workload is known for is one verdict, and no flood', () => {
  const world = learnt();
  starts(world, 4);
  const quietBefore = run(world).told.alerts.length;
  impostor(world, 'e');
  world.tick();
  const rare = ({ told }: ReturnType<typeof run>) =>
    told.detections.filter(({ detector }) => detector === 'rarity').length;
  const first = rare(run(world));
  for (let n = 0; n < 10; n++) {
    world.flow({
      slot: slotOf('e'),
      direction: 'connect',
      peer: `198.51.100.${n + 1}`,
      port: 9000 + n,
      exe: 'run',
    });
    quiet(world, 1);
  }
  const result = run(world);
  const verdicts = unknownOf(result);
  expect(verdicts.map(({ severity }) => severity)).toEqual(['medium']);
  expect(verdicts[0]?.summary).toContain('nothing in common');
  expect([first > 0, rare(result)]).toEqual([true, first]); // ten new peers stand under it
  expect(quietBefore).toBe(0);
  const about = new Set(result.told.alerts.map(({ id }) => id));
  expect(about.size).toBe(1);
  expect(result.pipeline.registry.baseline(API).seen({ kind: 'connect', value: '198.51.100.1:9000' })).toBe(
    0,
  );
});

test('a rule alerts while the verdict stands, and of a second such container it is told as no alarm', () => {
  const world = learnt();
  starts(world, 4);
  impostor(world, 'e');
  world.tick();
  world.open({ slot: slotOf('e'), pid: 990, start: world.now, path: '/etc/shadow', exe: 'cat' });
  impostor(world, 'f');
  quiet(world, 3);
  const result = run(world);
  expect(unknownOf(result).map(({ severity }) => severity)).toEqual(['medium', 'low']);
  expect(result.told.detections.map(({ detector }) => detector)).toContain('secret-read');
});

test('an attack on what runs is no unknown workload', () => {
  const world = learnt();
  starts(world, 4);
  breakIn(world);
  quiet(world, 5);
  expect(unknownOf(run(world))).toEqual([]);
  expect(NODE_PROCESS.pid).toBe(200);
});

test('a container in a pod that no list names is no stranger: its name is not known', () => {
  const world = learnt();
  const [slot, cgroup] = [slotOf('e'), 600 + slotOf('e')];
  const path = cgroupPath(UID('e'), ID('e'));
  world.records(cgroupRecord({ made: true, path, cgroup, slot, time: world.later() }));
  world.slot(slot, cgroup);
  world.exec({
    slot,
    pid: 900,
    start: world.now,
    parentPid: 9,
    parentStart: 9n,
    path: '/opt/miner',
    parentExe: 'containerd-shim',
  });
  quiet(world, 10);
  const result = run(world);
  const seen = result.told.windows.some(({ container }) => container.cgroup === cgroup);
  expect([seen, unknownOf(result)]).toEqual([true, []]);
});

test('under a verdict that alerts nobody nothing is folded: what is new in the second container is told', () => {
  const world = learnt();
  starts(world, 4);
  impostor(world, 'e');
  world.tick();
  impostor(world, 'f');
  quiet(world, 3);
  const rare = () =>
    run(world).told.detections.filter(
      ({ detector, container }) => detector === 'rarity' && container.id === ID('f'),
    ).length;
  const before = rare();
  for (let n = 0; n < 5; n++) {
    const peer = `198.51.100.${n + 1}`;
    world.flow({ slot: slotOf('f'), direction: 'connect', peer, port: 9000 + n, exe: 'run' });
    quiet(world, 1);
  }
  expect(rare()).toBeGreaterThan(before);
});

test.each([
  [false, true],
  [true, false],
])('that things stand under the one verdict is said only where they do: again %s', (again, stands) => {
  const identity = { workload: 'c/shop/Deployment/api/api', image: 'api' };
  const container = { id: ID('e'), identity } as unknown as Container;
  const counts = { seconds: 5, fresh: 9, known: 0, starts: 4, foldedMinutes: 5 };
  const { explanation } = judgeUnlike({ container, facts: [], ...counts, again });
  expect(explanation.includes('stands under this one verdict')).toBe(stands);
});
