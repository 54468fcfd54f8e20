/** A container whose process does actions by number, and what the kernel tells of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import {
  constant,
  type Doer,
  makeCgroup,
  openTestProbe,
  startDoer,
  type TestRecord,
  until,
} from '../kernel-fixtures.ts';

export const TIMES = 7;
export const USER = 4242;
export const EPERM = 1;

/** What an action record says, without its header. */
export function said(record: TestRecord | undefined) {
  if (record === undefined) return undefined;
  const at = (name: string) => constant(`action_record.${name}`);
  return {
    number: record.field('number'),
    result: Number(record.bytes.readBigInt64LE(at('result'))),
    args: [0, 8, 16, 24].map((offset) => record.bytes.readBigUInt64LE(at('args') + offset)),
    flags: record.field('flags'),
    target: [record.field('target_pid'), record.field('target_slot')],
    exe: record.text('exe', 32),
    name: record.text('name', 64),
    path:
      (record.field('flags') & constant('PATH_CLAIMED')) !== 0
        ? record.text('path', 256)
        : record.field('path_bytes') === 0
          ? ''
          : record.path(),
  };
}

/** Of a record of the doer that tells nothing more. */
export const NOTHING = { flags: 0, target: [0, 0], exe: 'doer', name: '', path: '' };

/** The doer's number outside: of the processes of the container the youngest. */
function outerPid(cgroup: string): number {
  const pids = readFileSync(join(cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
  return Math.max(...pids.map(Number));
}

const OWN_NAMESPACES = ['-m', '-u', '-i', '-n', '-C', '--fork', '--pid', '--mount-proc', '--kill-child'];

/** All the namespaces that a container has. */
export const OWN = ['unshare', ...OWN_NAMESPACES];

/** The same for an ordinary user, who is root in there. */
export const ROOTLESS = [
  'setpriv',
  `--reuid=${USER}`,
  `--regid=${USER}`,
  '--clear-groups',
  'unshare',
  '-r',
  ...OWN_NAMESPACES,
];

export interface Scene {
  readonly doer: Doer;
  readonly slot: number;
  /** Records of one action so far. */
  of(action: string): TestRecord[];
  /** Records of one kind so far. */
  kind(kind: string): TestRecord[];
}

/** With the processes of the machine. */
export const SHARED_PIDS = ['unshare', '-m'];

/** A doer in a container; `prefix` gives it its namespaces, `watched` are names of files. */
export async function scene({ prefix = OWN, watched = ['shadow', 'docker.sock'] } = {}): Promise<Scene> {
  const { of, counts } = await openTestProbe({
    watchedNames: [
      ...watched.map((name) => ({ name, where: 'file' }) as const),
      { name: 'cron.d', where: 'folder' },
    ],
  });
  const cgroup = makeCgroup();
  const started = await startDoer(cgroup.path, prefix);
  const doer = { ...started, pid: outerPid(cgroup.path) };
  const actions = (action: string) =>
    of('RECORD_ACTION', cgroup.id).filter((record) => record.field('action') === constant(action));
  // unshare(1) also mounts, after it has said what it did.
  await until(() => actions('ACTION_UNSHARE').length === 1 && actions('ACTION_MOUNT').length >= 1);
  await sleep(30);
  return { doer, slot: counts(cgroup.id).slot, of: actions, kind: (kind) => of(kind, cgroup.id) };
}

/** Does it TIMES times and gives the records of the action that these made, all of the same slot. */
export async function doTimes({ doer, of, slot }: Scene, command: string, action: string, answer = 0) {
  const before = of(action).length;
  for (let i = 0; i < TIMES; i++) expect(await doer.ask(`do ${command}`)).toBe(answer);
  await until(() => of(action).length - before >= TIMES);
  await sleep(30);
  const records = of(action).slice(before);
  expect(records).toHaveLength(TIMES);
  for (const record of records) {
    expect(record.slot).toBe(slot);
    expect(record.parentPid).toBe(doer.pid);
    const { target, args } = said(record) ?? {};
    expect(said(record)).toEqual({ ...said(records[0]), target, args });
  }
  return records;
}
