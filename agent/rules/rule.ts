/** One rule, ready to be asked: its document with every expression compiled for each subject it is on. */
import type { RuleContext, RuleHit } from '../alerts/hit.ts';
import type { Event } from '../events/event.ts';
import type { Container } from '../identity/container.ts';
import type { Exception, Problem, RuleDocument, Text } from './document.ts';
import {
  type Expression,
  type ExpressionSource,
  type ExpressionType,
  isProblem,
  type Lists,
} from './expression.ts';
import type { Subject } from './fields.ts';
import { fewer, type Key, keysOf, union } from './keys.ts';
import { scopeTest } from './scope.ts';
import type { Variables } from './surroundings.ts';
import { Tally } from './tally.ts';
import { compileTemplate, fill, type Template } from './template.ts';

/** What a rule did and cost since it was made. */
export interface RuleCosts {
  evaluations: number;
  hits: number;
  errors: number;
  /** Matches that an exception took back. */
  excepted: number;
  /** Measured at each sixteenth evaluation, and multiplied. */
  nanoseconds: number;
  lastError: string;
}

const MEASURE_EACH = 16;

/** Facts of every hit on an event of the subject, as templates; a rule's own come on top, empty ones are left out. */
const FACTS: Readonly<Record<Subject, Readonly<Record<string, string>>>> = {
  exec: { parent: '{event.parent}', path: '{event.path}' },
  open: { program: '{event.exe}', file: '{event.path}', mode: '{event.write ? "write" : "read"}' },
  flow: { program: '{event.exe}', peer: '{event.peer}', port: '{event.port}' },
  action: {
    program: '{event.exe}',
    action: '{event.action}',
    result: '{event.refused ? "refused" : event.failed ? "failed" : "done"}',
    name: '{event.claimed ? "" : event.name}',
    claimed_name: '{event.claimed ? event.name : ""}',
    path: '{event.claimed ? "" : event.path}',
    claimed_path: '{event.claimed ? event.path : ""}',
  },
  denied: { what: '{event.what}', peer: '{event.peer}', port: '{event.port}' },
  novel: { program: '{event.exe}', what: '{event.what}', path: '{event.path}' },
  dns: { program: '{event.exe}' },
};

interface CompiledCase {
  readonly when: Expression;
  readonly set: Readonly<Record<string, string>>;
  readonly techniques: readonly string[];
}

/** The rule for one subject. */
interface Form {
  readonly when: Expression | null;
  readonly cases: readonly CompiledCase[];
  readonly grades: readonly { when: Expression | null; severity: RuleHit['severity']; score: number }[];
  readonly techniques: readonly { technique: string; when: Expression | null }[];
  readonly by: Expression | null;
  readonly distinct: Expression | null;
  readonly summary: Template;
  readonly subject: Template;
  readonly facts: readonly (readonly [string, Template])[];
  readonly exceptions: readonly { when: Expression | null; inScope: ReturnType<typeof scopeTest> }[];
}

/** A rule's forms, one for each subject that it is on. */
export interface Forms {
  of(subject: Subject): Form;
  /** Values of which an event must have one to be worth a look; null: every event of the subject may match. */
  keys(subject: Subject): readonly Key[] | null;
}

/** Made once: to hash a new text of each event's costs more than to count it. */
const names = new WeakMap<Container, string>();
function nameOf(container: Container): string {
  const known = names.get(container);
  if (known !== undefined) return known;
  const made = `${container.id} ${container.cgroup}`;
  names.set(container, made);
  return made;
}

export class Rule {
  readonly document: RuleDocument;
  readonly costs: RuleCosts = {
    evaluations: 0,
    hits: 0,
    errors: 0,
    excepted: 0,
    nanoseconds: 0,
    lastError: '',
  };
  readonly #inScope: ReturnType<typeof scopeTest>;
  readonly #forms: Forms;
  readonly #tally: Tally | null;

  constructor(document: RuleDocument, forms: Forms) {
    this.document = document;
    this.#forms = forms;
    this.#inScope = scopeTest(document.scope);
    this.#tally = document.count === null ? null : new Tally(document.count);
  }

  /** The same rule with nothing counted and nothing remembered. */
  fresh(): Rule {
    return new Rule(this.document, this.#forms);
  }

  /** See Forms. */
  keys(subject: Subject): readonly Key[] | null {
    return this.#forms.keys(subject);
  }

  /** What the rule says of an event; a condition that fails counts as an error and says nothing. */
  match(
    event: Event,
    variables: Variables,
    { subject, context }: { subject: Subject; context: RuleContext },
  ): RuleHit | null {
    const { costs } = this;
    if (!this.document.on.includes(subject)) return null;
    if (this.#inScope !== null && !this.#inScope(context.container)) return null;
    const measured = costs.evaluations++ % MEASURE_EACH === MEASURE_EACH - 1;
    const before = measured ? performance.now() : 0;
    try {
      return this.#match(event, this.#forms.of(subject), variables, context);
    } catch (error) {
      costs.errors += 1;
      costs.lastError = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      return null;
    } finally {
      if (measured) costs.nanoseconds += (performance.now() - before) * 1e6 * MEASURE_EACH;
    }
  }

  #match(event: Event, form: Form, variables: Variables, context: RuleContext): RuleHit | null {
    variables.set = {};
    if (form.when !== null && form.when.run(variables) !== true) return null;
    const found = form.cases.find(({ when }) => when.run(variables) === true);
    if (form.cases.length > 0 && found === undefined) return null;
    variables.set = found?.set ?? {};
    if (this.#isExcepted(form, variables, context)) return null;
    if (
      this.#tally !== null &&
      !this.#tally.add(
        actorBy(this.#actor(event, context), form, variables),
        distinctOf(form, variables),
        event.time,
      )
    )
      return null;
    this.costs.hits += 1;
    return this.#hit(form, variables, found?.techniques ?? []);
  }

  #isExcepted(form: Form, variables: Variables, { container }: RuleContext): boolean {
    const excepted = form.exceptions.some(
      ({ when, inScope }) =>
        (inScope === null || inScope(container)) && (when === null || when.run(variables) === true),
    );
    if (excepted) this.costs.excepted += 1;
    return excepted;
  }

  #hit(form: Form, variables: Variables, ofCase: readonly string[]): RuleHit {
    const { name, sentence, next } = this.document;
    const holds = ({ when }: { when: Expression | null }): boolean =>
      when === null || when.run(variables) === true;
    const grade = form.grades.find(holds);
    const facts = form.facts.flatMap(([fact, template]) => {
      const text = fill(template, variables);
      return text === '' ? [] : [[fact, text] as const];
    });
    return {
      rule: { name, sentence, next },
      severity: grade?.severity ?? 'info',
      score: grade?.score ?? 0,
      summary: fill(form.summary, variables),
      subject: fill(form.subject, variables),
      techniques: [...ofCase, ...form.techniques.filter(holds).map(({ technique }) => technique)],
      facts: Object.fromEntries(facts),
    };
  }

  #actor({ process }: Event, { container }: RuleContext): string {
    const per = this.document.count?.per ?? 'container';
    if (per === 'container') return nameOf(container);
    return per === 'process'
      ? `${process.pid}:${process.start}`
      : `${process.parentPid}:${process.parentStart}`;
  }
}

/** Longest value of `by` that is told apart, characters: an event's text may be the workload's own. */
const MAX_BY = 128;

/** Who is counted: the actor, apart for each value of `by`. */
const actorBy = (actor: string, { by }: Form, variables: Variables): string =>
  by === null ? actor : `${actor}\0${String(by.run(variables)).slice(0, MAX_BY)}`;

const distinctOf = ({ distinct }: Form, variables: Variables): string | null =>
  distinct === null ? null : String(distinct.run(variables));

/** Keys of a rule's condition, or of its cases. */
function keysOfForm({ when, cases }: Pick<Form, 'when' | 'cases'>, lists: Lists): readonly Key[] | null {
  const own = when === null ? null : keysOf(when.ast, lists);
  if (cases.length === 0) return own;
  return fewer(own, union(cases.map((each) => keysOf(each.when.ast, lists))));
}

/** Compiles for one subject; what is wrong goes to `problems`. */
class FormMaker {
  readonly #expressions: ExpressionSource;
  readonly #subject: Subject;
  readonly #problems: Problem[];

  constructor(expressions: ExpressionSource, subject: Subject, problems: Problem[]) {
    this.#expressions = expressions;
    this.#subject = subject;
    this.#problems = problems;
  }

  /** What a match depends on. */
  conditions(document: RuleDocument): Pick<Form, 'when' | 'cases'> {
    const cases = document.cases.flatMap((each) => {
      const found = this.#expression(each.when, 'bool');
      return found === null ? [] : [{ ...each, when: found }];
    });
    return { when: this.#condition(document.when), cases };
  }

  form(document: RuleDocument, exceptions: readonly Exception[]): Form {
    return {
      ...this.conditions(document),
      grades: document.grades.map((grade) => ({ ...grade, when: this.#condition(grade.when) })),
      techniques: document.techniques.map((each) => ({ ...each, when: this.#condition(each.when) })),
      by: document.count?.by ? this.#expression(document.count.by, 'text') : null,
      distinct: document.count?.distinct ? this.#expression(document.count.distinct, 'text') : null,
      summary: this.#template(document.summary),
      subject: this.#template(document.subject),
      facts: Object.entries({ ...this.#ownFacts(), ...document.facts }).map(([name, text]) => [
        name,
        this.#template(text),
      ]),
      exceptions: [...document.exceptions, ...exceptions].map((each) => ({
        when: this.#condition(each.when),
        inScope: scopeTest(each.scope),
      })),
    };
  }

  #ownFacts(): Record<string, Text> {
    return Object.fromEntries(
      Object.entries(FACTS[this.#subject]).map(([name, text]) => [
        name,
        { text, place: () => ({ file: 'facts', line: 1, column: 1 }) },
      ]),
    );
  }

  #condition(text: Text | null): Expression | null {
    return text === null ? null : this.#expression(text, 'bool');
  }

  #expression(text: Text, wanted: ExpressionType): Expression | null {
    const found = this.#expressions.compile(text, this.#subject, wanted);
    if (!isProblem(found)) return found;
    this.#problems.push(found);
    return null;
  }

  #template(text: Text): Template {
    const { template, problems } = compileTemplate(text, this.#expressions, this.#subject);
    this.#problems.push(...problems);
    return template;
  }
}

/** Forms that are made when the first event needs them. */
export class FormsOf implements Forms {
  /** What was wrong with those that were made. */
  readonly problems: Problem[] = [];
  readonly #document: RuleDocument;
  readonly #exceptions: readonly Exception[];
  readonly #expressions: ExpressionSource;
  readonly #made = new Map<Subject, Form>();

  /** With exceptions of the rule that stand elsewhere. */
  constructor(document: RuleDocument, exceptions: readonly Exception[], expressions: ExpressionSource) {
    this.#document = document;
    this.#exceptions = exceptions;
    this.#expressions = expressions;
  }

  of(subject: Subject): Form {
    const known = this.#made.get(subject);
    if (known !== undefined) return known;
    const made = this.#maker(subject).form(this.#document, this.#exceptions);
    this.#made.set(subject, made);
    return made;
  }

  keys(subject: Subject): readonly Key[] | null {
    const found = this.#made.get(subject) ?? this.#maker(subject).conditions(this.#document);
    return keysOfForm(found, this.#expressions);
  }

  #maker(subject: Subject): FormMaker {
    return new FormMaker(this.#expressions, subject, this.problems);
  }
}

/** The rule with exceptions of other files, or everything that is wrong with it. */
export function compileRule(
  document: RuleDocument,
  expressions: ExpressionSource,
  exceptions: readonly Exception[],
): Rule | readonly Problem[] {
  const forms = new FormsOf(document, exceptions, expressions);
  for (const subject of document.on) forms.of(subject);
  return forms.problems.length > 0 ? forms.problems : new Rule(document, forms);
}
