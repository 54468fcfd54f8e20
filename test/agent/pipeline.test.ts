import { expect, test } from 'vitest';
import { NO_DNS } from '../../agent/features/dns-window.ts';
import { MAX_FOLDERS_TOLD, MAX_TOLD } from '../../agent/watched.ts';
import { resources } from '../builders/messages.ts';
import type { ExecFields } from '../builders/records.ts';
import {
  actionRecord,
  cgroupRecord,
  deniedRecord,
  execRecord,
  exitRecord,
  flowEntry,
  novelRecord,
  SECOND,
} from '../builders/records.ts';
import { API, NODE_PROCESS, ordinary, quiet, shop, visit } from '../builders/shop.ts';
import {
  cgroupPath,
  ID,
  makePipeline,
  podList,
  run,
  SETTINGS,
  START,
  UID,
  type World,
} from '../builders/world.ts';

const PRESSURE_TWICE = { cpuSomeUs: 6, cpuFullUs: 8, memorySomeUs: 10, memoryFullUs: 12, ioSomeUs: 14 };

const tool = (world: World, n: number): ExecFields => ({
  slot: 2,
  pid: 5000 + n,
  start: world.now,
  path: '/tmp/tool',
  parentExe: 'node',
});

const df = (world: World, pid: number): void =>
  world.exec({
    slot: 2,
    pid,
    start: world.now,
    parentPid: NODE_PROCESS.pid,
    parentStart: NODE_PROCESS.start,
    path: '/bin/dash',
    args: ['sh', '-c', 'df -h'],
    parentExe: 'node',
  });

test('what a workload has always done lowers a rule once the baseline is mature, and says so', () => {
  const world = shop();
  for (let n = 0; n < 40; n++) {
    ordinary(world);
    df(world, 400 + n);
    world.tick();
  }
  const { told } = run(world);
  const rule = told.detections.filter(({ detector }) => detector === 'server-spawns-shell');
  expect([rule[0]?.severity, rule.at(-1)?.severity, rule.at(-1)?.score]).toEqual(['medium', 'info', 0.1]);
  expect(rule).toHaveLength(40);
  expect(rule.at(-1)?.facts['lowered']).toMatch(
    /^Lowered: c1\/shop\/Deployment\/api\/api has done exactly this in \d+ learnt periods; /,
  );
  expect(told.alerts.at(-1)?.lastNs).toBeLessThan(rule.at(-1)?.timeNs ?? 0n); // and alerts nobody
});

test('a rule is not lowered by what came only after the baseline was mature', () => {
  const world = shop();
  quiet(world, 30);
  for (let n = 0; n < 40; n++) {
    df(world, 400 + n);
    world.tick();
  }
  const { told } = run(world);
  const severities = told.detections
    .filter(({ detector }) => detector === 'server-spawns-shell')
    .map(({ severity }) => severity);
  expect(new Set(severities)).toEqual(new Set(['high']));
});

test('a new system call, a new peer seen only in the flow map and a new port are told', () => {
  const world = shop();
  quiet(world, 30);
  const flows = flowEntry({
    slot: 2,
    cgroup: 500,
    direction: 'connect',
    peer: '198.51.100.7',
    port: 4444,
    attempts: 1,
    failures: 1,
    opened: 0,
    first: world.now + SECOND,
  });
  world.flow({ slot: 2, direction: 'accept', peer: '10.0.1.77', port: 6666 });
  world.tick({ calls: { 2: [0, 1, 101] }, flows });
  const { told } = run(world);
  expect(told.detections.map(({ severity, facts, process }) => [severity, facts['fact'], process])).toEqual([
    ['medium', 'accept 6666', null],
    ['medium', 'syscall ptrace', null],
    ['medium', 'connect 198.51.100.7:4444', null],
  ]);
  const last = told.windows.findLast(({ container }) => container.cgroup === 500);
  const sums = {
    bytesIn: 0,
    bytesOut: 0,
    segments: 0,
    datagrams: 0,
    dnsQuestions: 0,
    dnsFailures: 0,
    ...NO_DNS,
  };
  expect([last?.counts, last?.newFacts]).toEqual([
    {
      syscalls: 30,
      distinctSyscalls: 3,
      execs: 0,
      forks: 0,
      exits: 0,
      oomKills: 0,
      connects: 1,
      accepts: 0,
      failures: 1,
      ...sums,
    },
    3,
  ]);
});

test('ordinary calls that are new in one window are told together, and not learnt', () => {
  const world = shop();
  quiet(world, 30);
  world.tick({ calls: { 2: [0, 1, 41, 59, 8] } });
  const { told, pipeline } = run(world);
  expect(told.detections.map(({ severity, summary, facts }) => [severity, summary, facts['fact']])).toEqual([
    ['low', '3 system calls never made here before: execve, lseek, socket', 'syscall execve, lseek, socket'],
  ]);
  expect([told.alerts, told.detections[0]?.facts['periods']]).toEqual([[], '60']); // too little for an alert
  expect(pipeline.workloads().find(({ workload }) => workload === API)?.facts.syscall).toBe(2);
});

test('the first calls through the 32-bit entry are told together, of medium severity; more of them are of low', () => {
  const world = shop();
  quiet(world, 60);
  world.tick({ calls: { 2: [0, 1, 511] }, compat: { 2: [5, 11] } });
  quiet(world, 5);
  const first = run(world);
  const of = ({ told }: typeof first) =>
    told.detections
      // The numbers of this world never vary, so that any call more is strange.
      .filter(({ detector }) => detector !== 'volume')
      .map(({ severity, summary, facts }) => [severity, summary, facts['fact']]);
  const together = '2 32-bit system calls never made here before: call-11, call-5';
  expect(of(first)).toEqual([['medium', together, 'compat call-11, call-5']]);

  const known = shop();
  for (let n = 0; n < 60; n++) known.tick({ calls: { 2: [0, 1, 511] }, compat: { 2: [5] } });
  known.tick({ calls: { 2: [0, 1, 511] }, compat: { 2: [5, 6] } });
  expect(of(run(known))).toEqual([
    ['low', 'a 32-bit system call never made here before: call-6', 'compat call-6'],
  ]);
});

test('what goes on is told once, and again after it was away', () => {
  const world = shop();
  quiet(world, 30);
  const call = (): void =>
    world.flow({
      slot: 2,
      direction: 'connect',
      peer: '198.51.100.7',
      port: 80,
      exe: 'node',
      ...NODE_PROCESS,
    });
  for (let n = 0; n < 5; n++) {
    call();
    world.tick();
  }
  quiet(world, 3);
  call();
  world.tick();
  expect(run(world).told.detections).toHaveLength(2);
});

test('a peer that is a workload is known by its name: a new pod of it is nothing new', () => {
  const db = (ip: string, name: string, uid: string) => ({
    name,
    uid,
    owner: { kind: 'StatefulSet', name: 'db' },
    ip,
    containers: [],
  });
  const world = shop();
  world.pods([db('10.0.1.50', 'db-0', UID('d'))]);
  const call = (peer: string): void =>
    world.flow({ slot: 2, direction: 'connect', peer, port: 5432, exe: 'node', ...NODE_PROCESS });
  for (let n = 0; n < 30; n++) {
    call('10.0.1.50');
    world.tick();
  }
  world.pods([db('10.0.1.51', 'db-0', UID('e'))]);
  call('10.0.1.51');
  world.tick();
  expect(run(world).told.detections).toEqual([]);
});

test('the start of a container is judged against other starts, not against steady life', () => {
  const world = shop();
  quiet(world, 30);
  for (let n = 0; n < 5; n++) {
    const [cgroup, slot, digit] = [600 + n, 10 + n, String(n)];
    const path = cgroupPath(UID(digit), ID(digit));
    world.records(cgroupRecord({ made: true, path, cgroup, slot, time: world.later() }));
    world.slot(slot, cgroup);
    world.pods([
      {
        name: `api-5d9c7b8f6d-${n}`,
        uid: UID(digit),
        owner: { kind: 'ReplicaSet', name: 'api-5d9c7b8f6d' },
        hash: '5d9c7b8f6d',
        containers: [{ name: 'api', id: ID(digit) }],
      },
    ]);
    const entry = { slot, pid: 700 + n, start: world.now, parentPid: 9, parentStart: 9n };
    world.exec({ ...entry, path: '/entrypoint.sh', parentExe: 'containerd-shim' });
    if (n === 4) world.exec({ ...entry, pid: 800, path: '/usr/bin/miner', parentExe: 'entrypoint.sh' });
    quiet(world, 5);
  }
  const { told } = run(world);
  expect(told.detections.map(({ facts, container }) => [facts['fact'], container.cgroup])).toEqual([
    ['exec entrypoint.sh > /usr/bin/miner', 604],
  ]);
  expect(told.detections.at(-1)?.facts['periods']).toBe('4');
});

test('events of a pod not yet listed wait, and are judged under its name', () => {
  const { pipeline, told } = makePipeline();
  const path = cgroupPath(UID('a'), ID('a'));
  const time = START.bootNs + SECOND;
  pipeline.records(cgroupRecord({ made: true, path, cgroup: 500, slot: 2, time }));
  pipeline.records(
    execRecord({ path: '/bin/sh', parentExe: 'node', cgroup: 500, time: time + SECOND, parentStart: SECOND }),
  );
  expect([told.detections, pipeline.waiting()]).toEqual([[], [500]]);
  pipeline.pods(podList([{ name: 'api-1', uid: UID('a'), containers: [{ name: 'api', id: ID('a') }] }]));
  expect(
    told.detections.map(({ container, timeNs, wallMs }) => [container.identity.workload, timeNs, wallMs]),
  ).toEqual([['c1/shop/Pod/api-1/api', time + SECOND, START.wallMs + 2000]]);
  expect(told.fresh.map(({ cgroup }) => cgroup)).toEqual([500]);
});

test('asks for a cgroup it does not know once, and finds it by its path', () => {
  const { pipeline, told } = makePipeline();
  for (let n = 0n; n < 3n; n++)
    pipeline.records(
      execRecord({
        path: '/bin/sh',
        parentExe: 'nginx',
        cgroup: 900,
        slot: 7,
        time: START.bootNs + 20n * SECOND + n,
      }),
    );
  expect(told.lookups).toEqual([900]);
  pipeline.cgroups([
    { id: 901, path: '/system.slice/nginx.service/inner' },
    { id: 900, path: '/system.slice/nginx.service' },
  ]);
  const service = 'c1/-/Service/nginx.service/nginx.service';
  expect(told.detections.map(({ container }) => container.identity.workload)).toEqual([
    service,
    service,
    service,
  ]);
});

test('a flood of detections in one window is bounded and counted', () => {
  const world = shop();
  quiet(world, 30);
  for (let n = 0; n < MAX_TOLD + 100; n++) world.exec(tool(world, n));
  world.tick();
  const { told, pipeline } = run(world);
  const byRule = told.detections.filter(({ detector }) => detector === 'exec-from-memory-or-temp');
  // The rarity detector tells a fact that goes on once; it takes one place of the bound.
  expect([byRule.length, pipeline.counts().suppressed]).toEqual([MAX_TOLD - 1, 101]);
});

test('a search through a file system is told by its first folders, and none of it is learnt', () => {
  const world = shop();
  const folder = (n: number): Buffer => {
    const path = `/srv/${'abcdefghij'[Math.floor(n / 26)]}${String.fromCharCode(97 + (n % 26))}`;
    return novelRecord({ cgroup: 500, time: world.later(), what: 'FOLDER_READ', path, exe: 'find' });
  };
  quiet(world, 30);
  for (let n = 0; n < 200; n++) world.records(folder(n));
  world.tick();
  quiet(world, 40); // longer than three times a minute, in which it would have been armed again
  world.records(folder(150));
  world.tick();
  const { told, pipeline } = run(world);
  const found = told.detections.filter(({ facts }) => facts['fact']?.startsWith('folder '));
  expect(found).toHaveLength(MAX_FOLDERS_TOLD + 1);
  expect(found[0]).toMatchObject({
    detector: 'rarity',
    severity: 'low',
    summary: 'a folder never opened here before: r /srv/aa',
    process: { exe: 'find' },
  });
  expect(found.at(-1)?.facts['fact']).toBe('folder r /srv/fu');
  expect(pipeline.counts().suppressed).toBe(200 - MAX_FOLDERS_TOLD);
});

test('the same action done again is a detection again, with an id of its own', () => {
  const world = shop();
  quiet(world, 30);
  for (let n = 0; n < 1000; n++) world.exec(tool(world, n));
  const { told } = run(world);
  const byRule = told.detections.filter(({ detector }) => detector === 'exec-from-memory-or-temp');
  expect([byRule.length, new Set(byRule.map(({ id }) => id)).size]).toEqual([1000, 1000]);
});

test('what a contained container tries is told and never learnt', () => {
  const world = shop();
  quiet(world, 8);
  world.records(
    deniedRecord({
      what: 'connect',
      peer: '203.0.113.9',
      port: 443,
      slot: 0,
      cgroup: 500,
      pid: 0,
      start: 0n,
      time: world.later(),
    }),
  );
  world.tick();
  const { told, pipeline } = run(world);
  expect(
    told.detections.map(({ detector, severity, container }) => [detector, severity, container.cgroup]),
  ).toEqual([['containment-denied', 'info', 500]]);
  expect(pipeline.workloads().find(({ workload }) => workload === API)).toMatchObject({ withheld: 1 });
});

test('a gone container’s last window is told and it is forgotten', () => {
  const world = shop();
  quiet(world, 2);
  world.records(cgroupRecord({ made: false, path: null, cgroup: 510, slot: 3, time: world.later() }));
  world.tick();
  world.tick();
  const { told, pipeline } = run(world);
  expect(told.gone.map(({ cgroup }) => cgroup)).toEqual([510]);
  expect(told.windows.filter(({ container }) => container.cgroup === 510)).toHaveLength(3);
  expect(pipeline.containers().map(({ cgroup }) => cgroup)).toEqual([0, 500, 520]);
});

test('what ran in a container is forgotten with it, after records may still have come', () => {
  const ended = (gone: boolean, ticks: number): number => {
    const world = shop();
    for (let pid = 700; pid < 720; pid++)
      world.exec({ slot: 3, pid, start: world.now, path: '/bin/sh', parentExe: 'node' });
    const time = world.later();
    if (gone) world.records(cgroupRecord({ made: false, path: null, cgroup: 510, slot: 3, time }));
    quiet(world, ticks);
    return run(world).pipeline.counts().processes;
  };
  const [there, late, left] = [ended(false, 65), ended(true, 50), ended(true, 65)];
  expect([there - late, there - left >= 20]).toEqual([0, true]);
});

test('malformed input is counted and changes nothing else', () => {
  const { pipeline, told } = makePipeline();
  pipeline.records(Buffer.from('no records at all, but long enough to hold a header of sixty-four bytes'));
  pipeline.records(exitRecord({}).subarray(0, 40));
  pipeline.pods('{"items":');
  expect(pipeline.counts()).toMatchObject({
    malformed: { cut: 2 },
    events: 0,
    podsProblem: expect.stringMatching(/^not JSON/),
  });
  expect(told.detections).toEqual([]);
});

test('a pipeline that takes over saved baselines goes on judging', () => {
  const before = shop();
  quiet(before, 30);
  const texts = run(before).pipeline.registry.save();
  const after = shop();
  df(after, 400);
  const { pipeline, told } = makePipeline();
  for (const { text } of texts) pipeline.registry.load(text);
  for (const frame of after.frames) pipeline.frame(frame);
  expect(told.detections.map(({ detector, quality }) => [detector, quality.baseline])).toEqual([
    ['server-spawns-shell', 'mature'],
    ['rarity', 'mature'],
  ]);
});

test("records that did not fit our own queue may have been anybody's: no window of that time is complete", () => {
  const world = shop();
  quiet(world, 2);
  const last = world.frames.pop();
  if (last?.kind !== 'tick') throw new Error('a world ends with a tick');
  world.frames.push({ kind: 'tick', tick: { ...last.tick, lost: { ...last.tick.lost, 'frame-queue': 7 } } });
  const { told } = run(world);
  const ended = told.windows.filter(({ endNs }) => endNs === last.tick.bootNs);
  expect(ended.length).toBeGreaterThan(1);
  expect(ended.every(({ complete }) => !complete)).toBe(true);
  expect(told.windows.some(({ complete }) => complete)).toBe(true);
});

test('a window has what its container used, and null where nothing was read', () => {
  const world = shop();
  const cgroup = 500;
  const second = { ...resources, cpuUs: 5, memoryBytes: 99, pids: null };
  world.frames.push({ kind: 'resources', readings: [{ cgroup, resources }] });
  world.frames.push({ kind: 'resources', readings: [{ cgroup, resources: second }] });
  world.tick();
  world.tick();
  const { told, pipeline } = run(world);
  const windows = told.windows.filter(({ container }) => container.cgroup === cgroup);
  const joined = { ...second, cpuUs: 2 ** 40 + 5, throttledPeriods: 2, reads: 4, readBytes: 8192 };
  expect(windows[0]?.resources).toMatchObject({ ...joined, pids: 10, ...PRESSURE_TWICE });
  expect(windows[1]?.resources).toBeNull();
  const [container] = pipeline.containers().filter((one) => one.cgroup === cgroup);
  if (container === undefined) throw new Error('the container is gone');
  expect(pipeline.resourcesOf(container)).toEqual(windows[0]?.resources);
});

test('resources of a cgroup that nobody knows are left out', () => {
  const world = shop();
  world.frames.push({ kind: 'resources', readings: [{ cgroup: 123_456, resources }] });
  world.tick();
  const { told } = run(world);
  expect(told.windows.map((window) => window.resources)).toEqual(told.windows.map(() => null));
});

test('a process ended for want of memory counts in the window of its container', () => {
  const world = shop();
  world.records(
    actionRecord({
      time: world.later(),
      slot: 2,
      cgroup: 500,
      action: 'OOM_KILL',
      exe: 'node',
      call: 0xffffffff,
    }),
  );
  world.tick();
  const { told } = run(world);
  const [window] = told.windows.filter(({ container }) => container.cgroup === 500);
  expect(window?.counts.oomKills).toBe(1);
});

test('what a session does is kept apart: told with its reason, no alert, and not learnt as the workload’s', () => {
  const world = shop();
  quiet(world, 60);
  const shell = visit(world, 7000, ['/usr/bin/id', '/usr/bin/whoami', '/usr/bin/find']);
  world.tick();
  quiet(world, 3);
  const { told, pipeline } = run(world);
  expect(told.sessions.map(({ root, event }) => [root, event.path])).toEqual([
    [`7000:${shell.start}`, '/usr/bin/dash'],
  ]);
  const sessions = told.detections.filter(({ facts }) => facts['context'] === 'session');
  expect(new Set(sessions.map(({ facts }) => facts['session']))).toEqual(new Set([`7000:${shell.start}`]));
  expect(sessions.map(({ facts }) => facts['fact'])).toContain('exec dash > /usr/bin/find');
  expect(told.alerts).toEqual([]);
  const workloads = pipeline.workloads();
  expect(workloads.find(({ workload }) => workload === API)?.facts.exec).toBe(0);
  expect(workloads.find(({ workload }) => workload.includes('/Session/'))?.facts.exec).toBeGreaterThan(2);
});

test('a session that reaches a new peer is an alert; a workload’s new program is one by evidence, at once', () => {
  const world = shop();
  quiet(world, 200);
  const shell = visit(world, 7000, []);
  const curl = { slot: 2, pid: 7001, start: world.now, parentPid: shell.pid, parentStart: shell.start };
  world.flow({ ...curl, direction: 'connect', peer: '203.0.113.9', port: 443, exe: 'curl' });
  const before = run(world).told;
  expect(before.alerts.flatMap(({ detectors }) => detectors)).toContain('session-reach');

  const other = shop();
  quiet(other, 400);
  const own = {
    slot: 2,
    pid: 300,
    start: other.now,
    parentPid: NODE_PROCESS.pid,
    parentStart: NODE_PROCESS.start,
  };
  other.exec({ ...own, path: '/usr/bin/xz', parentExe: 'node' });
  other.flow({ ...own, direction: 'connect', peer: '203.0.113.9', port: 9999, exe: 'xz' });
  const { told } = run(other);
  expect(new Set(told.alerts.map(({ id }) => id)).size).toBe(1); // rules may join it
  expect(told.alerts.at(-1)?.evidence).toMatchObject({ by: 'own' });
  expect(told.alerts.at(-1)?.evidence?.grounds.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['exec']),
  );
});

test('what a workload does anew while somebody is at work in it counts half, and says so', () => {
  const bitsOf = (visited: boolean): readonly unknown[] => {
    const world = shop();
    quiet(world, 400);
    if (visited) visit(world, 7000, ['/usr/bin/id']);
    const { pid, start } = NODE_PROCESS;
    const own = { slot: 2, pid: 300, start: world.now, parentPid: pid, parentStart: start };
    world.flow({ ...own, direction: 'connect', peer: '203.0.113.9', port: 5432, exe: 'node' });
    world.tick();
    const { told } = run(world);
    const made = told.detections.find(({ facts }) => facts['fact'] === 'connect 203.0.113.9:5432');
    const byEvidence = told.alerts.some(({ evidence }) => evidence !== null);
    return [made?.facts['context'], byEvidence];
  };
  expect(bitsOf(false)).toEqual([undefined, true]);
  expect(bitsOf(true)).toEqual(['beside a session', false]);
});

test('a rule on trial is told as info, alerts nobody, and keeps nothing from being learnt', () => {
  const world = shop();
  quiet(world, 30);
  df(world, 400);
  world.tick();
  const found = (shadow: ReadonlySet<string>): unknown[] => {
    const { pipeline, told } = run(world, { settings: { ...SETTINGS, shadow } });
    const rule = told.detections.filter(({ detector }) => detector === 'server-spawns-shell');
    const api = pipeline.workloads().find(({ workload }) => workload === API);
    return [rule.map(({ severity }) => severity), told.alerts.length > 0, api?.withheld];
  };
  expect(found(new Set())).toEqual([['high'], true, 1]);
  expect(found(new Set(['server-spawns-shell', 'rarity', 'volume']))).toEqual([['info'], false, 0]);
});
