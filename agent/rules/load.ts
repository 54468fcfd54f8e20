/** The set that is made of a user's rule files with ours. Loads YAML and CEL: only where there are such files. */
import { BUILT_IN } from './built-in.ts';
import { compileRules } from './compile.ts';
import type { Problem } from './document.ts';
import { ourFile, ourRules } from './ours.ts';
import type { Files } from './read-folder.ts';
import { RuleSet } from './rule-set.ts';

export { readFolder } from './read-folder.ts';

/** Our rules with the user's, or everything that is wrong. */
export function rulesWith(theirs: Files): RuleSet | readonly Problem[] {
  const made = compileRules([ourFile()], theirs.files, { builtIn: BUILT_IN, compiled: ourRules().rules });
  const all = [...theirs.problems, ...(made instanceof RuleSet ? [] : made)];
  return all.length > 0 || !(made instanceof RuleSet) ? all : made;
}
