/** The set that is made of a user's rule files with ours. Loads YAML and CEL: only where there are such files. */
import { BUILT_IN } from './built-in.ts';
import { compileRules } from './compile.ts';
import type { Problem } from './document.ts';
import { ourFile, ourRules } from './ours.ts';
import { readRuleFile } from './read-file.ts';
import type { Files } from './read-folder.ts';
import { RuleSet } from './rule-set.ts';

export { readFolder } from './read-folder.ts';

/** A rule that central sent: a document as in a file. */
export interface SentRule {
  readonly name: string;
  readonly text: string;
}

/** As the name of a file, in what is told of a sent rule. */
const fileOf = ({ name }: SentRule): string => `PicketRule ${name}`;

/** Those that the folder has none of the same name of: what stands on the node itself goes first. */
function sentBeside(sent: readonly SentRule[], folder: Files): Files {
  const here = new Set(folder.files.flatMap(({ rules }) => rules.map(({ name }) => name)));
  const read = sent.filter(({ name }) => !here.has(name)).map((one) => readRuleFile(fileOf(one), one.text));
  return { files: read.map(({ found }) => found), problems: read.flatMap(({ problems }) => problems) };
}

/** Our rules with the user's and those that central sent, or everything that is wrong. */
export function rulesWith(folder: Files, sent: readonly SentRule[] = []): RuleSet | readonly Problem[] {
  const beside = sentBeside(sent, folder);
  const theirs = {
    files: [...folder.files, ...beside.files],
    problems: [...folder.problems, ...beside.problems],
  };
  const made = compileRules([ourFile()], theirs.files, { builtIn: BUILT_IN, compiled: ourRules().rules });
  const all = [...theirs.problems, ...(made instanceof RuleSet ? [] : made)];
  return all.length > 0 || !(made instanceof RuleSet) ? all : made;
}
