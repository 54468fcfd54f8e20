import { expect, test } from 'vitest';
import { NO_DNS } from '../../agent/features/dns-window.ts';
import { cgroupRecord, flowEntry, SECOND } from '../builders/records.ts';
import { API, NODE_PROCESS, ordinary, quiet, shop } from '../builders/shop.ts';
import { cgroupPath, ID, run, UID, type World } from '../builders/world.ts';

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
  expect(pipeline.overview.workloads().find(({ workload }) => workload === API)?.facts.syscall).toBe(2);
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
