/**
 * Containers of our own as the agent sees them: cgroups with a runtime's names below one top group, pods in a file, a
 * network namespace in which everything but the containers' own loopback is outside. `cleanUp` takes all of it back.
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PodFacts, podList } from '../../cli/demo/pod-list.ts';
import {
  atEnd,
  buildDoer,
  type Doer,
  makeCgroup,
  pinFolder,
  startDoer,
  type TestCgroup,
  temporaryFolder,
} from '../native/kernel-fixtures.ts';

/** Not loopback to the agent, and not an address of the node. */
export const OUTSIDE = '10.66.0.1';
const PORT = 4444;

export interface TestContainer extends Doer {
  readonly id: string;
  readonly podUid: string;
  readonly cgroup: TestCgroup;
  readonly name: string;
  /** Another process in it. */
  join(): Promise<Doer>;
  /** Writes a script and lets the container's server run it; resolves with its wait status. */
  run(script: string): Promise<number>;
}

export interface World {
  readonly folder: string;
  readonly pins: string;
  readonly podsFile: string;
  /** Datagrams that came outside so far. */
  datagrams(): number;
  container(spec: ContainerSpec): Promise<TestContainer>;
  /** Gives the container's pod to the list, as the kubelet does once it runs. */
  list(container: Pick<TestContainer, 'id' | 'podUid' | 'name'>, namespace: string): void;
}
export interface ContainerSpec {
  readonly name: string;
  readonly namespace: string;
  /** Of a container that was there before; its pod's group is used again. */
  readonly podUid?: string;
  /** The test lists it itself. */
  readonly unlisted?: boolean;
}

function makeNetwork(name: string): void {
  execFileSync('ip', ['netns', 'add', name]);
  atEnd(() => void execFileSync('ip', ['netns', 'delete', name]));
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  execFileSync('ip', ['-n', name, 'address', 'add', `${OUTSIDE}/32`, 'dev', 'lo']);
}

async function openOutside(inside: readonly string[]): Promise<() => number> {
  const [file = '', ...prefix] = inside;
  const program = join(import.meta.dirname, 'outside.ts');
  const child = spawn(file, [...prefix, process.execPath, program, OUTSIDE, String(PORT)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  atEnd(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let datagrams = 0;
  await new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'datagram') datagrams += 1;
      else resolve();
    });
  });
  return () => datagrams;
}

export async function openWorld(): Promise<World> {
  const name = `picket-e2e-${process.pid}`;
  const [pins, folder] = [pinFolder(), temporaryFolder()];
  const podsFile = join(folder, 'pods.json');
  const pods = new Map<string, PodFacts>();
  const writePods = (): void => {
    writeFileSync(`${podsFile}.new`, JSON.stringify(podList([...pods.values()], 'node-1')));
    renameSync(`${podsFile}.new`, podsFile);
  };
  writePods();
  makeNetwork(name);
  const inside = ['ip', 'netns', 'exec', name];
  const datagrams = await openOutside(inside);
  const kubepods = makeCgroup('kubepods', makeCgroup(name).path);
  const podGroups = new Map<string, TestCgroup>();
  // Named as a server, so that a shell which it starts is one of a server.
  // Not below /tmp, from where a program is a detection of its own.
  const bin = mkdtempSync('/var/lib/picket-e2e-');
  atEnd(() => rmSync(bin, { recursive: true, force: true }));
  const server = join(bin, 'nginx');
  copyFileSync(buildDoer(), server);
  // It is given the doer's path as an argument, which it does not read.
  const network = ['nsenter', `--net=/run/netns/${name}`];

  const list: World['list'] = ({ id, podUid, name: of }, namespace) => {
    pods.set(podUid, { id, podUid, address: '', name: of, namespace });
    writePods();
  };
  const container: World['container'] = async (spec) => {
    const podUid = spec.podUid ?? randomUUID();
    const id = randomBytes(32).toString('hex');
    const pod = podGroups.get(podUid) ?? makeCgroup(`pod${podUid}`, kubepods.path);
    podGroups.set(podUid, pod);
    if (spec.unlisted !== true) list({ id, podUid, name: spec.name }, spec.namespace);
    const cgroup = makeCgroup(id, pod.path);
    const doer = await startDoer(cgroup.path, [server], network);
    const script = join(folder, `${id.slice(0, 12)}.sh`);
    return {
      ...doer,
      id,
      podUid,
      cgroup,
      name: spec.name,
      join: () => startDoer(cgroup.path, [server], network),
      run(text) {
        writeFileSync(script, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
        return doer.ask(`exec ${script}`);
      },
    };
  };
  return { folder, pins, podsFile, datagrams, container, list };
}

/** Connects to the outside and closes again; 0 or an errno. */
export async function connects(doer: Doer): Promise<number> {
  const error = await doer.ask(`connect ${OUTSIDE} ${PORT}`);
  if (error === 0) await doer.ask('hangup');
  return error;
}

/** Connects and stays connected, for `echo`. */
export const hold = (doer: Doer): Promise<number> => doer.ask(`connect ${OUTSIDE} ${PORT}`);
export const sendDatagram = (doer: Doer): Promise<number> => doer.ask(`udp ${OUTSIDE} ${PORT}`);

/**
 * Tries again and again until connecting does (`works`) or does not work. The Unix time, ms, at which that attempt
 * began: one that is cut off half-way ends a second later.
 */
export async function untilConnecting(doer: Doer, works: boolean, limitMs = 30_000): Promise<number> {
  const end = Date.now() + limitMs;
  for (;;) {
    const begun = Date.now();
    const error = await connects(doer);
    if ((error === 0) === works) return begun;
    if (begun > end) throw new Error(`connecting still ends with ${error} after ${limitMs} ms`);
    await sleep(1);
  }
}

/** The first answer that is neither null nor false. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | null | false> | T | null | false,
  limitMs = 30_000,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== null && found !== false) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await sleep(20);
  }
}

export interface Line {
  readonly kind: 'detection' | 'alert';
  readonly id: string;
  readonly time: string;
  readonly detector: string;
  readonly severity: string;
  readonly summary: string;
  readonly container: { readonly id: string };
  readonly facts: Readonly<Record<string, string>>;
}

/** All whole lines of an alert log; none before the first is written. @throws when one is no JSON. */
export function readLog(path: string): Line[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line);
}

/** The detections of one container, or all. */
export function detectionsIn(path: string, container?: string): Line[] {
  return readLog(path).filter(
    (line) => line.kind === 'detection' && (container === undefined || line.container.id === container),
  );
}

/** Rows of central's store. */
export function query<T>(database: string, sql: string, ...values: string[]): T[] {
  const store = new DatabaseSync(database, { readOnly: true });
  try {
    return store.prepare(sql).all(...values) as T[];
  } finally {
    store.close();
  }
}
