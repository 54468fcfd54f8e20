import { expect, test } from 'vitest';
import { Guidance } from '../../central/guidance.ts';

test('exceptions are bounded by the bytes that they are sent as', () => {
  // Three bytes each as UTF-8: as characters all would fit.
  const rules = Array.from({ length: 100 }, (_, at) => ({
    ...{ name: `e${at}`, workload: '*', detector: null, facts: { path: '中'.repeat(2000) } },
    ...{ reason: '', expiresMs: null },
  }));
  const guidance = new Guidance({ exceptions: () => rules, nowMs: () => 0 });
  guidance.behind(1);
  expect(guidance.exceptionsLeftOut).toBe(57);
});

test('a node that is gone is counted no longer, and what it is told begins anew when it comes back', () => {
  let nowMs = 0;
  const guidance = new Guidance({ exceptions: () => [], nowMs: () => nowMs });
  const standing = (rules: string) => ({
    ...{ rules, ruleProblems: [], exceptions: '', peers: '', profiles: '', looks: true },
    profileStates: [{ workload: 'c/ns/Job/a/a', state: 'young', periods: 1, facts: 1, pinned: false }],
  });
  const gone = { cluster: 'c', node: 'gone' };
  const here = { cluster: 'c', node: 'here' };
  guidance.useRules('c', [{ name: 'a', text: 'a' }]);
  guidance.replyTo(gone, standing(''));
  guidance.replyTo(here, standing(''));
  expect(guidance.behind(9)).toEqual([gone, here]);
  for (; nowMs < 700_000; nowMs += 10_000) guidance.replyTo(here, standing(''));
  expect(guidance.nodesByRules()).toEqual({ 'in-force': 0, refused: 0, waiting: 1 });
  expect([guidance.profilesOn('c').length, guidance.standingOf(gone)]).toEqual([1, null]);
  guidance.replyTo(gone, standing(''));
  expect(guidance.behind(9)).toEqual([gone]);
});
