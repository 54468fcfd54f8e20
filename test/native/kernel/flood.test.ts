import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  constant,
  makeCgroup,
  openTestProbe,
  skipReason,
  startDoer,
  type TestProbe,
  temporaryFolder,
  until,
} from '../kernel-fixtures.ts';

/** How many per CPU: more than a second's work, so that the other container acts within the flood. */
const FLOODS = [
  { kind: 'open', record: 'RECORD_OPEN', n: 100_000, other: 'exec' },
  { kind: 'exec', record: 'RECORD_EXEC', n: 2000, other: 'open' },
  { kind: 'flow', record: 'RECORD_FLOW', n: 20_000, other: 'exec' },
  { kind: 'unshare', record: 'RECORD_ACTION', n: 5000, other: 'open' },
] as const;

/** Beside a flood of unshare(2). */
const OTHER_ACTIONS = [
  ['memfd - x', 'ACTION_MEMFD'],
  ['bpf', 'ACTION_BPF_LOAD'],
  ['perf', 'ACTION_PERF_OPEN'],
  ['trace', 'ACTION_PTRACE'],
  ['read-child', 'ACTION_VM_READ'],
  ['write-child', 'ACTION_VM_WRITE'],
  ['capset', 'ACTION_CAPSET'],
  ['chroot /', 'ACTION_CHROOT'],
  ['packet-socket', 'ACTION_RAW_SOCKET'],
  ['write-exec', 'ACTION_WRITE_EXEC'],
  ['setuid - 4242', 'ACTION_SET_ID'],
] as const;

const RECORDS = { open: 'RECORD_OPEN', exec: 'RECORD_EXEC' } as const;

function throttled({ counts }: TestProbe, cgroup: number, record: string): number {
  return Number(counts(cgroup).throttled[constant(record)]);
}

const lostOf = ({ counts }: TestProbe, cgroup: number): Record<string, number> => {
  const { lost } = counts(cgroup);
  return {
    urgentFull: Number(lost[constant('LOSS_URGENT_FULL')]),
    throttled: Number(lost[constant('LOSS_THROTTLED')]),
  };
};

describe.skipIf(skipReason('flood') !== null)('flood', () => {
  afterEach(cleanUp);

  for (const { kind, record, n, other } of FLOODS)
    it(`of ${kind} hides nothing of another container and no other kind of its own, and is counted exactly`, async () => {
      const test = await openTestProbe({
        urgentBytes: 1 << 22,
        flows: 65_536,
        recordsPerSecond: 10,
        recordBurst: 1500,
      });
      const { of, probe } = test;
      const [bad, good] = [makeCgroup(), makeCgroup()];
      const flooder = await startDoer(bad.path);
      const sameContainer = await startDoer(bad.path);
      const victim = await startDoer(good.path);
      await until(() => of('RECORD_EXEC', bad.id).length === 2 && of('RECORD_EXEC', good.id).length === 1);
      const before = { bad: of(record, bad.id).length, other: of(RECORDS[other], bad.id).length };
      const opens = of('RECORD_OPEN', good.id).length;
      const execs = of('RECORD_EXEC', good.id).length;

      const flood = flooder.ask(`flood ${kind} ${n}`);
      await victim.ask('flood open 500');
      await victim.ask('flood exec 500');
      const act = other === 'exec' ? 'exec /bin/true' : 'open /etc/shadow';
      await sameContainer.ask(act);
      await flood;

      await until(() => of('RECORD_EXEC', good.id).length >= execs + 1000);
      await until(() => of(RECORDS[other], bad.id).length > before.other);
      const lost = lostOf(test, bad.id);
      // By kind: of all that was throttled, some are the exits of what was executed.
      const delivered = (): number => of(record, bad.id).length - before.bad;
      await until(() => delivered() + throttled(test, bad.id, record) >= 2 * n);
      expect(of('RECORD_OPEN', good.id)).toHaveLength(opens + 1000);
      expect(of('RECORD_EXEC', good.id)).toHaveLength(execs + 1000);
      expect(lostOf(test, good.id)).toEqual({ urgentFull: 0, throttled: 0 });
      expect(of(RECORDS[other], bad.id)).toHaveLength(before.other + 1);
      const exits = throttled(test, bad.id, 'RECORD_EXIT');
      expect(lost).toEqual({ urgentFull: 0, throttled: throttled(test, bad.id, record) + exits });
      expect(delivered() + throttled(test, bad.id, record)).toBe(2 * n);
      expect(throttled(test, bad.id, record)).toBeGreaterThan(0);
      expect(probe.counters().queueFull).toBe(0n);
    }, 120_000);

  it('hides no other action, file or program of its own container, though the tokens of its kind are used up', async () => {
    const test = await openTestProbe({ recordsPerSecond: 1, recordBurst: 200 });
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    const folder = join(temporaryFolder(), '.ssh');
    mkdirSync(folder);
    writeFileSync(join(folder, 'known'), '');
    const actions = (name: string) =>
      test.of('RECORD_ACTION', cgroup.id).filter((record) => record.field('action') === constant(name));
    for (const kind of ['unshare', 'open', 'exec']) await doer.ask(`flood ${kind} 200`);

    for (const [command, action] of OTHER_ACTIONS) {
      expect(await doer.ask(`do ${command}`)).toBe(0);
      await until(() => actions(action).length > 0);
    }
    await doer.ask(`open ${join(folder, 'known')}`);
    await until(() => test.of('RECORD_OPEN', cgroup.id).some((record) => record.path().endsWith('/known')));
    await doer.ask('exec /bin/false');
    await until(() => test.of('RECORD_EXEC', cgroup.id).some((record) => record.path().endsWith('/false')));

    for (const record of ['RECORD_OPEN', 'RECORD_ACTION', 'RECORD_EXEC'])
      expect(throttled(test, cgroup.id, record)).toBeGreaterThan(0);
    // What is told and what is throttled are all that was done.
    const opens = test.of('RECORD_OPEN', cgroup.id).length + throttled(test, cgroup.id, 'RECORD_OPEN');
    expect(opens).toBe(401);
  }, 120_000);

  it('of several containers at once, each within its burst, does not fill the urgent ring', async () => {
    const test = await openTestProbe({ urgentBytes: 1 << 22 });
    const cgroups = Array.from({ length: 4 }, () => makeCgroup());
    const doers = await Promise.all(cgroups.map(({ path }) => startDoer(path)));
    await Promise.all(doers.map((doer) => doer.ask('flood open 20000')));
    for (const { id } of cgroups) expect(lostOf(test, id).urgentFull).toBe(0);
  });

  it('gives a burst again as time passes, at the rate that was set', async () => {
    const test = await openTestProbe({ recordsPerSecond: 200, recordBurst: 10 });
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    await doer.ask('flood open 2000');
    const full = test.of('RECORD_OPEN', cgroup.id).length + throttled(test, cgroup.id, 'RECORD_OPEN');
    const end = Date.now() + 500;
    await until(() => Date.now() > end);
    const refused = throttled(test, cgroup.id, 'RECORD_OPEN');
    for (let i = 0; i < 10; i++) await doer.ask('open /etc/shadow');
    expect(throttled(test, cgroup.id, 'RECORD_OPEN')).toBe(refused);
    expect(full).toBeGreaterThan(0);
    await until(() => test.of('RECORD_OPEN', cgroup.id).length + refused === 4010);
    // Ten at once and two for each of the hundredths of a second that 4,000 opens last.
    expect(test.of('RECORD_OPEN', cgroup.id).length).toBeLessThan(200);
  });
});
