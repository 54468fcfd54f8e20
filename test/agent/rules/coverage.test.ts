/** The table of what is found: fresh, and every claim in it proven by a case. */
import { expect, test } from 'vitest';
import { decodeRecords } from '../../../agent/events/decode.ts';
import { factsOfCalls } from '../../../agent/features/calls.ts';
import { factOf } from '../../../agent/features/facts.ts';
import { ourRules } from '../../../agent/rules/ours.ts';
import { coverageRows, DETECTED, LEARNED } from '../../../cli/doctor/coverage.ts';
import { coverageFile, coverageTable } from '../../architecture/coverage-table.ts';
import { readDeeds } from '../../builders/deeds.ts';
import { detectedCases } from '../../builders/detected.ts';
import { readCases, readLearned, recordOf } from '../../builders/rule-cases.ts';

const rows = coverageRows(ourRules().rules.map(({ document }) => document));

test('the table is the one that rules and cases make', () => {
  expect(coverageFile()).toBe(coverageTable());
});

test('what is found by a rule has a case', () => {
  const proven = new Set(readCases().flatMap(({ covers }) => covers));
  expect(rows.filter(({ found, id }) => found === 'rule' && !proven.has(id))).toEqual([]);
});

test('what is found as new has a case whose fact is of the kind', () => {
  const cases = readLearned();
  expect(new Set(cases.flatMap(({ covers }) => covers))).toEqual(new Set(Object.keys(LEARNED)));
  for (const { covers, record, fact } of cases) {
    const facts =
      record[0] === 'calls'
        ? factsOfCalls(record[1] as unknown as Parameters<typeof factsOfCalls>[0], 'x64')
        : [
            factOf(decodeRecords(recordOf(record)).events[0] as never, () => ({
              workload: null,
              name: null,
            })),
          ];
    expect(facts).toContainEqual(fact);
    for (const id of covers) expect(fact.kind).toBe(LEARNED[id]);
  }
});

test('what is found as unlike what is usual has a case that the detector finds, beside one that is usual', () => {
  const cases = detectedCases();
  expect(new Set(cases.flatMap(({ covers }) => covers))).toEqual(new Set(Object.keys(DETECTED)));
  for (const { covers, detector, usual, strange } of cases) {
    for (const id of covers) expect(detector).toBe(DETECTED[id]);
    // A quarter of a score are the eight bits from which on it is a detection.
    expect(strange.state === 'scored' && strange.score >= 0.25).toBe(true);
    expect(usual.state === 'scored' && usual.score < 0.25).toBe(true);
  }
});

test('a deed proves only what the rule or the fact that finds it is said to cover', () => {
  const covers = new Map(ourRules().rules.map(({ document }) => [document.name, document.coverage]));
  const astray = readDeeds().flatMap(({ covers: ids, rule, fact, what }) =>
    ids
      .filter((id) =>
        fact === undefined ? !covers.get(rule ?? '')?.includes(id) : LEARNED[id] !== fact.kind,
      )
      .map((id) => `${id}: ${what}`),
  );
  expect(astray).toEqual([]);
});

test('of behaviours on a node, eight in ten are found by a rule and its case, and three in four are done on a kernel', () => {
  const onNode = rows.filter(({ onNode: here }) => here);
  const done = new Set(readDeeds().flatMap(({ covers }) => covers));
  expect(onNode).toHaveLength(196);
  expect(onNode.filter(({ found }) => found === 'rule').length / onNode.length).toBeGreaterThan(0.8);
  expect(onNode.filter(({ id }) => done.has(id)).length / onNode.length).toBeGreaterThan(0.75);
});
