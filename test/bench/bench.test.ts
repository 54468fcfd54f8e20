/** The short form of `picket bench`, as gates: what a gross regression or one lost call fails, and a busy machine does not. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { removePins } from '../../cli/bench/agent.ts';
import { Calls } from '../../cli/bench/calls.ts';
import { makeContainer, removeTop } from '../../cli/bench/container.ts';
import type { Bench } from '../../cli/bench/measurement.ts';
import { compilePrograms } from '../../cli/bench/programs.ts';
import { saturation } from '../../cli/bench/saturation.ts';
import { cleanUp, skipReason } from '../native/kernel-fixtures.ts';

/** The target is 1.10, in pairs, alone on a machine; a second hook or a lookup per call would be above this. */
const GROSS = 1.6;
const ROUNDS = 2;

describe.skipIf(skipReason('bench') !== null)('bench', { timeout: 600_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'picket-bench-'));
  let bench: Bench;

  beforeAll(() => {
    bench = {
      entry: join(import.meta.dirname, '../../dist/cli/main.js'),
      environment: process.env,
      signal: new AbortController().signal,
      progress: () => undefined,
      folder,
      programs: compilePrograms(folder),
      pairs: ROUNDS,
      quick: true,
    };
  });
  afterAll(async () => {
    await removePins();
    await removeTop();
    rmSync(folder, { recursive: true, force: true });
    await cleanUp();
  });

  test('a call in a guarded container costs no more than 1.6 of the floor, and every call is counted', async () => {
    const container = makeContainer(1);
    const calls = new Calls(bench, container);
    const [agent, floor] = [[await calls.agent()], [await calls.floor()]];
    try {
      for (let round = 1; round < ROUNDS; round++) {
        floor.push(await calls.floor());
        agent.push(await calls.agent());
      }
    } finally {
      await container.remove();
    }
    // The least of all: other work only ever adds.
    const least = (times: typeof agent, load: 'getppid' | 'file') => Math.min(...times.map((t) => t[load]));
    const ratio = (load: 'getppid' | 'file') => least(agent, load) / least(floor, load);
    console.log(`agent ÷ floor: getppid ${ratio('getppid').toFixed(2)}, file ${ratio('file').toFixed(2)}`);
    expect(ratio('getppid')).toBeLessThan(GROSS);
    expect(ratio('file')).toBeLessThan(GROSS);
    expect(calls.checks.filter(({ made, counted }) => made !== counted)).toEqual([]);
    expect(calls.checks).toHaveLength(2 * ROUNDS * 4);
    expect(calls.lost).toEqual(Array.from({ length: ROUNDS }, () => ({})));
  });

  test('two loads that use all of two CPUs are counted to the last call, and nothing is turned away', async () => {
    const { figures } = await saturation.run(bench);
    console.log(figures.map(({ what, here }) => `${what}: ${here}`).join('\n'));
    expect(figures.map(({ what, holds }) => [what, holds])).toEqual([
      ['two loads of getppid: made, counted', true],
      ['two loads of file: made, counted', true],
    ]);
  });
});
