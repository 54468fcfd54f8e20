/** All rules that are in force, and which of them an event is given to. */
import type { RuleContext, RuleHit, Rules } from '../alerts/hit.ts';
import type { Event } from '../events/event.ts';
import type { Subject } from './fields.ts';
import type { Key } from './keys.ts';
import { otherFormOf } from './names.ts';
import type { Rule } from './rule.ts';
import { type View, viewsOf } from './subjects.ts';
import { Variables } from './surroundings.ts';

const NONE: readonly RuleHit[] = [];

interface FieldIndex {
  readonly field: string;
  /** Names stand in lists without their versions. */
  readonly ofNames: boolean;
  readonly rules: Map<Key['value'], readonly Rule[]>;
}

const NAME_FIELDS: ReadonlySet<string> = new Set(['exe', 'tool', 'parent']);

/** Rules of one subject by values of fields; a rule whose condition names none is asked about every event. */
class Index {
  readonly #always: Rule[] = [];
  readonly #fields: FieldIndex[] = [];
  readonly #order = new Map<Rule, number>();

  add(rule: Rule, subject: Subject): void {
    this.#order.set(rule, this.#order.size);
    const keys = rule.keys(subject);
    if (keys === null) this.#always.push(rule);
    else for (const { field, value } of keys) this.#addTo(this.#field(field).rules, value, rule);
  }

  /** Rules that may match, in the order of the set. */
  candidates(view: View): readonly Rule[] {
    let found = this.#always;
    for (const { field, ofNames, rules } of this.#fields) {
      const value = (view as unknown as Record<string, Key['value']>)[field];
      if (value === undefined) continue;
      const named = rules.get(value) ?? (ofNames ? this.#byOtherForm(rules, value as string) : undefined);
      if (named === undefined) continue;
      found = found.length === 0 ? (named as Rule[]) : [...found, ...named];
    }
    return found.length < 2 || found === this.#always ? found : this.#inOrder(found);
  }

  #byOtherForm(rules: FieldIndex['rules'], name: string): readonly Rule[] | undefined {
    const form = otherFormOf(name);
    return form === null ? undefined : rules.get(form);
  }

  #inOrder(rules: readonly Rule[]): readonly Rule[] {
    const rank = (rule: Rule): number => this.#order.get(rule) ?? 0;
    return [...new Set(rules)].sort((a, b) => rank(a) - rank(b));
  }

  #field(field: string): FieldIndex {
    const known = this.#fields.find((each) => each.field === field);
    if (known !== undefined) return known;
    const made = { field, ofNames: NAME_FIELDS.has(field), rules: new Map() };
    this.#fields.push(made);
    return made;
  }

  #addTo(index: FieldIndex['rules'], value: Key['value'], rule: Rule): void {
    const rules = index.get(value) ?? [];
    if (!rules.includes(rule)) index.set(value, [...rules, rule]);
  }
}

export class RuleSet implements Rules {
  readonly rules: readonly Rule[];
  /** Made at the first event of the subject. */
  readonly #bySubject = new Map<Subject, Index>();

  constructor(rules: readonly Rule[]) {
    this.rules = rules;
  }

  /** The same rules with nothing counted and nothing remembered. */
  fresh(): RuleSet {
    return new RuleSet(this.rules.map((rule) => rule.fresh()));
  }

  hits(event: Event, context: RuleContext): readonly RuleHit[] {
    let hits: RuleHit[] | null = null;
    for (const [subject, view] of viewsOf(event)) {
      const candidates = this.#index(subject).candidates(view);
      if (candidates.length === 0) continue;
      const exe = 'exe' in event ? event.exe : '';
      const variables = new Variables(view, { time: event.time, exe, context });
      for (const rule of candidates) {
        const hit = rule.match(event, variables, { subject, context });
        if (hit === null) continue;
        hits ??= [];
        hits.push(hit);
      }
    }
    return hits ?? NONE;
  }

  #index(subject: Subject): Index {
    const known = this.#bySubject.get(subject);
    if (known !== undefined) return known;
    const made = new Index();
    for (const rule of this.rules) if (rule.document.on.includes(subject)) made.add(rule, subject);
    this.#bySubject.set(subject, made);
    return made;
  }
}
