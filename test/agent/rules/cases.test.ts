/** Each rule of ours on a recorded case that it finds, and on what looks like it and is ordinary. */
import { expect, test } from 'vitest';
import { ourRules } from '../../../agent/rules/ours.ts';
import { BEHAVIOURS } from '../../../cli/doctor/behaviours.ts';
import { hitsOfCase, readCases } from '../../builders/rule-cases.ts';

const CASES = readCases();

test.each(CASES.map((one) => [`${one.file}: ${one.what}`, one] as const))('%s', (_, one) => {
  // Rules that count remember: a set for each case.
  expect(hitsOfCase(ourRules(), one)).toEqual(one.hits);
});

test('each rule has a case that it finds', () => {
  const found = new Set(CASES.flatMap(({ hits }) => hits.map((hit) => hit.split(' ')[0])));
  const without = ourRules().rules.filter(({ document }) => !found.has(document.name));
  expect(without.map(({ document }) => document.name)).toEqual(['containment-denied']);
});

test('a case covers only what there is, and what a rule that found it says it covers', () => {
  const covers = new Map(ourRules().rules.map(({ document }) => [document.name, document.coverage]));
  const astray = CASES.flatMap(({ what, covers: ids, hits }) => {
    const claimed = new Set(hits.flatMap((hit) => covers.get(hit.split(' ')[0] ?? '') ?? []));
    return ids.filter((id) => BEHAVIOURS[id] === undefined || !claimed.has(id)).map((id) => `${id}: ${what}`);
  });
  expect(astray).toEqual([]);
});

test('what a rule says it covers has a case that proves it', () => {
  const proven = new Set(CASES.flatMap(({ covers }) => covers));
  const claimed = new Set(ourRules().rules.flatMap(({ document }) => document.coverage));
  expect([...claimed].filter((id) => !proven.has(id)).toSorted()).toEqual([]);
});
