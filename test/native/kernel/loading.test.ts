/** What a start of the probe costs, by what the kernel's verifier counts: no busy machine changes that. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, openTestProbe, skipReason } from '../kernel-fixtures.ts';

/** Two thirds of an agent's start are the kernel's way through these; 59,000 on Linux 6.18. */
const MOST_IN_ALL = 62_000;
const MOST_OF_ONE = 14_000;

/** Instructions gone through for each program that this process has open; none where the kernel does not tell. */
function verified(): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc/self/fdinfo')) {
    let info = '';
    try {
      info = readFileSync(`/proc/self/fdinfo/${name}`, 'utf8');
    } catch {
      continue; // of the reading itself
    }
    const [, count] = /^verified_insns:\s+(\d+)$/m.exec(info) ?? [];
    if (count !== undefined) found.push(Number(count));
  }
  return found;
}

describe.skipIf(skipReason('loading') !== null)('loading', () => {
  afterEach(cleanUp);

  it('has the kernel go through few instructions', async ({ skip }) => {
    const before = verified();
    const { probe } = await openTestProbe();
    const attached = probe.hooks.filter(({ state }) => state === 'attached').length;
    const counts = verified();
    skip(counts.length === before.length, 'this kernel does not tell');
    expect(before).toEqual([]);
    expect(counts.length).toBeGreaterThanOrEqual(attached);
    expect(Math.max(...counts)).toBeLessThan(MOST_OF_ONE);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThan(MOST_IN_ALL);
  });
});
