import { expect, test } from 'vitest';
import { bump } from '../../../agent/uplink/codes.ts';

test('codes that the other side makes up without end become one', () => {
  const counts = new Map<string, number>();
  for (let n = 0; n < 1000; n++) bump(counts, `MADE_UP_${n}`, 2);
  bump(counts, 'MADE_UP_0');
  expect([counts.size, counts.get('MADE_UP_0'), counts.get('OTHER')]).toEqual([65, 3, 2 * (1000 - 64)]);
});
