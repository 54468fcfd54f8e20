/**
 * What identities are known to do: facts of each, such as "ada reads pods", "ada calls from 192.0.2.0/24". A fact that is new
 * says the more the rarer new ones of its kind are: their share among the last observations is estimated as
 * (U + 1/2)/(N + 1) (the Krichevsky-Trofimov estimator) from counts that decay. So installing something, which is a crowd of
 * new facts, is not a crowd of surprises.
 */

export const FACT_KINDS = ['deed', 'place', 'agent', 'network', 'hour', 'image', 'told'] as const;
export type FactKind = (typeof FACT_KINDS)[number];

export interface Habit {
  readonly kind: FactKind;
  readonly who: string;
  readonly value: string;
}
export interface KeptHabit extends Habit {
  readonly lastMs: number;
}
/** Decaying counts of one kind of fact. */
export interface Tally {
  readonly kind: FactKind;
  readonly observed: number;
  readonly fresh: number;
}
/** What was learnt since the last time it was asked for. */
export interface Learnt {
  readonly habits: readonly KeptHabit[];
  readonly gone: readonly Habit[];
  readonly tallies: readonly Tally[];
}

export interface HabitOptions {
  /** Observations after which a count has half its weight. */
  readonly halfLife: number;
  /** Facts kept over all identities; the one not seen for longest leaves. About 200 bytes each. */
  readonly limit: number;
}
export const HABITS: HabitOptions = { halfLife: 5000, limit: 65_536 };
/** When a fact was seen last is written down this often, ms: a restart needs it only to know which to forget first. */
const WRITTEN_MS = 3_600_000;
/**
 * Who calls from where is no habit as soon as it was seen: a stranger looks around before the deed, and would be known by
 * then. For so long after its first time it says what it said at first, ms: half an hour is a session's usual end.
 */
const SETTLING_MS = 1_800_000;
const OF_CALLER: ReadonlySet<FactKind> = new Set(['agent', 'network']);

const keyOf = ({ kind, who, value }: Habit): string => `${kind}\n${who}\n${value}`;

interface Known {
  lastMs: number;
  writtenMs: number;
  readonly firstMs: number;
  /** What it said at first. */
  readonly bits: number;
  readonly habit: Habit;
}

const settling = ({ habit, firstMs, bits }: Known, ms: number): number =>
  OF_CALLER.has(habit.kind) && ms - firstMs < SETTLING_MS ? bits : 0;

export class Habits {
  readonly #options: HabitOptions;
  readonly #known = new Map<string, Known>();
  readonly #tallies = new Map<FactKind, { observed: number; fresh: number }>();
  /** Facts of each identity. */
  readonly #sizes = new Map<string, number>();
  #dirty = new Map<string, Known>();
  #gone: Habit[] = [];
  evicted = 0;

  constructor(options: HabitOptions = HABITS) {
    this.#options = options;
  }

  get size(): number {
    return this.#known.size;
  }

  has(habit: Habit): boolean {
    return this.#known.has(keyOf(habit));
  }

  /** Facts known of an identity. */
  sizeOf(who: string): number {
    return this.#sizes.get(who) ?? 0;
  }

  /** How surprising a new fact of this kind is now, bits. */
  surprise(kind: FactKind): number {
    const { observed, fresh } = this.#tallies.get(kind) ?? { observed: 0, fresh: 0 };
    return -Math.log2((fresh + 0.5) / (observed + 1));
  }

  /** @returns bits: 0 for a fact that is known, and has settled. */
  learn(habit: Habit, ms: number): number {
    const key = keyOf(habit);
    const known = this.#known.get(key);
    const bits = known === undefined ? this.surprise(habit.kind) : settling(known, ms);
    this.#count(habit.kind, known === undefined);
    if (known === undefined) this.#add(key, habit, { firstMs: ms, lastMs: ms, bits });
    else {
      known.lastMs = Math.max(known.lastMs, ms);
      this.#known.delete(key);
      this.#known.set(key, known);
      if (known.lastMs - known.writtenMs >= WRITTEN_MS) this.#dirty.set(key, known);
    }
    return bits;
  }

  #add(key: string, habit: Habit, seen: Pick<Known, 'firstMs' | 'lastMs' | 'bits'>): void {
    const known = { habit, ...seen, writtenMs: Number.NEGATIVE_INFINITY };
    this.#known.set(key, known);
    this.#dirty.set(key, known);
    this.#sizes.set(habit.who, this.sizeOf(habit.who) + 1);
    const [oldest] = this.#known.keys();
    if (this.#known.size > this.#options.limit && oldest !== undefined) this.#forget(oldest);
  }

  #forget(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    const { habit } = known;
    this.#known.delete(key);
    this.#dirty.delete(key);
    if (Number.isFinite(known.writtenMs)) this.#gone.push(habit);
    this.evicted += 1;
    const left = this.sizeOf(habit.who) - 1;
    if (left > 0) this.#sizes.set(habit.who, left);
    else this.#sizes.delete(habit.who);
  }

  #count(kind: FactKind, fresh: boolean): void {
    const keep = 0.5 ** (1 / this.#options.halfLife);
    const before = this.#tallies.get(kind) ?? { observed: 0, fresh: 0 };
    this.#tallies.set(kind, {
      observed: before.observed * keep + 1,
      fresh: before.fresh * keep + Number(fresh),
    });
  }

  /** What is to be written down now. */
  takeLearnt(): Learnt {
    const habits = [...this.#dirty.values()].map((known) => {
      known.writtenMs = known.lastMs;
      return { ...known.habit, lastMs: known.lastMs };
    });
    const tallies = [...this.#tallies].map(([kind, tally]) => ({ kind, ...tally }));
    const learnt = { habits, gone: this.#gone, tallies };
    this.#dirty = new Map();
    this.#gone = [];
    return learnt;
  }

  /** What was written down, the oldest first; to be called before anything is learnt. */
  load(habits: readonly KeptHabit[], tallies: readonly Tally[]): void {
    for (const { lastMs, kind, who, value } of habits) {
      const habit = { kind, who, value };
      this.#add(keyOf(habit), habit, { firstMs: Number.NEGATIVE_INFINITY, lastMs, bits: 0 });
      const known = this.#known.get(keyOf(habit));
      if (known !== undefined) known.writtenMs = lastMs;
    }
    for (const { kind, observed, fresh } of tallies) this.#tallies.set(kind, { observed, fresh });
    this.#dirty = new Map();
  }
}
