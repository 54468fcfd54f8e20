/**
 * Our own rules, out of what the build made of their files. From the sources it is made when they changed, and kept in
 * `.cache`, so that both ways run the same.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Artefact, keysOfFields, readArtefact, readTree } from './artefact.ts';
import { BUILT_IN } from './built-in.ts';
import type { Exception, RuleDocument, RuleFile, Text } from './document.ts';
import { type Expression, type ExpressionSource, regexOf } from './expression.ts';
import { fastForm } from './fast.ts';
import type { Subject } from './fields.ts';
import type { Key } from './keys.ts';
import { Names } from './names.ts';
import { FormsOf, Rule } from './rule.ts';
import { RuleSet } from './rule-set.ts';

const HERE = import.meta.dirname;
/** Beside the emitted code. */
const BUILT = join(HERE, 'builtin.json');
const ROOT = join(HERE, '..', '..');
const CACHED = join(ROOT, '.cache', 'rules.json');

/** Changes with our rule files, with the code that compiles them and with the versions of the packages. */
function digestOfSources(): string {
  const hash = createHash('sha256');
  const paths = readdirSync(HERE, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|yaml)$/.test(path))
    .toSorted()
    .map((path) => join(HERE, path));
  for (const path of [...paths, join(ROOT, 'package.json')]) hash.update(readFileSync(path));
  return hash.digest('hex');
}

function cached(digest: string): Artefact | null {
  try {
    const found = readArtefact(readFileSync(CACHED, 'utf8'));
    return found.digest === digest ? found : null;
  } catch {
    // None yet, or half of one.
    return null;
  }
}

/** Several processes may do this at once: each writes a file of its own, the last stays. */
function keep(text: string): void {
  const own = `${CACHED}.${process.pid}`;
  try {
    mkdirSync(dirname(CACHED), { recursive: true });
    writeFileSync(own, text);
    renameSync(own, CACHED);
  } catch {
    // A checkout that is not to be written to: made again at the next start.
  }
}

function fromSources(): Artefact {
  const digest = digestOfSources();
  const known = cached(digest);
  if (known !== null) return known;
  // Required, as nobody who asks for our rules waits; it gives a text, so that no class of ours is there twice.
  const { makeArtefact } = createRequire(import.meta.url)(
    './make-artefact.ts',
  ) as typeof import('./make-artefact.ts');
  const text = makeArtefact(digest);
  keep(text);
  return readArtefact(text);
}

/** Expressions that were compiled before; a tree becomes a closure when it is asked for the first time. */
class Precompiled implements ExpressionSource {
  readonly #artefact: Artefact;
  readonly #lists = new Map(Object.entries(BUILT_IN));

  constructor(artefact: Artefact) {
    this.#artefact = artefact;
    for (const { name, value } of artefact.file.lists) this.#lists.set(name, new Names(value));
  }

  list(name: string): Names | null {
    return this.#lists.get(name) ?? null;
  }

  keys(rule: string): NonNullable<Artefact['keys'][string]> {
    return this.#artefact.keys[rule] ?? {};
  }

  compile({ text }: Text, subject: Subject): Expression {
    const tree = this.#artefact.expressions[subject][text];
    if (tree === undefined) throw new Error(`agent/rules: not compiled for ${subject}: ${text}`);
    let run: Expression['run'] | null = null;
    const make = (): Expression['run'] => {
      run = fastForm(readTree(tree), { subject, listOf: (name) => this.list(name), regexOf });
      if (run === null) throw new Error(`agent/rules: no fast form for ${subject}: ${text}`);
      return run;
    };
    return {
      get ast() {
        return readTree(tree);
      },
      run: (variables) => (run ?? make())(variables),
    };
  }
}

/** What they may match was found by the build. */
class OurForms extends FormsOf {
  readonly #keys: NonNullable<Artefact['keys'][string]>;

  constructor(document: RuleDocument, elsewhere: readonly Exception[], expressions: Precompiled) {
    super(document, elsewhere, expressions);
    this.#keys = expressions.keys(document.name);
  }

  override keys(subject: Subject): readonly Key[] | null {
    const fields = this.#keys[subject];
    return fields === undefined || fields === null ? null : keysOfFields(fields);
  }
}

let artefact: Artefact | null = null;
let ourSet: RuleSet | null = null;

function loaded(): Artefact {
  artefact ??= import.meta.filename.endsWith('.ts')
    ? fromSources()
    : readArtefact(readFileSync(BUILT, 'utf8'));
  return artefact;
}

/** All our documents. */
export const ourFile = (): RuleFile => loaded().file;

/** Our rules alone, with nothing counted yet. */
export function ourRules(): RuleSet {
  if (ourSet === null) {
    const { rules, exceptions } = ourFile();
    const expressions = new Precompiled(loaded());
    ourSet = new RuleSet(
      rules
        .filter(({ enabled }) => enabled)
        .map((document) => {
          const elsewhere = exceptions.filter(({ rule }) => rule === document.name);
          return new Rule(document, new OurForms(document, elsewhere, expressions));
        }),
    );
  }
  return ourSet.fresh();
}
