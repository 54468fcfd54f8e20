/** The table of what is found: fresh, and every claim in it proven by a case. */
import { expect, test } from 'vitest';
import { decodeRecords } from '../../../agent/events/decode.ts';
import { factsOfCalls } from '../../../agent/features/calls.ts';
import { factOf } from '../../../agent/features/facts.ts';
import { ourRules } from '../../../agent/rules/ours.ts';
import { coverageRows, LEARNED } from '../../../cli/doctor/coverage.ts';
import { coverageFile, coverageTable } from '../../architecture/coverage-table.ts';
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

test('at least six in ten behaviours on a node are proven by a rule and its case', () => {
  const onNode = rows.filter(({ onNode: here }) => here);
  expect(onNode).toHaveLength(195);
  expect(onNode.filter(({ found }) => found === 'rule').length / onNode.length).toBeGreaterThan(0.6);
});
