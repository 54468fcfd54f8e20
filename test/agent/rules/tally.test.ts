import { expect, test } from 'vitest';
import { Tally } from '../../../agent/rules/tally.ts';

test('forgets the longest unused actor for room, and counts it', () => {
  const tally = new Tally({ atLeast: 2, withinNs: 10n });
  for (let actor = 0; actor < 1025; actor++) tally.add(String(actor), null, 0n);

  expect(tally.evicted).toBe(1);
  expect(tally.add('0', null, 1n)).toBe(false); // it had been forgotten
  expect(tally.add('1024', null, 1n)).toBe(true);
});

test('a value that comes again is as new as when it came last', () => {
  const tally = new Tally({ atLeast: 2, withinNs: 10n });
  expect(tally.add('a', 'x', 0n)).toBe(false);
  expect(tally.add('a', 'x', 8n)).toBe(false);
  expect(tally.add('a', 'y', 15n)).toBe(true);
});
