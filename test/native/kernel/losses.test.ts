import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  constant,
  makeCgroup,
  openTestProbe,
  skipReason,
  startDoer,
  type TestProbe,
  until,
} from '../kernel-fixtures.ts';
import { liveScene } from './live-scene.ts';

/** Of the map that has them: see COMPAT_COUNTS in native/bpf/maps.h. */
const COMPAT_COUNTS = 4096;

const lostOf = ({ counts }: TestProbe, cgroup: number, reason: string): number =>
  Number(counts(cgroup).lost[constant(reason)]);

describe.skipIf(skipReason('losses') !== null)('losses', () => {
  afterEach(cleanUp);

  it('of the bulk ring are counted by container, and none is missing from both', async () => {
    const test = await openTestProbe({ bulkBytes: 4096, bulkMs: 60_000 });
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    await doer.ask('flood exec 100');
    expect(lostOf(test, cgroup.id, 'LOSS_BULK_FULL')).toBeGreaterThan(0);
    await test.probe.close();
    expect(test.of('RECORD_EXIT', cgroup.id).length).toBeLessThan(200);
  });

  it.skipIf(process.arch !== 'x64')('of numbers of 32-bit calls leave their sum exact', async () => {
    const test = await openTestProbe();
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    const made = COMPAT_COUNTS + 100;
    expect(await doer.ask(`call compat-numbers ${made}`)).toBe(0);
    const { calls, compat } = test.counts(cgroup.id);
    expect(calls[511]).toBe(BigInt(made));
    const lost = lostOf(test, cgroup.id, 'LOSS_COMPAT_FULL');
    expect(lost).toBeGreaterThanOrEqual(100);
    expect(compat.reduce((sum, { count }) => sum + Number(count), lost)).toBe(made);
  });

  it('of what is kept of a socket are counted, and the connection is told all the same', async () => {
    const test = await openTestProbe();
    const cgroup = makeCgroup();
    const noMemory = 'echo 0 > /proc/sys/net/core/optmem_max && ip link set lo up && exec "$0"';
    let doer: Awaited<ReturnType<typeof startDoer>>;
    try {
      doer = await startDoer(cgroup.path, ['unshare', '-n', 'sh', '-c', noMemory]);
    } catch {
      return console.log('skipped: before Linux 6.8 a network namespace has no optmem_max of its own');
    }
    for (let port = 1; port <= 7; port++) await doer.ask(`connect 127.0.0.1 ${port}`);
    await until(() => test.of('RECORD_FLOW', cgroup.id).length === 7);
    expect(lostOf(test, cgroup.id, 'LOSS_SOCKETS_FULL')).toBe(7);
  });

  it('over its own budget are a finding about the container, beside the action that the flood would hide', async () => {
    const { told, cgroup, period, source } = await liveScene({ recordsPerSecond: 1, recordBurst: 200 });
    const quiet = makeCgroup();
    await startDoer(quiet.path);
    await period('flood unshare 1000', 'do bpf');
    const of = (id: number) => told.detections.filter(({ container }) => container.cgroup === id);
    const floods = of(cgroup.id).filter(({ detector }) => detector === 'flood');
    expect(floods.map(({ severity, process }) => ({ severity, process }))).toEqual([
      { severity: 'medium', process: null },
    ]);
    expect(floods[0]?.facts['losses']).toContain('throttled action');
    expect(of(cgroup.id).filter(({ summary }) => summary.includes('load a BPF program'))).toHaveLength(1);
    expect(of(quiet.id).filter(({ detector }) => detector === 'flood')).toEqual([]);
    // Told once of a stretch, however long it lasts.
    await period('flood unshare 1000');
    expect(of(cgroup.id).filter(({ detector }) => detector === 'flood')).toHaveLength(1);
    await source.stop();
  }, 120_000);
});
