import { expect, test } from 'vitest';
import { Guidance } from '../../central/guidance.ts';

test('exceptions are bounded by the bytes that they are sent as', () => {
  // Three bytes each as UTF-8: as characters all would fit.
  const rules = Array.from({ length: 100 }, (_, at) => ({
    ...{ name: `e${at}`, workload: '*', detector: null, facts: { path: '中'.repeat(2000) } },
    ...{ reason: '', expiresMs: null },
  }));
  const guidance = new Guidance({ exceptions: () => rules, judged: () => [], nowMs: () => 0 });
  guidance.behind(1);
  expect(guidance.exceptionsLeftOut).toBe(57);
});

test('a node that is gone is counted no longer, and what it is told begins anew when it comes back', () => {
  let nowMs = 0;
  const guidance = new Guidance({ exceptions: () => [], judged: () => [], nowMs: () => nowMs });
  const standing = (rules: string) => ({
    ...{ rules, ruleProblems: [], exceptions: '', peers: '', profiles: '', looks: true, verdicts: '' },
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

test('a node is told what people said of its cluster’s workloads, once for each time that they said something', () => {
  const said = (workload: string, hits: number) => ({ workload, detector: 'rarity', hits, falseAlarms: 1 });
  let judged = [said('c/ns/Job/a/a', 1), said('other/ns/Job/a/a', 5)];
  const guidance = new Guidance({ exceptions: () => [], judged: () => judged, nowMs: () => 0 });
  const node = { cluster: 'c', node: 'n' };
  const nothing = { rules: '', ruleProblems: [], exceptions: '', peers: '', profiles: '', looks: true };
  const standing = (verdicts: string) => ({ ...nothing, profileStates: [], verdicts });
  const told = guidance.replyTo(node, standing('0')).verdicts;
  expect(told?.judged).toEqual([said('c/ns/Job/a/a', 1)]);
  expect(guidance.replyTo(node, standing(told?.version ?? ''))).toEqual({});
  // It says nothing: an agent of before there were verdicts.
  expect(guidance.replyTo(node, standing(''))).toEqual({});
  judged = [said('other/ns/Job/a/a', 6)];
  expect(guidance.replyTo(node, standing(told?.version ?? '')).verdicts).toEqual({
    version: '0',
    judged: [],
  });
  expect(guidance.replyTo(node, standing('0'))).toEqual({});
});
