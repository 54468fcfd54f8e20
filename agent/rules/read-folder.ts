/** Rule files of a folder. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Problem, RuleFile } from './document.ts';
import { readRuleFile } from './read-file.ts';

/** Files of one folder; others are told. */
const MAX_FILES = 200;

export interface Files {
  readonly files: readonly RuleFile[];
  readonly problems: readonly Problem[];
}

/** The rule files of a folder in the order of their names. @throws when the folder cannot be read. */
export function readFolder(folder: string): Files {
  const names = readdirSync(folder)
    .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.'))
    .toSorted();
  const files: RuleFile[] = [];
  const problems: Problem[] = names
    .slice(MAX_FILES)
    .map((name) => ({ file: name, line: 1, column: 1, reason: `more than ${MAX_FILES} files` }));
  for (const name of names.slice(0, MAX_FILES)) {
    const read = readRuleFile(name, readFileSync(join(folder, name), 'utf8'));
    files.push(read.found);
    problems.push(...read.problems);
  }
  return { files, problems };
}
