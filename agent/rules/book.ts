/** The rules in force: ours, those of the user's folder, read again when a file of it changes, and those that central sent. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { RuleContext, RuleHit, Rules } from '../alerts/hit.ts';
import type { Event } from '../events/event.ts';
import { describeProblem, type Problem } from './document.ts';
import type { SentRule } from './load.ts';
import { ourRules } from './ours.ts';
import type { RuleCosts } from './rule.ts';
import { RuleSet } from './rule-set.ts';

/** Problems that are kept to be told. */
const MAX_PROBLEMS = 20;

export type Outcome =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'loaded'; readonly rules: number }
  /** The set before stays in force. */
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

const NO_COSTS: RuleCosts = {
  evaluations: 0,
  hits: 0,
  errors: 0,
  excepted: 0,
  nanoseconds: 0,
  lastError: '',
};

function sumOf(a: RuleCosts, b: RuleCosts): RuleCosts {
  return {
    evaluations: a.evaluations + b.evaluations,
    hits: a.hits + b.hits,
    errors: a.errors + b.errors,
    excepted: a.excepted + b.excepted,
    nanoseconds: a.nanoseconds + b.nanoseconds,
    lastError: b.lastError || a.lastError,
  };
}

export class RuleBook implements Rules {
  /** Why the folder's present state is not in force; empty: it is. */
  problems: readonly string[] = [];
  readonly counts = { loaded: 0, refused: 0 };
  readonly #folder: string;
  #set: RuleSet;
  /** Of sets that were replaced, by rule. */
  readonly #past = new Map<string, RuleCosts>();
  /** Names, sizes and times of the folder's files when it was read last. */
  #read: string | null = null;
  #sent: readonly SentRule[] = [];
  /** Grows with each set that was sent. */
  #sending = 0;

  /** `folder` empty: our rules alone. Reads ours; the folder is read by the first `refresh`. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#set = ourRules();
  }

  get size(): number {
    return this.#set.rules.length;
  }

  hits(event: Event, context: RuleContext): readonly RuleHit[] {
    return this.#set.hits(event, context);
  }

  /** What central sent, in place of what it sent before; in force after the next `refresh`. */
  send(rules: readonly SentRule[]): void {
    this.#sent = rules;
    this.#sending += 1;
  }

  /** Reads again if anything changed; for the first rule that is not ours, what reads YAML and CEL is loaded. */
  async refresh(): Promise<Outcome> {
    if (this.#folder === '' && this.#sending === 0) return { kind: 'unchanged' };
    try {
      const state = `${this.#sending}\n${this.#folder === '' ? '' : stateOf(this.#folder)}`;
      if (state === this.#read) return { kind: 'unchanged' };
      this.#read = state;
      const made = await this.#make();
      return made instanceof RuleSet ? this.#load(made) : this.#refuse(made.map(describeProblem));
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      // A folder that cannot be read is told once.
      return this.problems[0] === words ? { kind: 'unchanged' } : this.#refuse([words]);
    }
  }

  /** What each rule did and cost since the start, also before it was read again. */
  costs(): Map<string, RuleCosts> {
    const all = new Map(this.#past);
    for (const { document, costs } of this.#set.rules)
      all.set(document.name, sumOf(all.get(document.name) ?? NO_COSTS, costs));
    return all;
  }

  async #make(): Promise<RuleSet | readonly Problem[]> {
    if (this.#folder === '' && this.#sent.length === 0) return ourRules();
    const { readFolder, rulesWith } = await import('./load.ts');
    return rulesWith(
      this.#folder === '' ? { files: [], problems: [] } : readFolder(this.#folder),
      this.#sent,
    );
  }

  #load(set: RuleSet): Outcome {
    for (const [name, costs] of this.costs()) this.#past.set(name, costs);
    this.#set = set;
    this.problems = [];
    this.counts.loaded += 1;
    return { kind: 'loaded', rules: set.rules.length };
  }

  #refuse(problems: readonly string[]): Outcome {
    const more = problems.length - MAX_PROBLEMS;
    this.problems = [...problems.slice(0, MAX_PROBLEMS), ...(more > 0 ? [`and ${more} more`] : [])];
    this.counts.refused += 1;
    return { kind: 'refused', problems: this.problems };
  }
}

/** Changes when a rule file comes, goes or is written, also behind the links of a mounted ConfigMap. */
function stateOf(folder: string): string {
  return readdirSync(folder)
    .toSorted()
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => {
      const { size, mtimeMs, ino } = statSync(join(folder, name));
      return `${name} ${size} ${mtimeMs} ${ino}`;
    })
    .join('\n');
}
