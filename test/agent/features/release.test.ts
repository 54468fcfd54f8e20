/** What an action is says its second word, whatever a program or a file is called. */
import { expect, test } from 'vitest';
import { judgeByRarity, type Situation } from '../../../agent/alerts/judge.ts';
import { isOfRelease, isOrdinaryAction } from '../../../agent/features/release.ts';

test.each([
  ['nginx set-id to 33', true],
  ['app memfd', true],
  ['cat open-failed id_rsa', true],
  ['memfd setns net', false],
  ['memfd', false],
  ['cp chmod set-id', false],
  ['vi rename capset x', false],
  ['x memfd2', false],
])('an ordinary action: %s', (value, ordinary) => {
  expect([isOrdinaryAction(value), isOfRelease({ kind: 'action', value })]).toEqual([ordinary, ordinary]);
});

test('what only names a shut door weighs no less', () => {
  const scored = { state: 'scored', score: 1, reason: '', parts: [], seen: 0, periods: 100, trust: 0 };
  const baseline = {
    ...{ workload: 'w', state: 'mature', score: () => scored },
    ...{ facts: () => 0, seen: () => 0, suspected: () => 0, knowsLike: () => false },
  };
  const situation = {
    ...{ container: { kind: 'container' }, baseline, phase: 'steady', lineage: [] },
    ...{ role: { kind: 'own', reason: '' }, rollout: null, chance: () => 1 / 16 },
  } as unknown as Situation;
  const bits = (value: string) => judgeByRarity({ kind: 'action', value }, situation, 0)?.bits;
  expect([bits('cat open-failed x'), bits('mv rename x open-failed')]).toEqual([2, 4]);
});
