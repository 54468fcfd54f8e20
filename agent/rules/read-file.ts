/** From the text of a rule file to its documents, or to everything that is wrong with it. */
import type { Node } from 'yaml';
import { SEVERITIES } from '../alerts/severity.ts';
import type {
  Case,
  Exception,
  Grade,
  Problem,
  RuleDocument,
  RuleFile,
  Scope,
  Shared,
  Text,
  Threshold,
} from './document.ts';
import { SUBJECTS } from './fields.ts';
import { YamlFile } from './yaml-file.ts';

const API_VERSION = 'picket.dev/v1';
export const RULE_FIELDS = [
  'name',
  'sentence',
  'on',
  'when',
  'cases',
  'count',
  'severity',
  'score',
  'grades',
  'techniques',
  'coverage',
  'next',
  'scope',
  'summary',
  'subject',
  'facts',
  'exceptions',
  'enabled',
] as const;
const SCOPE_FIELDS = ['kinds', 'namespaces', 'workloads', 'images', 'containers', 'labels'] as const;
const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const IDENTIFIER = /^[a-z][a-z0-9_]{0,62}$/;
const SENTENCE = /^[A-Z].*\.$/s;
const TECHNIQUE = /^T\d{4}(?:\.\d{3})?$/;
/** How sure a rule is that says no score. */
const SCORES = { info: 0.2, low: 0.4, medium: 0.6, high: 0.85, critical: 0.95 } as const;
const MAX_WITHIN_S = 3600;
const MAX_COUNT = 100_000;

class RuleFileReader {
  readonly yaml: YamlFile;

  constructor(file: string, source: string) {
    this.yaml = new YamlFile(file, source);
  }

  read(): RuleFile {
    const found: RuleFile[] = this.yaml.documents().map((document) => this.#document(document));
    return {
      rules: found.flatMap(({ rules }) => rules),
      lists: found.flatMap(({ lists }) => lists),
      macros: found.flatMap(({ macros }) => macros),
      exceptions: found.flatMap(({ exceptions }) => exceptions),
    };
  }

  #document(document: Node): RuleFile {
    const { yaml } = this;
    const none: RuleFile = { rules: [], lists: [], macros: [], exceptions: [] };
    const entries = yaml.entries(document, 'a document');
    const fieldOf = (name: string) => entries.find(([key]) => key === name)?.[1];
    if (yaml.choice(fieldOf('apiVersion'), [API_VERSION], 'apiVersion') === null) return none;
    const kind = yaml.choice(fieldOf('kind'), ['PicketRule', 'PicketRules', 'PicketException'], 'kind');
    if (kind === 'PicketRule') return { ...none, rules: this.#rule(document, ['apiVersion', 'kind']) };
    if (kind === 'PicketException') return { ...none, exceptions: this.#exception(document, null) };
    if (kind === null) return none;
    const fields = yaml.fields(
      document,
      ['apiVersion', 'kind', 'lists', 'macros', 'rules', 'exceptions'],
      'PicketRules',
    );
    return {
      rules: yaml.items(fields.rules, 'rules').flatMap((rule) => this.#rule(rule, [])),
      lists: this.#shared(fields.lists, 'lists', 'names', (node, what) => yaml.strings(node, what)),
      macros: this.#shared(fields.macros, 'macros', 'when', (node, what) => yaml.text(node, what)),
      exceptions: yaml.items(fields.exceptions, 'exceptions').flatMap((each) => this.#exception(each, null)),
    };
  }

  #shared<T>(
    node: Node | undefined,
    what: string,
    valueName: 'names' | 'when',
    read: (node: Node | undefined, what: string) => T | null,
  ): Shared<T>[] {
    return this.yaml.entries(node, what).flatMap(([name, value, key]) => {
      if (!IDENTIFIER.test(name)) this.yaml.refuse(key, `"${name}" is no name: small letters, digits and _`);
      const fields = this.yaml.fields(value, ['sentence', valueName], `${what} ${name}`);
      const sentence = this.#sentence(fields.sentence, `${name}: sentence`, value ?? key);
      const found = read(fields[valueName], `${name}: ${valueName}`);
      return found === null ? [] : [{ name, place: this.yaml.place(key), sentence, value: found }];
    });
  }

  #sentence(node: Node | undefined, what: string, at: Node | null | undefined): string {
    const text = node === undefined ? null : this.yaml.string(node, what);
    if (text === null || !SENTENCE.test(text.trim()))
      this.yaml.refuse(node ?? at, `${what} is wanted: from a capital letter to a full stop`);
    return (text ?? '').trim();
  }

  #rule(node: Node, more: readonly string[]): RuleDocument[] {
    const { yaml } = this;
    const before = yaml.problems.length;
    const fields = yaml.fields(node, [...RULE_FIELDS, ...(more as never[])], 'a rule');
    const name = yaml.string(fields.name ?? node, 'name') ?? '';
    if (name !== '' && !NAME.test(name))
      yaml.refuse(fields.name, `"${name}" is no name: small letters, digits and -`);
    const summary = yaml.text(fields.summary ?? node, `${name}: summary`);
    const on = yaml.strings(fields.on, `${name}: on`).flatMap((word) => {
      const subject = SUBJECTS.find((each) => each === word);
      if (subject === undefined)
        yaml.refuse(fields.on, `${name}: on is of ${SUBJECTS.join(', ')}, not "${word}"`);
      return subject === undefined ? [] : [subject];
    });
    if (on.length === 0)
      yaml.refuse(fields.on ?? node, `${name}: on names at least one of ${SUBJECTS.join(', ')}`);
    const sentence = this.#sentence(fields.sentence, `${name}: sentence`, node);
    const next = this.#sentence(fields.next, `${name}: next`, node);
    const facts = yaml.entries(fields.facts, `${name}: facts`).flatMap(([fact, value]) => {
      const text = yaml.text(value, `${name}: ${fact}`);
      return text === null ? [] : [[fact, text] as const];
    });
    const document: RuleDocument = {
      name,
      place: yaml.place(node),
      sentence,
      on,
      when: fields.when === undefined ? null : yaml.text(fields.when, `${name}: when`),
      cases: yaml.items(fields.cases, `${name}: cases`).flatMap((each) => this.#case(each, name)),
      count: fields.count === undefined ? null : this.#threshold(fields.count, name),
      grades: this.#grades(fields, name, node),
      techniques: yaml
        .items(fields.techniques, `${name}: techniques`)
        .flatMap((each) => this.#technique(each, name)),
      coverage: yaml.strings(fields.coverage, `${name}: coverage`),
      next,
      scope: this.#scope(fields.scope, name),
      summary: summary ?? { text: '', place: () => yaml.place(node) },
      subject: (fields.subject === undefined ? summary : yaml.text(fields.subject, `${name}: subject`)) ?? {
        text: '',
        place: () => yaml.place(node),
      },
      facts: Object.fromEntries(facts),
      exceptions: yaml
        .items(fields.exceptions, `${name}: exceptions`)
        .flatMap((each) => this.#exception(each, name)),
      enabled: fields.enabled === undefined ? true : yaml.boolean(fields.enabled, `${name}: enabled`),
    };
    return yaml.problems.length > before ? [] : [document];
  }

  #case(node: Node, rule: string): Case[] {
    const { yaml } = this;
    const fields = yaml.fields(node, ['when', 'set', 'techniques'], `a case of ${rule}`);
    const when = yaml.text(fields.when ?? node, `${rule}: when of a case`);
    const set = yaml.entries(fields.set, `${rule}: set`).flatMap(([name, value]) => {
      const text = yaml.string(value, `${rule}: ${name}`);
      return text === null ? [] : [[name, text] as const];
    });
    const techniques = yaml.strings(fields.techniques, `${rule}: techniques`);
    for (const technique of techniques) this.#checkTechnique(fields.techniques, technique);
    return when === null ? [] : [{ when, set: Object.fromEntries(set), techniques }];
  }

  #checkTechnique(node: Node | undefined, technique: string): void {
    if (!TECHNIQUE.test(technique)) this.yaml.refuse(node, `"${technique}" is no id of ATT&CK`);
  }

  #technique(node: Node, rule: string): { technique: string; when: Text | null }[] {
    const { yaml } = this;
    if ('value' in node) {
      const technique = yaml.string(node, `${rule}: a technique`) ?? '';
      this.#checkTechnique(node, technique);
      return [{ technique, when: null }];
    }
    const fields = yaml.fields(node, ['is', 'when'], `a technique of ${rule}`);
    const technique = yaml.string(fields.is ?? node, `${rule}: is`) ?? '';
    this.#checkTechnique(fields.is, technique);
    return [{ technique, when: fields.when === undefined ? null : yaml.text(fields.when, `${rule}: when`) }];
  }

  #grades(fields: Partial<Record<'grades' | 'severity' | 'score', Node>>, rule: string, node: Node): Grade[] {
    const { yaml } = this;
    const grades: Grade[] = yaml.items(fields.grades, `${rule}: grades`).flatMap((each) => {
      const grade = yaml.fields(each, ['when', 'severity', 'score'], `a grade of ${rule}`);
      return this.#grade(
        grade,
        rule,
        grade.when === undefined ? null : yaml.text(grade.when, `${rule}: when of a grade`),
      );
    });
    if (fields.severity !== undefined) grades.push(...this.#grade(fields, rule, null));
    const last = grades.at(-1);
    if (last === undefined || last.when !== null)
      yaml.refuse(fields.grades ?? node, `${rule}: severity, or a last grade without when, is wanted`);
    return grades;
  }

  #grade(fields: Partial<Record<'severity' | 'score', Node>>, rule: string, when: Text | null): Grade[] {
    const { yaml } = this;
    const severity = yaml.choice(fields.severity, SEVERITIES, `${rule}: severity`);
    if (severity === null) return [];
    const score =
      fields.score === undefined ? SCORES[severity] : yaml.number(fields.score, `${rule}: score`, [0, 1]);
    return [{ when, severity, score }];
  }

  #threshold(node: Node, rule: string): Threshold {
    const { yaml } = this;
    const fields = yaml.fields(node, ['at-least', 'within', 'per', 'by', 'distinct'], `count of ${rule}`);
    return {
      atLeast: yaml.number(fields['at-least'] ?? node, `${rule}: at-least`, [2, MAX_COUNT]),
      withinNs: BigInt(
        Math.round(
          yaml.number(fields.within ?? node, `${rule}: within (seconds)`, [0.001, MAX_WITHIN_S]) * 1e9,
        ),
      ),
      per:
        fields.per === undefined
          ? 'container'
          : (yaml.choice(fields.per, ['container', 'process', 'parent'], `${rule}: per`) ?? 'container'),
      by: fields.by === undefined ? null : yaml.text(fields.by, `${rule}: by`),
      distinct: fields.distinct === undefined ? null : yaml.text(fields.distinct, `${rule}: distinct`),
    };
  }

  #scope(node: Node | undefined, what: string): Scope | null {
    if (node === undefined) return null;
    const fields = this.yaml.fields(node, SCOPE_FIELDS, `scope of ${what}`);
    const patterns = (name: (typeof SCOPE_FIELDS)[number]): string[] | null =>
      fields[name] === undefined ? null : this.yaml.strings(fields[name], `${what}: ${name}`);
    return {
      kinds: patterns('kinds'),
      namespaces: patterns('namespaces'),
      workloads: patterns('workloads'),
      images: patterns('images'),
      containers: patterns('containers'),
      labels: patterns('labels'),
    };
  }

  #exception(node: Node, rule: string | null): Exception[] {
    const { yaml } = this;
    const own = ['name', 'reason', 'when', 'scope'] as const;
    const fields = yaml.fields(
      node,
      rule === null ? [...own, 'rule', 'apiVersion', 'kind'] : [...own],
      'an exception',
    ) as Partial<Record<(typeof own)[number] | 'rule', Node>>;
    const name = yaml.string(fields.name ?? node, 'name of an exception');
    const of = rule ?? yaml.string(fields.rule ?? node, 'rule of an exception');
    const reason = this.#sentence(fields.reason, 'reason of an exception', node);
    const when = fields.when === undefined ? null : yaml.text(fields.when, `${name}: when`);
    const scope = this.#scope(fields.scope, `exception ${name}`);
    if (when === null && scope === null) yaml.refuse(node, `exception ${name} says neither when nor scope`);
    return name === null || of === null
      ? []
      : [{ rule: of, name, reason, when, scope, place: yaml.place(node) }];
  }
}

export function readRuleFile(
  file: string,
  source: string,
): { readonly found: RuleFile; readonly problems: readonly Problem[] } {
  const reader = new RuleFileReader(file, source);
  const found = reader.read();
  return { found, problems: reader.yaml.problems };
}
