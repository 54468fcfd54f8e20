import { expect, test } from 'vitest';
import { Rhythm } from '../../../agent/situation/rhythm.ts';
import { SECOND } from '../../builders/records.ts';

/** What is said after each of the times, s. */
const said = (times: readonly number[]): (bigint | null)[] => {
  const rhythm = new Rhythm();
  return times.map((time) => rhythm.note('probe', BigInt(Math.round(time * 1000)) * (SECOND / 1000n)));
};

test('a command that comes every ten seconds, give or take two, is a probe from its fourth time on', () => {
  expect(said([0, 10, 21, 30.5]).map((every) => every !== null)).toEqual([false, false, false, true]);
});

test('what people do every few minutes is none, though its intervals are alike by chance', () => {
  expect(said([0, 150, 290, 445, 590])).toEqual([null, null, null, null, null]);
});
