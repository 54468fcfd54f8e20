/** Compiles our rule files into the artefact that a start reads. As a program, for the build: `make-artefact.ts FILE`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Artefact, artefactText, byField, treeText } from './artefact.ts';
import { BUILT_IN } from './built-in.ts';
import { compileRules, joined } from './compile.ts';
import { describeProblem } from './document.ts';
import { SUBJECTS, type Subject } from './fields.ts';
import { readFolder } from './read-folder.ts';
import type { Rule } from './rule.ts';
import { RuleSet } from './rule-set.ts';

const FILES = join(import.meta.dirname, 'builtin');

function keysOfRule(rule: Rule): Artefact['keys'][string] {
  const each = rule.document.on.map((subject) => {
    const keys = rule.keys(subject);
    return [subject, keys === null ? null : byField(keys)] as const;
  });
  return Object.fromEntries(each);
}

/** `digest`: of what it is made from. @throws with every fault of our files, and with what could only be run slowly. */
export function makeArtefact(digest: string): string {
  const { files, problems } = readFolder(FILES);
  const trees = Object.fromEntries(SUBJECTS.map((subject) => [subject, {}])) as Record<
    Subject,
    Record<string, string>
  >;
  const slow: string[] = [];
  const made = compileRules(files, [], {
    builtIn: BUILT_IN,
    onCompiled: ({ text }, subject, { ast, fast }) => {
      trees[subject][text] = treeText(ast);
      if (!fast) slow.push(`${subject}: ${text}`);
    },
  });
  const found = [...problems, ...(made instanceof RuleSet ? [] : made)].map(describeProblem);
  if (found.length + slow.length > 0)
    throw new Error([...found, ...slow.map((text) => `only the library can run ${text}`)].join('\n'));
  const rules = made instanceof RuleSet ? made.rules : [];
  const keys = rules.map((rule) => [rule.document.name, keysOfRule(rule)] as const);
  const artefact: Artefact = {
    digest,
    file: joined(files),
    keys: Object.fromEntries(keys),
    expressions: trees,
  };
  return artefactText(artefact);
}

const [, program, file] = process.argv;
if (import.meta.main && program !== undefined && file !== undefined)
  writeFileSync(file, makeArtefact('built'));
