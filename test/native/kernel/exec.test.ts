/** What is told of a program that was started is compared with what the program itself finds that it is. */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeRecords } from '../../../agent/events/decode.ts';
import type { ExecEvent } from '../../../agent/events/event.ts';
import {
  atEnd,
  buildWitness,
  cleanUp,
  type Doer,
  makeCgroup,
  openTestProbe,
  PROBE_OPTIONS,
  skipReason,
  startDoer,
  type TestRecord,
  temporaryFolder,
  until,
} from '../kernel-fixtures.ts';

const MASK = (1n << 64n) - 1n;
const rotated = (word: bigint, bits: bigint): bigint => ((word << bits) | (word >> (64n - bits))) & MASK;

const KEY = PROBE_OPTIONS.seenKey;

/** SipHash-1-3 as its paper says it, with the key of the kernel side. */
function sipHash(bytes: Buffer): bigint {
  let [a, b, c, d] = [
    0x736f6d6570736575n ^ KEY,
    0x646f72616e646f6dn ^ KEY ^ MASK,
    0x6c7967656e657261n ^ KEY,
    0x7465646279746573n ^ KEY ^ MASK,
  ];
  const round = () => {
    [a, c] = [(a + b) & MASK, (c + d) & MASK];
    [b, d] = [rotated(b, 13n) ^ a, rotated(d, 16n) ^ c];
    a = rotated(a, 32n);
    [c, a] = [(c + b) & MASK, (a + d) & MASK];
    [b, d] = [rotated(b, 17n) ^ c, rotated(d, 21n) ^ a];
    c = rotated(c, 32n);
  };
  const absorb = (word: bigint) => {
    d ^= word;
    round();
    a ^= word;
  };
  const whole = bytes.length - (bytes.length % 8);
  for (let at = 0; at < whole; at += 8) absorb(bytes.readBigUInt64LE(at));
  const last = Buffer.alloc(8);
  bytes.copy(last, 0, whole);
  last[7] = bytes.length & 0xff;
  absorb(last.readBigUInt64LE());
  c ^= 0xffn;
  for (let i = 0; i < 3; i++) round();
  return a ^ b ^ c ^ d;
}

interface Scene {
  readonly doer: Doer;
  readonly folder: string;
  /** A copy of the witness, of this name. */
  witness(name: string): string;
  /** Starts something and gives the exec events that came of it. */
  start(command: string, events: number, answer?: number): Promise<ExecEvent[]>;
  of(kind: string): TestRecord[];
  /** What a process wrote of itself. */
  truth(pid: number): { exe: string; args: Buffer };
}

async function scene(): Promise<Scene> {
  const { of } = await openTestProbe();
  const folder = temporaryFolder();
  const notes = join(folder, 'notes');
  mkdirSync(notes);
  process.env['WITNESS'] = notes;
  atEnd(() => {
    delete process.env['WITNESS'];
  });
  const cgroup = makeCgroup();
  const doer = await startDoer(cgroup.path, ['unshare', '-m']);
  const execs = () => of('RECORD_EXEC', cgroup.id);
  await until(() => execs().length === 2);
  const witness = (name: string) => {
    const path = join(folder, name);
    copyFileSync(buildWitness(), path);
    return path;
  };
  const start = async (command: string, events: number, answer = 0) => {
    const before = execs().length;
    expect(await doer.ask(`start ${command}`)).toBe(answer);
    await until(() => execs().length >= before + events);
    await sleep(30);
    const records = execs().slice(before);
    expect(records).toHaveLength(events);
    return decodeRecords(Buffer.concat(records.map(({ bytes }) => bytes))).events as ExecEvent[];
  };
  const truth = (pid: number) => {
    const said = readFileSync(join(notes, String(pid)));
    const end = said.indexOf('\n');
    return { exe: said.toString('utf8', 0, end), args: said.subarray(end + 1) };
  };
  return { doer, folder, witness, start, of: (kind) => of(kind, cgroup.id), truth };
}

/** That the event says of arguments what the process has. */
function expectArgs(event: ExecEvent, args: Buffer): void {
  const names = args.toString('utf8').split('\0').slice(0, -1);
  expect({ total: event.argsTotal, count: event.argsCount }).toEqual({
    total: args.length,
    count: names.length,
  });
  expect(event.argsHash).toBe(sipHash(args));
  if (!event.argsCut) expect(event.args).toEqual(names);
}

describe.skipIf(skipReason('exec') !== null)('what was executed', () => {
  afterEach(cleanUp);

  it('is told with every field', async () => {
    const { start, witness, doer, truth } = await scene();
    const path = witness('plain');
    const [event] = await start(`plain ${path}`, 1);
    if (event === undefined) throw new Error('nothing was told');
    expectArgs(event, truth(event.process.pid).args);
    expect(event).toMatchObject({
      path,
      exe: 'plain',
      pathCut: false,
      memfd: false,
      deleted: false,
      upper: false,
      script: null,
      args: [path],
      argsTail: [],
      argsCut: false,
      argsHashCut: false,
      innerPid: event.process.pid,
      stdin: 'unix', // node gives its children sockets
      stdout: 'unix',
      stderr: 'unix',
      parentExe: 'doer',
      comm: 'doer',
    });
    expect(event.process.parentPid).toBe(doer.pid);
  });

  it('has the arguments that the program has, though another thread rewrites them', async () => {
    const { start, witness, truth } = await scene();
    const events = await start(`race ${witness('witness')} 200`, 200);
    for (const event of events) expectArgs(event, truth(event.process.pid).args);
    const seen = new Set(events.map(({ args }) => args[1]));
    expect(seen.size).toBeGreaterThan(1); // else there was no race
  });

  it('is the file behind a link that is swapped meanwhile', async () => {
    const { start, witness, folder, truth } = await scene();
    const [one, two] = [witness('one'), witness('two')];
    const events = await start(`swap ${folder} 200`, 200);
    for (const { path, process } of events) expect(path).toBe(truth(process.pid).exe);
    expect(new Set(events.map(({ path }) => path))).toEqual(new Set([one, two]));
  });

  it('shows head, tail and another hash when one of 10,000 arguments differs', async () => {
    const { start, witness, truth } = await scene();
    const path = witness('witness');
    const [one] = await start(`many ${path} 10000`, 1);
    const [other] = await start(`many-other ${path} 10000`, 1);
    const [again] = await start(`many ${path} 10000`, 1);
    for (const event of [one, other, again]) {
      if (event === undefined) throw new Error('nothing was told');
      expectArgs(event, truth(event.process.pid).args);
      expect(event).toMatchObject({ argsCut: true, argsHashCut: false, argsCount: 10_000 });
      expect(event.args.slice(0, 2)).toEqual(['n0', 'n1']);
      expect(event.argsTail.slice(-2)).toEqual(['n9998', 'n9999']);
    }
    expect(again?.argsHash).toBe(one?.argsHash);
    expect(other?.argsHash).not.toBe(one?.argsHash);
    expect({ head: other?.args, tail: other?.argsTail }).toEqual({ head: one?.args, tail: one?.argsTail });
    const [long] = await start(`many ${path} 50000`, 1);
    if (long === undefined) throw new Error('nothing was told');
    const { args } = truth(long.process.pid);
    expect(long).toMatchObject({ argsTotal: args.length, argsHashCut: true });
    expect(long.argsHash).toBe(sipHash(args.subarray(0, 256 * 1024)));
  });

  it('shows who really starts it, whatever that calls itself', async () => {
    const { start, witness, of, truth } = await scene();
    const path = witness('nginx');
    const [event] = await start(`renamed ${path}`, 1);
    expect(event).toMatchObject({ path, parentExe: 'doer', comm: 'kworker/0:1' });
    expect(event?.args).toEqual(['[kworker/0:1]', '/usr/sbin/nginx']);
    expect(truth(event?.process.pid ?? 0).exe).toBe(path);
    expect(of('RECORD_OPEN').map((record) => record.text('exe', 32))).toEqual(['doer']);
  });

  it('tells a deleted file, and a file of an overlay that was made or changed since', async () => {
    const { start, witness, folder, doer, truth } = await scene();
    const gone = witness('gone');
    const [event] = await start(`deleted ${gone}`, 1);
    expect(event).toMatchObject({ exe: 'gone', deleted: true, memfd: false, args: ['gone'] });
    expect(truth(event?.process.pid ?? 0).exe).toBe(`${gone} (deleted)`);
    for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(join(folder, name));
    for (const name of ['old', 'changed']) renameSync(witness(name), join(folder, 'lower', name));
    expect(await doer.ask(`start overlay ${folder}`)).toBe(0);
    const merged = `/proc/${doer.pid}/root${folder}/merged`;
    copyFileSync(buildWitness(), join(merged, 'new'));
    chmodSync(join(merged, 'changed'), 0o755);
    for (const [name, upper] of [
      ['old', false],
      ['changed', true],
      ['new', true],
    ] as const) {
      const path = join(folder, 'merged', name);
      const [told] = await start(`plain ${path}`, 1);
      expect({ path: told?.path, upper: told?.upper }).toEqual({ path, upper });
    }
  });

  it('tells scripts by the name they were called by, with the interpreters between', async () => {
    const { start, folder, witness } = await scene();
    const program = witness('program');
    const [outer, inner] = [join(folder, 'outer'), join(folder, 'inner')];
    writeFileSync(inner, `#!${program} -i\n`, { mode: 0o755 });
    writeFileSync(outer, `#!${inner} -o\n`, { mode: 0o755 });
    const [event] = await start(`plain ${outer}`, 1);
    expect(event).toMatchObject({
      path: program,
      exe: 'program',
      script: outer,
      args: [program, '-i', inner, '-o', outer],
      argsCount: 5,
    });
    const [direct] = await start(`plain ${program}`, 1);
    expect(direct).toMatchObject({ path: program, script: null });
  });

  it('tells what its standard streams are', async () => {
    const { start, witness } = await scene();
    const path = witness('witness');
    const kinds = {
      t: 'terminal',
      p: 'pipe',
      u: 'unix',
      n: 'network',
      N: 'network',
      d: 'device',
      f: 'file',
      '-': 'closed',
    } as const;
    for (const streams of ['tpu', 'nnn', 'NdN', 'f-d', '---'] as const) {
      const [event] = await start(`streams:${streams} ${path}`, 1);
      const told = [event?.stdin, event?.stdout, event?.stderr];
      expect(told).toEqual([...streams].map((letter) => kinds[letter as keyof typeof kinds]));
    }
  });

  it('is told with its number in its own pid namespace', async () => {
    const { of } = await openTestProbe();
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path, ['unshare', '--fork', '--pid']);
    expect(doer.pid).toBe(1);
    await until(() => of('RECORD_EXEC', cgroup.id).length === 2);
    const events = decodeRecords(Buffer.concat(of('RECORD_EXEC', cgroup.id).map(({ bytes }) => bytes)))
      .events as ExecEvent[];
    expect(events.map(({ exe, innerPid }) => ({ exe, innerPid }))).toEqual([
      { exe: 'unshare', innerPid: events[0]?.process.pid },
      { exe: 'doer', innerPid: 1 },
    ]);
  });
});
