/** The canary on a real kernel: its record is seen, and what it adds to counts is what is taken off again. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { CanaryJudge } from '../../../agent/alerts/canary.ts';
import { decodeRecords } from '../../../agent/events/decode.ts';
import type { Frame, SlotTick } from '../../../agent/events/frame.ts';
import type { Container } from '../../../agent/identity/container.ts';
import { LiveSource } from '../../../agent/source/live.ts';
import { systemClock } from '../../../kit/clock.ts';
import { canaryPath, loadAddon } from '../../../native/index.ts';
import {
  atEnd,
  cleanUp,
  inInitialPidNamespace,
  makeCgroup,
  openTestProbe,
  skipReason,
  temporaryFolder,
  until,
} from '../kernel-fixtures.ts';

const refusal = skipReason('the canary on a real kernel');
afterEach(cleanUp);

const NONCE = 'ab'.repeat(16);
/** As an argument of sleep. */
const LONG = '86399';

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** A pid namespace of its own, as of a pod without hostPID, or on a node that is a container itself. */
const NAMESPACE = ['unshare', '--pid', '--fork', '--kill-child'];

/** A process in the cgroup that starts a canary for each line that it is given, as the agent does in its own. */
async function startAgentLike(cgroup: string, prefix: readonly string[]) {
  const child = spawn('sh', [
    '-c',
    'echo $$ > "$0"/cgroup.procs && exec "$@"',
    cgroup,
    ...prefix,
    process.execPath,
    join(import.meta.dirname, 'child.ts'),
    'canary',
  ]);
  child.stderr.pipe(process.stderr);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  atEnd(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => String((await lines.next()).value);
  const [inner = 0, number = 0] = (await line()).split(' ').map(Number);
  const make = async (nonce: string): Promise<number> => {
    child.stdin.write(`${nonce}\n`);
    return Number(await line());
  };
  return { inner, number, make };
}

describe.skipIf(refusal !== null)('the canary', () => {
  it.each([
    ["the node's pid namespace", []],
    ['a pid namespace of its own', NAMESPACE],
  ])('is seen as a child of an agent in %s, and leaves nothing in the counts of its slot', async (_, prefix) => {
    const cgroup = makeCgroup();
    const agent = await startAgentLike(cgroup.path, prefix);
    expect(agent.inner === agent.number).toBe(prefix.length === 0 && inInitialPidNamespace());
    const { probe, of, records } = await openTestProbe({ selfPid: agent.number });
    const ticks: Frame[] = [];
    const source = new LiveSource({
      ...{ probe, clock: systemClock(), cgroupRoot: temporaryFolder(), windowMs: 3_600_000 },
      emit: (frame) => ticks.push(frame),
      onError: (error) => {
        throw error;
      },
    });
    await source.start();
    const slotIn = async (): Promise<{ slot: SlotTick | null; frame: Extract<Frame, { kind: 'tick' }> }> => {
      ticks.splice(0);
      source.tick();
      const frame = ticks.find((one) => one.kind === 'tick');
      if (frame?.kind !== 'tick') throw new Error('no tick');
      return { slot: frame.tick.slots.find((one) => one.cgroup === cgroup.id) ?? null, frame };
    };
    await agent.make('ff'.repeat(16)); // the slot is given with the first
    await until(() => of('RECORD_EXEC', cgroup.id).length === 1);
    await sleep(100); // the end of it is counted after its record
    await slotIn();
    records.splice(0);

    const pid = await agent.make(NONCE);
    await until(() => of('RECORD_EXEC', cgroup.id).length === 1);
    const judge = new CanaryJudge(process.arch === 'arm64' ? 'arm64' : 'x64');
    judge.expect({ kind: 'canary', nonce: NONCE, parent: agent.number });
    const { events } = decodeRecords(Buffer.concat(of('RECORD_EXEC', cgroup.id).map(({ bytes }) => bytes)));
    const [seen] = events.map((event) => judge.judge(event, {} as Container));
    expect(seen).toMatchObject({ id: expect.stringMatching(/^can-/), innerPid: pid });
    const { slot, frame } = await slotIn();
    expect(slot).toMatchObject({ execs: 1, exits: 1, forks: 0, counts: [1, 1] });
    expect(slot?.pairs).toHaveLength(1);
    const left = judge.without(frame.tick).slots.find((one) => one.cgroup === cgroup.id);
    expect(left).toMatchObject({ execs: 0, exits: 0, forks: 0, numbers: [], counts: [], pairs: [] });
    await source.stop();
  });

  it('says why it cannot be started', async () => {
    const missing = loadAddon().runCanary({ path: '/nowhere/picket-canary', nonce: NONCE });
    await expect(missing).rejects.toMatchObject({ code: 'PICKET_CANARY' });
    await expect(loadAddon().runCanary({ path: canaryPath(), nonce: NONCE })).resolves.toBeGreaterThan(0);
  });

  it('ends one that does not end by itself, and says so', async () => {
    const stuck = loadAddon().runCanary({ path: '/bin/sleep', nonce: LONG });
    await expect(stuck).rejects.toMatchObject({
      code: 'PICKET_CANARY',
      message: expect.stringContaining('in time'),
    });
    const left = readdirSync('/proc').filter((pid) => commandOf(pid).endsWith(`picket-canary\0${LONG}\0`));
    expect(left).toEqual([]);
  }, 60_000);
});
