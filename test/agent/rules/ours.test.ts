/** What a build makes of our rule files: the same rules, and nothing to parse at a start. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readArtefact, treeText } from '../../../agent/rules/artefact.ts';
import { BUILT_IN } from '../../../agent/rules/built-in.ts';
import { compileRules } from '../../../agent/rules/compile.ts';
import { ourRules } from '../../../agent/rules/ours.ts';
import { readFolder } from '../../../agent/rules/read-folder.ts';
import type { Rule } from '../../../agent/rules/rule.ts';
import { RuleSet } from '../../../agent/rules/rule-set.ts';

const RULES = fileURLToPath(new URL('../../../agent/rules/', import.meta.url));
const run = (...args: readonly string[]): string =>
  execFileSync(process.execPath, args, { cwd: RULES, encoding: 'utf8' });

const shown = ({ document }: Rule): unknown =>
  JSON.parse(
    JSON.stringify(document, (_, value) =>
      typeof value === 'bigint'
        ? String(value)
        : typeof value?.place === 'function'
          ? { ...value, at: value.place(0) }
          : value,
    ),
  );

test('the rules of an artefact are those of the files, and are asked about the same events', () => {
  const { files, problems } = readFolder(join(RULES, 'builtin'));
  const trees = new Map<string, string>();
  const fresh = compileRules(files, [], {
    builtIn: BUILT_IN,
    onCompiled: ({ text }, subject, { ast }) => trees.set(`${subject} ${text}`, treeText(ast)),
  });
  if (!(fresh instanceof RuleSet) || problems.length > 0) throw new Error('our rules are broken');
  const ours = ourRules();

  expect(ours.rules.map(shown)).toEqual(fresh.rules.map(shown));
  for (const [at, rule] of fresh.rules.entries())
    for (const subject of rule.document.on) expect(ours.rules[at]?.keys(subject)).toEqual(rule.keys(subject));
  const folder = mkdtempSync(join(tmpdir(), 'picket-artefact-'));
  try {
    run(join(RULES, 'make-artefact.ts'), join(folder, 'built.json'));
    const { expressions } = readArtefact(readFileSync(join(folder, 'built.json'), 'utf8'));
    const built = Object.entries(expressions).flatMap(([subject, ofSubject]) =>
      Object.entries(ofSubject).map(([text, tree]) => [`${subject} ${text}`, tree] as const),
    );
    expect(new Map(built)).toEqual(trees);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('our rules alone load neither the YAML nor the CEL library; a folder of the user does', () => {
  const script = (folder: string): string => `
    import { registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({ load: (url, context, next) => (loaded.add(/node_modules\\/(?:@[^/]+\\/)?([^/]+)/.exec(url)?.[1]), next(url, context)) });
    const { RuleBook } = await import('${RULES}book.ts');
    await new RuleBook(${JSON.stringify(folder)}).refresh();
    process.stdout.write(JSON.stringify([...loaded].filter(Boolean).sort()));`;
  const loadedBy = (folder: string): unknown => JSON.parse(run('--input-type=module', '-e', script(folder)));
  ourRules(); // made by now, should it be the first time

  expect(loadedBy('')).toEqual([]);
  expect(loadedBy(join(RULES, 'builtin'))).toEqual(expect.arrayContaining(['cel-js', 'yaml']));
});
