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

/** Sets of two values' rules that are kept; the values are those that rules name. */
const MAX_JOINED = 4096;

/** Rules of one subject by values of fields; a rule whose condition names none is asked about every event. */
class Index {
  /** Asked about every event. */
  readonly #always: readonly Rule[];
  readonly #fields: readonly FieldIndex[];
  /** Rules are asked in the order of the set. */
  readonly #rank: ReadonlyMap<Rule, number>;
  readonly #joined = new Map<readonly Rule[], Map<readonly Rule[], readonly Rule[]>>();
  #joinedCount = 0;

  constructor(rules: readonly Rule[], subject: Subject) {
    this.#rank = new Map(rules.map((rule, rank) => [rule, rank]));
    const always: Rule[] = [];
    const byField = new Map<string, Map<Key['value'], Set<Rule>>>();
    for (const rule of rules) {
      const keys = rule.keys(subject);
      if (keys === null) always.push(rule);
      for (const { field, value } of keys ?? []) {
        const values = byField.get(field) ?? new Map<Key['value'], Set<Rule>>();
        byField.set(field, values.set(value, (values.get(value) ?? new Set()).add(rule)));
      }
    }
    this.#always = always;
    // Values with the same rules have one list, so that two lists are joined once.
    const lists = new Map<string, readonly Rule[]>();
    this.#fields = [...byField].map(([field, values]) => ({
      field,
      ofNames: NAME_FIELDS.has(field),
      rules: new Map(
        [...values].map(([value, named]) => {
          const list = this.#inOrder([...always, ...named]);
          const name = list.map((rule) => this.#rank.get(rule)).join();
          lists.set(name, lists.get(name) ?? list);
          return [value, lists.get(name) ?? list];
        }),
      ),
    }));
  }

  /** Rules that may match, in the order of the set. */
  candidates(view: View): readonly Rule[] {
    let found = this.#always;
    for (const { field, ofNames, rules } of this.#fields) {
      const value = (view as unknown as Record<string, Key['value']>)[field];
      if (value === undefined) continue;
      const named = rules.get(value) ?? (ofNames ? this.#byOtherForm(rules, value as string) : undefined);
      if (named === undefined || named === found) continue;
      found = found === this.#always ? named : this.#join(found, named);
    }
    return found;
  }

  #byOtherForm(rules: FieldIndex['rules'], name: string): readonly Rule[] | undefined {
    const form = otherFormOf(name);
    return form === null ? undefined : rules.get(form);
  }

  #join(left: readonly Rule[], right: readonly Rule[]): readonly Rule[] {
    const known = this.#joined.get(left)?.get(right);
    if (known !== undefined) return known;
    if (this.#joinedCount >= MAX_JOINED) {
      this.#joined.clear();
      this.#joinedCount = 0;
    }
    const joined = this.#inOrder([...left, ...right]);
    this.#joined.set(left, (this.#joined.get(left) ?? new Map()).set(right, joined));
    this.#joinedCount += 1;
    return joined;
  }

  #inOrder(rules: readonly Rule[]): readonly Rule[] {
    const rank = (rule: Rule): number => this.#rank.get(rule) ?? 0;
    return [...new Set(rules)].sort((a, b) => rank(a) - rank(b));
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
    const on = this.rules.filter(({ document }) => document.on.includes(subject));
    const made = new Index(on, subject);
    this.#bySubject.set(subject, made);
    return made;
  }
}
