/** agent/rules/coverage.md, made from the rules and their cases; run as a program (`npm run fix`) it writes the file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { ourRules } from '../../agent/rules/ours.ts';
import { coverageRows, coverageSentence, wordsOf } from '../../cli/doctor/coverage.ts';
import { readDeeds } from '../builders/deeds.ts';
import { detectedCases } from '../builders/detected.ts';
import { readCases, readLearned } from '../builders/rule-cases.ts';

const FILE = new URL('../../agent/rules/coverage.md', import.meta.url);

export const coverageFile = (): string => readFileSync(FILE, 'utf8');

export function coverageTable(): string {
  const rows = coverageRows(ourRules().rules.map(({ document }) => document));
  const cases = [...readCases(), ...readLearned(), ...detectedCases()];
  const done = new Set(readDeeds().flatMap(({ covers }) => covers));
  const doneOnNode = rows.filter(({ id, onNode }) => onNode && done.has(id)).length;
  const nodes = rows.filter(({ onNode }) => onNode).length;
  const proofs = (id: string): string =>
    cases
      .filter(({ covers }) => covers.includes(id))
      .map(({ what }) => what)
      .join('; ');
  const lines = rows.map(
    (row) =>
      `| ${row.id} | ${row.behaviour} | ${wordsOf(row)} | ${proofs(row.id)} | ${done.has(row.id) ? 'yes' : ''} |`,
  );
  return [
    '# What is found',
    '',
    'Written by `test/architecture/coverage-table.ts` from the rules and from the cases that prove them (`test/agent/rules/cases`,',
    '`learned.ndjson`): records as the kernel side writes them, through decoding and rules. *Done*: `test/native/kernel/deeds.test.ts` does it',
    'on a kernel and finds it (`deeds.ndjson`). `picket rules coverage` prints the first three columns.',
    '',
    coverageSentence(rows),
    '',
    `Done on a kernel: ${doneOnNode} of ${nodes} (${Math.floor((100 * doneOnNode) / nodes)} %).`,
    '',
    '| id | behaviour | found | cases | done |',
    '|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

if (process.argv[1] === import.meta.filename) writeFileSync(FILE, coverageTable());
