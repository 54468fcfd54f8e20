/** The short form of test/soak/run.ts. */
import { afterAll, describe, expect, test } from 'vitest';
import { buildDoer, cleanUp, skipReason } from '../native/kernel-fixtures.ts';
import { soak } from './soak.ts';
import { judge } from './verdict.ts';

/** Containers that went are remembered for five minutes, so memory grows for as long: only its size is judged. */
const LIMITS = { mibPerHour: Number.POSITIVE_INFINITY, slotsLeft: 0, descriptors: 8 };
/**
 * Anonymous memory a minute after a start, with what V8 has not yet collected: reading the rules leaves some 30 MiB. At rest,
 * with 100 containers, it is 53 (`picket bench`); here only a burst is caught.
 */
const MIB = 110;

describe.skipIf(skipReason('soak') !== null)('soak', () => {
  afterAll(cleanUp);

  test('a container a second comes and goes: its slot, descriptors and maps go with it', {
    timeout: 180_000,
  }, async () => {
    const { containers, samples, last } = await soak({
      minutes: 1.2,
      doer: buildDoer(),
      sampleSeconds: 6,
      named: true,
    });
    const { problems } = judge(samples, last, LIMITS);
    expect({ containers, problems }).toEqual({ containers: 72, problems: [] });
    // More than are alive at a time had one: slots were given back and given out again.
    expect(Math.max(...samples.map(({ slots }) => slots))).toBeGreaterThan(4);
    expect(last.anonymous).toBeLessThan(MIB);
  });
});
