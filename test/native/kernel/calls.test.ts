import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  constant,
  type Doer,
  makeCgroup,
  openTestProbe,
  skipReason,
  startDoer,
  type TestProbe,
} from '../kernel-fixtures.ts';

const ARM = process.arch === 'arm64';
const CALL = ARM
  ? { open: 56, close: 57, read: 63, exit: 93, exitGroup: 94, kill: 129, tgkill: 131, sigreturn: 139 }
  : { open: 257, close: 3, read: 0, exit: 60, exitGroup: 231, kill: 62, tgkill: 234, sigreturn: 15 };
const PARENT = ARM ? 173 : 110;
const CLONE3 = 435;
const CLONE = ARM ? 220 : 56;
const COMPAT = 511;

interface Scene {
  readonly test: TestProbe;
  readonly cgroup: number;
  readonly doer: Doer;
  /** Runs `command`; what it answered, and how often each call of `numbers` was made meanwhile. */
  during(command: string, numbers: readonly number[]): Promise<{ answer: number; added: number[] }>;
}

async function scene(): Promise<Scene> {
  const test = await openTestProbe();
  const { id: cgroup, path } = makeCgroup();
  const doer = await startDoer(path);
  const during = async (command: string, numbers: readonly number[]) => {
    const before = test.counts(cgroup).calls;
    const answer = await doer.ask(command);
    await sleep(20); // ends of processes are told after their parent was
    const after = test.counts(cgroup).calls;
    return { answer, added: numbers.map((call) => Number((after[call] ?? 0n) - (before[call] ?? 0n))) };
  };
  return { test, cgroup, doer, during };
}

describe.skipIf(skipReason('calls') !== null)('system calls', () => {
  afterEach(cleanUp);

  it.skipIf(ARM)('with 32-bit entry are counted apart, by their own numbers', async () => {
    const { test, cgroup, during } = await scene();
    expect(await during('call compat 1234', [COMPAT, 20])).toEqual({ answer: 0, added: [1234, 0] });
    expect(test.counts(cgroup).compat).toEqual([{ number: 20, count: 1234n }]);
    const other = makeCgroup();
    const doer = await startDoer(other.path);
    await doer.ask('call compat 7');
    expect(test.counts(other.id).compat).toEqual([{ number: 20, count: 7n }]);
    expect(test.counts(cgroup).compat).toEqual([{ number: 20, count: 1234n }]);
  });

  it.skipIf(ARM)('with 32-bit entry are forgotten with the slot', async () => {
    const { test, cgroup, doer, during } = await scene();
    await during('call compat 5', []);
    const { slot } = test.counts(cgroup);
    test.probe.freeSlot(slot, cgroup); // its doer finds a slot again with its next call
    await doer.ask('getppid 1');
    expect(test.counts(cgroup).compat).toEqual([]);
  });

  it.skipIf(ARM)('that make a process are counted once, although they return twice', async () => {
    const { during } = await scene();
    const numbers = [57, 58, CLONE3, CLONE, CALL.exitGroup];
    expect(await during('call fork 25', numbers)).toEqual({ answer: 0, added: [25, 0, 0, 0, 25] });
    expect(await during('call vfork 25', numbers)).toEqual({ answer: 0, added: [0, 25, 0, 0, 25] });
  });

  it('clone3 is counted once for each process, exit_group once for each end', async () => {
    const { during } = await scene();
    const { answer, added } = await during('call clone3 25', [CLONE3, CALL.exitGroup]);
    expect({ answer, added }).toEqual({ answer: 0, added: [25, 25] });
  });

  it('of threads that begin and end are counted once each', async () => {
    const { during } = await scene();
    const { answer, added } = await during('call thread 25', [CLONE3, CLONE, CALL.exit, CALL.exitGroup]);
    expect(answer).toBe(0);
    const [clone3 = 0, clone = 0, exit, exitGroup] = added;
    expect([clone3 + clone, exit, exitGroup]).toEqual([25, 25, 0]); // older libc: clone
  });

  it('that end a process that was killed are none', async () => {
    const { during } = await scene();
    const numbers = [CLONE3, CALL.kill, CALL.exitGroup, CALL.exit];
    expect(await during('call kill 25', numbers)).toEqual({ answer: 0, added: [25, 25, 0, 0] });
  });

  it('return from a signal under their own number, although the kernel shows none', async () => {
    const { during } = await scene();
    const { answer, added } = await during('call signal 25', [CALL.tgkill, CALL.sigreturn, 510]);
    expect({ answer, added }).toEqual({ answer: 0, added: [25, 25, 0] });
  });

  it.skipIf(cpus().length < 2)(
    'of two saturating loads are counted exactly, and nothing is lost',
    async () => {
      const { test, cgroup, during } = await scene();
      const parents = await during('call getppids 2000', [PARENT]);
      expect(parents.added).toEqual([parents.answer]);
      const files = await during('call files 2000', [CALL.open, CALL.close, CALL.read]);
      const { answer } = files;
      expect(answer).toBeGreaterThan(0);
      expect(files.added).toEqual([answer, answer, answer + 1]); // and the next command
      const lost = new Array(constant('LOSS_REASONS')).fill(0n);
      expect([...test.counts(cgroup).lost]).toEqual(lost);
      expect(test.probe.counters().lost[constant('LOSS_NO_STORAGE')]).toBe(0n);
    },
    120_000,
  );
});
