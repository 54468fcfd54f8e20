/** agent/rules/coverage.md, made from the rules and their cases; run as a program (`npm run fix`) it writes the file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { ourRules } from '../../agent/rules/ours.ts';
import { coverageRows, coverageSentence, wordsOf } from '../../cli/doctor/coverage.ts';
import { readCases, readLearned } from '../builders/rule-cases.ts';

const FILE = new URL('../../agent/rules/coverage.md', import.meta.url);

export const coverageFile = (): string => readFileSync(FILE, 'utf8');

export function coverageTable(): string {
  const rows = coverageRows(ourRules().rules.map(({ document }) => document));
  const cases = [...readCases(), ...readLearned()];
  const proofs = (id: string): string =>
    cases
      .filter(({ covers }) => covers.includes(id))
      .map(({ what }) => what)
      .join('; ');
  const lines = rows.map((row) => `| ${row.id} | ${row.behaviour} | ${wordsOf(row)} | ${proofs(row.id)} |`);
  return [
    '# What is found',
    '',
    'Written by `test/architecture/coverage-table.ts` from the rules and from the cases that prove them (`test/agent/rules/cases`,',
    '`learned.ndjson`): records as the kernel side writes them, through decoding and rules. A case is no action on a kernel; those are in',
    '`test/native/kernel`. `picket rules coverage` prints the first three columns.',
    '',
    coverageSentence(rows),
    '',
    '| id | behaviour | found | cases |',
    '|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

if (process.argv[1] === import.meta.filename) writeFileSync(FILE, coverageTable());
