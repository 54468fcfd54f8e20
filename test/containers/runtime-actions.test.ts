/** What a real runtime does to start, enter and end a container is no finding; the same done from inside is. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { rankOf } from '../../agent/alerts/severity.ts';
import { type Container, Sandbox, whyNoContainers } from '../../cli/demo/containers.ts';
import { makePipeline } from '../builders/world.ts';
import { cleanUp, kernelRefusal, openTestProbe } from '../native/kernel-fixtures.ts';

const NAME = `picket-quiet-${process.pid}`;
const reason = (await whyNoContainers()) ?? kernelRefusal();
if (reason !== null) console.log(`skipped: what a runtime does: ${reason}`);

const bootNs = (): bigint =>
  BigInt(Math.round(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e9));

/** A pipeline that is given what the probe saw. */
async function watch() {
  const { probe, records } = await openTestProbe();
  const { pipeline, told } = makePipeline({ bootNs: bootNs(), podsExpected: false });
  const judge = async () => {
    await sleep(300);
    await probe.close();
    for (const record of records) pipeline.records(record.bytes);
    return told.detections.filter(({ container }) => container.path.includes(NAME));
  };
  const of = (container: Container) =>
    records.filter((record) => record.cgroup === Number(container.cgroupId) && record.kind === 7);
  return { judge, of };
}

describe.skipIf(reason !== null)('a runtime', { timeout: 60_000 }, () => {
  let sandbox: Sandbox | null = null;

  afterEach(async () => {
    await sandbox?.stop();
    sandbox = null;
    await cleanUp();
  });

  test('that starts, enters and ends containers gives many actions and no detection above low', async () => {
    const { judge, of } = await watch();
    sandbox = await Sandbox.create({ name: NAME, node: 'n1' });
    const args = ['/usr/bin/sleep', '60'];
    const first = await sandbox.start({ name: 'a', namespace: 'demo', args });
    await sandbox.start({ name: 'b', namespace: 'demo', args });
    for (let i = 0; i < 3; i++) expect((await sandbox.exec(first, ['true'])).code).toBe(0);
    await sleep(6000); // beyond the start: what is entered now is judged as steady
    expect((await sandbox.exec(first, ['true'])).code).toBe(0);
    await sandbox.stop();

    const told = await judge();

    expect(of(first).length).toBeGreaterThan(10);
    expect(
      told.filter(({ severity }) => rankOf(severity) >= rankOf('medium')).map(({ summary }) => summary),
    ).toEqual([]);
  });

  test('is not what a program inside is that does the same later', async () => {
    const { judge } = await watch();
    sandbox = await Sandbox.create({ name: NAME, node: 'n1' });
    const container = await sandbox.start({ name: 'a', namespace: 'demo', args: ['/usr/bin/sleep', '60'] });
    await sleep(5500);
    await sandbox.exec(container, ['unshare', '--user', 'true']);
    await sandbox.exec(container, ['mount', '-t', 'tmpfs', 'none', '/tmp']);

    const told = await judge();

    const escapes = told.filter(({ detector }) => detector === 'escape-attempt');
    expect(escapes.map(({ process }) => process?.exe).toSorted()).toEqual(['mount', 'unshare']);
    for (const { severity } of escapes) expect(rankOf(severity)).toBeGreaterThanOrEqual(rankOf('medium'));
  });
});
