/** Rule files of a folder, and the set that is made of them with ours. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INTERPRETERS, SHELLS } from '../features/programs.ts';
import type { Problem, RuleFile } from './document.ts';
import { SERVERS } from './lineage.ts';
import { Names } from './names.ts';
import { readRuleFile } from './read-file.ts';
import { compileRules, RuleSet } from './rule-set.ts';

/** Lists that the code has too. */
export const BUILT_IN: Readonly<Record<string, Names>> = {
  shells: new Names(SHELLS),
  interpreters: new Names(INTERPRETERS),
  servers: SERVERS,
};

/** Files of one folder; others are told. */
const MAX_FILES = 200;
const OURS = join(import.meta.dirname, 'builtin');

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

let ours: Files | null = null;

/** Our own files; a fault in them is a fault of this build. */
export function ourFiles(): Files {
  ours ??= readFolder(OURS);
  return ours;
}

let ourSet: RuleSet | null = null;

/** Our rules alone, with nothing counted yet. @throws when one of them is broken. */
export function ourRules(): RuleSet {
  if (ourSet !== null) return ourSet.fresh();
  const set = rulesWith({ files: [], problems: [] });
  if (set instanceof RuleSet) {
    ourSet = set;
    return set.fresh();
  }
  throw new Error(
    set.map(({ file, line, column, reason }) => `${file}:${line}:${column}: ${reason}`).join('\n'),
  );
}

/** Our rules with the user's, or everything that is wrong. */
export function rulesWith(theirs: Files): RuleSet | readonly Problem[] {
  const { files, problems } = ourFiles();
  const made = compileRules(files, theirs.files, { builtIn: BUILT_IN, compiled: ourSet?.rules ?? [] });
  const found = made instanceof RuleSet ? [] : made;
  const all = [...problems, ...theirs.problems, ...found];
  return all.length > 0 || !(made instanceof RuleSet) ? all : made;
}
