/**
 * What one workload normally does: a rarity model per kind of fact, once for its steady life and once for the start
 * of its containers. Replicas share it. It also keeps the poison out:
 *
 * - a period with loss is counted and not learnt;
 * - a period in which a rule matched something unknown is withheld as a whole: what came with it is suspect too;
 * - a fact that was called anomalous is not learnt but kept as a suspect. It enters by quorum of separate periods:
 *   after QUORUM when it first came before the baseline was mature, after LATE_QUORUM when only its rarity spoke
 *   against it. What a rule matched and what came later than that never enters by itself. Each period before was told.
 */
import { FACT_KINDS, type Fact, type FactKind } from '../features/fact.ts';
import type { Score } from './model.ts';
import { Rarity, type SavedRarity } from './rarity.ts';

/** A container's first seconds are judged against its workload's other starts. */
export type Phase = 'start' | 'steady';
export type BaselineState = 'learning' | 'young' | 'mature';

export interface BaselineOptions {
  /** Periods before it judges, and before it counts as mature. */
  readonly learnWindows: number;
  readonly matureWindows: number;
}

/** A fact that was called anomalous; by a rule, or by its rarity alone. */
export interface Flagged {
  readonly fact: Fact;
  readonly byRule: boolean;
}

export interface Period {
  readonly phase: Phase;
  readonly facts: readonly Fact[];
  /** Of the facts, those that were called anomalous. */
  readonly flagged: readonly Flagged[];
  /** A rule matched something that is not known here. */
  readonly withheld: boolean;
  readonly complete: boolean;
}

/** Separate periods after which a suspect is accepted; see above. */
export const QUORUM = 5;
export const LATE_QUORUM = 20;
const LEARN_STARTS = 3;
const MAX_SUSPECTS = 512;
/** Facts kept per kind and phase. */
export const LIMITS: Readonly<Record<FactKind, number>> = {
  exec: 1024,
  file: 512,
  connect: 1024,
  accept: 256,
  syscall: 512,
  action: 512,
};

/** Kinds that baselines saved by earlier versions do not have. */
const ADDED: ReadonlySet<FactKind> = new Set(['action']);
const NEVER_SEEN: SavedRarity = { periods: 0, sealed: 0, evicted: 0, facts: [] };

interface Suspect {
  periods: number;
  /** First seen before the baseline was mature. */
  readonly early: boolean;
  byRule: boolean;
}

export interface SavedBaseline {
  readonly workload: string;
  readonly incomplete: number;
  readonly withheld: number;
  readonly steady: Readonly<Record<FactKind, SavedRarity>>;
  readonly start: Readonly<Record<FactKind, SavedRarity>>;
  /** kind, value, periods, early, by a rule */
  readonly suspects: readonly (readonly [string, string, number, boolean, boolean])[];
}

type Models = Readonly<Record<FactKind, Rarity>>;

const models = (learnPeriods: number): Models => {
  const make = (kind: FactKind): Rarity => new Rarity({ limit: LIMITS[kind], learnPeriods });
  return {
    exec: make('exec'),
    file: make('file'),
    connect: make('connect'),
    accept: make('accept'),
    syscall: make('syscall'),
    action: make('action'),
  };
};

const keyOf = (fact: Fact): string => `${fact.kind} ${fact.value}`;

export class Baseline {
  readonly workload: string;
  readonly #options: BaselineOptions;
  readonly #steady: Models;
  readonly #start: Models;
  readonly #suspects = new Map<string, Suspect>();
  #incomplete = 0;
  #withheld = 0;

  constructor(workload: string, options: BaselineOptions) {
    this.workload = workload;
    this.#options = options;
    this.#steady = models(options.learnWindows);
    this.#start = models(LEARN_STARTS);
  }

  /** Periods of steady life learnt. */
  get periods(): number {
    return this.#steady.exec.periods;
  }

  get starts(): number {
    return this.#start.exec.periods;
  }

  /** Periods not learnt because something of them was lost. */
  get incomplete(): number {
    return this.#incomplete;
  }

  get withheld(): number {
    return this.#withheld;
  }

  get evicted(): number {
    return FACT_KINDS.reduce((n, kind) => n + this.#steady[kind].evicted + this.#start[kind].evicted, 0);
  }

  get state(): BaselineState {
    if (this.periods < this.#options.learnWindows) return 'learning';
    return this.periods < this.#options.matureWindows ? 'young' : 'mature';
  }

  facts(kind: FactKind): number {
    return this.#steady[kind].size;
  }

  newness(kind: FactKind): number {
    return this.#steady[kind].newness();
  }

  /** At the start of a container, what other starts did or the steady life does is known. */
  score(fact: Fact, phase: Phase): Score {
    const steady = this.#steady[fact.kind].score(fact.value);
    if (phase === 'steady') return steady;
    const start = this.#start[fact.kind].score(fact.value);
    if (start.state === 'scored' && steady.state === 'scored' && steady.seen > 0)
      return { ...start, score: 0, seen: steady.seen };
    return start;
  }

  /** Periods in which the fact was seen and learnt, whatever the phase. */
  seen(fact: Fact): number {
    return this.#steady[fact.kind].seen(fact.value) + this.#start[fact.kind].seen(fact.value);
  }

  /** Periods in which the fact was seen but not learnt, because it was called anomalous. */
  suspected(fact: Fact): number {
    return this.#suspects.get(keyOf(fact))?.periods ?? 0;
  }

  learn(period: Period): void {
    if (!period.complete) {
      this.#incomplete += 1;
      return;
    }
    const flagged = new Set(period.flagged.map(({ fact }) => keyOf(fact)));
    const admitted = period.flagged.filter((entry) => this.#suspect(entry)).map(({ fact }) => fact);
    const learnt = period.withheld ? [] : period.facts.filter((fact) => !flagged.has(keyOf(fact)));
    if (period.withheld) this.#withheld += 1;
    if (period.withheld && admitted.length === 0) return;
    const target = period.phase === 'start' ? this.#start : this.#steady;
    const all = [...learnt, ...admitted];
    for (const kind of FACT_KINDS)
      target[kind].learn(all.filter((fact) => fact.kind === kind).map((fact) => fact.value));
  }

  save(): SavedBaseline {
    const suspects = [...this.#suspects].map(([key, s]) => {
      const space = key.indexOf(' ');
      return [key.slice(0, space), key.slice(space + 1), s.periods, s.early, s.byRule] as const;
    });
    return {
      workload: this.workload,
      incomplete: this.#incomplete,
      withheld: this.#withheld,
      steady: saveAll(this.#steady),
      start: saveAll(this.#start),
      suspects,
    };
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    const { steady, start, suspects, incomplete, withheld } = (saved ?? {}) as Record<string, unknown>;
    loadAll(this.#steady, steady);
    loadAll(this.#start, start);
    if (!Array.isArray(suspects)) throw new TypeError('a saved baseline without suspects');
    this.#suspects.clear();
    for (const entry of suspects.slice(0, MAX_SUSPECTS)) {
      const [kind, value, periods, early, byRule] = entry as unknown[];
      this.#suspects.set(`${kind} ${value}`, {
        periods: Number(periods),
        early: early === true,
        byRule: byRule === true,
      });
    }
    this.#incomplete = Number(incomplete);
    this.#withheld = Number(withheld);
  }

  /** Counts a flagged fact; true when it may now be learnt. */
  #suspect({ fact, byRule }: Flagged): boolean {
    const key = keyOf(fact);
    const known = this.#suspects.get(key) ?? { periods: 0, early: this.state !== 'mature', byRule };
    known.periods += 1;
    known.byRule ||= byRule;
    this.#suspects.delete(key);
    this.#suspects.set(key, known);
    const [oldest] = this.#suspects.keys();
    if (this.#suspects.size > MAX_SUSPECTS && oldest !== undefined) this.#suspects.delete(oldest);
    return (known.early && known.periods >= QUORUM) || (!known.byRule && known.periods >= LATE_QUORUM);
  }
}

/** A kind that came after the baseline was saved has seen nothing in as many periods, and so learns them anew. */
function loadAll(all: Models, saved: unknown): void {
  const kinds = (saved ?? {}) as Record<string, unknown>;
  for (const kind of FACT_KINDS) {
    const one = kinds[kind];
    if (one === undefined && ADDED.has(kind)) all[kind].load(NEVER_SEEN);
    else all[kind].load(one);
  }
}

function saveAll(all: Models): Record<FactKind, SavedRarity> {
  return {
    exec: all.exec.save(),
    file: all.file.save(),
    connect: all.connect.save(),
    accept: all.accept.save(),
    syscall: all.syscall.save(),
    action: all.action.save(),
  };
}
