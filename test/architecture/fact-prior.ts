/** cli/evaluate/range/fact-prior.json, trained from our own recorded cases; run as a program (`npm run fix`) it writes the file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { decodeRecords } from '../../agent/events/decode.ts';
import { factOf } from '../../agent/features/facts.ts';
import { type FactExample, trainPrior } from '../../cli/evaluate/range/fact-prior.ts';
import { readCases, recordOf } from '../builders/rule-cases.ts';

const FILE = new URL('../../cli/evaluate/range/fact-prior.json', import.meta.url);

export const priorFile = (): string => readFileSync(FILE, 'utf8');

/** Of each case its last record: cases that prove a behaviour are attacks, the others are ordinary. */
export function factExamples(): FactExample[] {
  return readCases().flatMap(({ records, covers }) => {
    const last = records.at(-1);
    const [event] = last === undefined ? [] : decodeRecords(recordOf(last)).events;
    const fact = event === undefined ? null : factOf(event, () => ({ workload: null, name: null }));
    return fact === null ? [] : [{ fact: `${fact.kind} ${fact.value}`, attack: covers.length > 0 }];
  });
}

export const priorText = (): string => `${JSON.stringify(trainPrior(factExamples()), null, 2)}\n`;

if (process.argv[1] === import.meta.filename) writeFileSync(FILE, priorText());
