/**
 * How surprising is it that something was never seen before? The estimate of "anything new at all" is Good's
 * (I. J. Good, "The population frequencies of species and the estimation of population parameters", Biometrika 1953),
 * taken over periods instead of single observations, because facts within a period come together (incidence data;
 * A. Chao, R. K. Colwell, "Thirty years of progeny from Chao's inequality", SORT 2017):
 *
 *   of T periods, N1 brought a fact that no other period has; leaving each period out in turn, N1/T is how often it
 *   would have been the one with something new.
 *
 * That this lies close to the true missing mass with high probability is the result of D. McAllester and R. Schapire
 * ("On the convergence rate of Good-Turing estimators", COLT 2000). Their own bound says nothing below some hundred
 * periods, so we take the upper end of the Wilson interval of N1 in T (one-sided 95 %; E. B. Wilson, JASA 1927), as if
 * the periods were independent; a workload with bursts of novelty makes it optimistic. The score of an unseen
 * fact is 1 minus that bound: near 1 for a quiet server, near 0 for a job that does something new each time.
 */
import type { Detector, Scored, Unknown } from './detector.ts';

interface Seen {
  count: number;
  first: number;
  last: number;
  /** Bits of the versions that showed it (versions.ts). */
  versions: number;
}

/** What is known of one fact: periods as numbers counted from 0, versions as bits. */
export type Trace = Readonly<Seen>;

/** value, count, first period, last period, versions; without these: of the first version alone. */
export type SavedFact = readonly [string, number, number, number, number?];

/** Plain JSON. */
export interface SavedRarity {
  readonly periods: number;
  readonly sealed: number;
  readonly evicted: number;
  /** Periods that brought something new which is kept elsewhere; absent in what earlier versions saved. */
  readonly novel?: readonly number[];
  /** Periods with loss that brought something new; absent: none. */
  readonly missed?: number;
  readonly facts: readonly SavedFact[];
}

/** How rare one fact is. */
export interface Surprise extends Scored {
  /** Periods in which it was seen. */
  readonly seen: number;
  /** Periods learnt so far. */
  readonly periods: number;
  /** Upper bound of the probability that a period brings something never seen. */
  readonly newness: number;
  /** How far another version of the workload, which did it, is trusted to speak for this one; absent: none did. */
  readonly trust?: number;
}

export interface RarityOptions {
  /** Facts kept at most. */
  readonly limit: number;
  /** Bytes that they may take when saved. */
  readonly maxBytes?: number;
  /** Periods before it says anything. */
  readonly learnPeriods: number;
}

// Normal quantile of one-sided 95 %.
const Z = 1.645;

/** Upper end of the Wilson interval of `hits` in `trials`; 1 when there were no trials. */
export function wilsonUpper(hits: number, trials: number): number {
  if (trials === 0) return 1;
  const p = hits / trials;
  const z2 = Z * Z;
  const centre = p + z2 / (2 * trials);
  const spread = Z * Math.sqrt((p * (1 - p)) / trials + z2 / (4 * trials * trials));
  return Math.min(1, (centre + spread) / (1 + z2 / trials));
}

/** Of one model where nobody says otherwise. A fact of a path is 60 bytes: as much as a limit of 2000 facts needs. */
const MAX_BYTES = 128 * 1024;
/** Periods kept that brought something new which is kept elsewhere. */
const MAX_NOVEL = 64;
/** A saved model without a fact, and what a fact takes besides its value: brackets, commas, three numbers of up to nine digits. */
const EMPTY_BYTES = 128 + 12 * MAX_NOVEL;
const FACT_BYTES = 36;
/** And its versions, where they are not the first alone: a comma and three digits. */
const VERSION_BYTES = 4;
/** The version of what nobody named a version of. */
export const FIRST_VERSION = 1;

/** Of a fact's value as JSON text in UTF-8, with what is saved beside it; no less than it takes. */
export function bytesOf(value: string): number {
  let bytes = FACT_BYTES;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    const plain = code >= 0x20 && code < 0x7f && code !== 0x22 && code !== 0x5c;
    bytes += plain ? 1 : 6;
  }
  return bytes;
}

const sizeOf = (value: string, versions: number): number =>
  bytesOf(value) + (versions === FIRST_VERSION ? 0 : VERSION_BYTES);

const KNOWN = 'it has been seen here before';

export class Rarity implements Detector<readonly string[], string> {
  readonly name = 'rarity';
  readonly maxBytes: number;
  readonly #options: RarityOptions;
  readonly #facts = new Map<string, Seen>();
  /** Period → facts seen in it and in no other. Its size is N1, but for the sealed. */
  readonly #singles = new Map<number, number>();
  #periods = 0;
  /** Periods that brought something new which was evicted since: they still count as such. */
  #sealed = 0;
  #evicted = 0;
  /** Periods that were not learnt, as something of them was lost, and are known to have brought something new. */
  #missed = 0;
  readonly #novel: number[] = [];
  #bytes = EMPTY_BYTES;

  constructor(options: RarityOptions) {
    this.#options = options;
    this.maxBytes = options.maxBytes ?? MAX_BYTES;
  }

  /** No less than it takes when saved. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#facts.size;
  }

  get periods(): number {
    return this.#periods;
  }

  /** Facts forgotten because the limit was reached. */
  get evicted(): number {
    return this.#evicted;
  }

  /**
   * Upper bound of the probability that the next period brings so many facts never seen: the share of past periods that
   * would have, had each been the last. A period whose facts were evicted counts as one that would.
   */
  newness(atLeast = 1): number {
    return wilsonUpper(this.lonely(atLeast) + this.#missed, this.#periods + this.#missed);
  }

  /** Periods that brought something new and were not learnt: what is new says less where life is seen in part. */
  get missed(): number {
    return this.#missed;
  }

  /** One more of them. */
  miss(): void {
    this.#missed += 1;
  }

  /** A fact that is let in by itself, without its period; it came in so many before. */
  admit(fact: string, version: number = FIRST_VERSION, periods = 1): void {
    this.#see(fact, this.#periods, version);
    this.believe(fact, periods);
    this.#fit();
  }

  /** A known fact came in so many periods, though it was not learnt in each. */
  believe(fact: string, periods: number): void {
    const seen = this.#facts.get(fact);
    if (seen === undefined || periods <= seen.count) return;
    if (seen.count === 1) this.#single(seen.first, -1);
    seen.count = periods;
  }

  /** A known fact came in a period that is not learnt: it is still in use, and does not leave for want of it. */
  touch(fact: string): void {
    const seen = this.#facts.get(fact);
    if (seen !== undefined) seen.last = Math.max(seen.last, this.#periods);
  }

  /** Periods that have so many facts for themselves: N1. */
  lonely(atLeast: number): number {
    if (atLeast <= 1) return this.#singles.size + this.#novel.length + this.#sealed;
    let lonely = this.#sealed + this.#novel.length;
    for (const facts of this.#singles.values()) if (facts >= atLeast) lonely += 1;
    return lonely;
  }

  /** The same of the later half of its periods: what was new when it was young says little of what is new now. */
  recent(atLeast = 1): number {
    const half = this.#periods / 2;
    let lonely = this.#novel.filter((period) => period >= half).length;
    for (const [period, facts] of this.#singles) if (period >= half && facts >= atLeast) lonely += 1;
    return lonely;
  }

  /** Most facts that one of the past periods has for itself. */
  mostNew(): number {
    let most = 0;
    for (const facts of this.#singles.values()) most = Math.max(most, facts);
    return most;
  }

  /** Whether it says anything yet. */
  get judges(): boolean {
    return this.#periods >= this.#options.learnPeriods;
  }

  /** Facts seen in so many periods, or more; where versions are given, those that one of them showed. */
  *known(periods: number, of = -1): Generator<string> {
    for (const [fact, { count, versions }] of this.#facts)
      if (count >= periods && (versions & of) !== 0) yield fact;
  }

  /** All facts with what is known of them. */
  traces(): Iterable<readonly [string, Trace]> {
    return this.#facts;
  }

  trace(fact: string): Trace | null {
    return this.#facts.get(fact) ?? null;
  }

  /** A version is forgotten, and what it alone showed. @returns how many facts that was. */
  dropVersion(version: number): number {
    let dropped = 0;
    for (const [fact, seen] of this.#facts) {
      if ((seen.versions & version) === 0) continue;
      if (seen.versions === version) {
        // Its period goes on counting as one that brought something new.
        if (seen.count === 1 && this.#singles.delete(seen.first)) this.#sealed += 1;
        this.#forget(fact);
        dropped += 1;
        continue;
      }
      if (seen.versions === FIRST_VERSION) this.#bytes += VERSION_BYTES;
      seen.versions &= ~version;
      if (seen.versions === FIRST_VERSION) this.#bytes -= VERSION_BYTES;
    }
    return dropped;
  }

  /** Periods in which the fact was seen. */
  seen(fact: string): number {
    return this.#facts.get(fact)?.count ?? 0;
  }

  /** `novel`: the period also brought something new that is kept away from here; it counts as one that did. */
  learn(period: readonly string[], novel = false, version: number = FIRST_VERSION): void {
    const now = this.#periods;
    this.#periods += 1;
    if (novel) this.#brought(now);
    if (period.length === 0) return;
    for (const fact of new Set(period)) this.#see(fact, now, version);
    this.#fit();
  }

  score(fact: string): Surprise | Unknown {
    const { learnPeriods } = this.#options;
    if (!this.judges)
      return { state: 'unknown', reason: `${this.#periods} of ${learnPeriods} periods learnt` };
    const newness = this.newness();
    const seen = this.seen(fact);
    const known = { state: 'scored', seen, periods: this.#periods, newness } as const;
    if (seen > 0) return { ...known, score: 0, reason: KNOWN, parts: [] };
    const share = `at most ${(newness * 100).toFixed(1)} % of ${this.#periods} periods bring anything new`;
    const parts = [{ what: fact, share: 1 }];
    return { ...known, score: 1 - newness, reason: `never seen; ${share}`, parts };
  }

  save(): SavedRarity {
    const facts = [...this.#facts].map(([value, s]): SavedFact => {
      const seen = [value, s.count, s.first, s.last] as const;
      return s.versions === FIRST_VERSION ? seen : [...seen, s.versions];
    });
    facts.sort((a, b) => (a[0] < b[0] ? -1 : 1));
    const novel = [...this.#novel];
    const missed = this.#missed === 0 ? {} : { missed: this.#missed };
    return { periods: this.#periods, sealed: this.#sealed, evicted: this.#evicted, novel, ...missed, facts };
  }

  /** Takes over what was saved. @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    const { periods, sealed, evicted, facts, novel = [], missed = 0 } = checked(saved);
    this.#missed = missed;
    this.#facts.clear();
    this.#singles.clear();
    this.#periods = periods;
    this.#sealed = sealed;
    this.#evicted = evicted;
    this.#novel.splice(0, this.#novel.length, ...novel.slice(-MAX_NOVEL));
    this.#bytes = EMPTY_BYTES;
    for (const [value, count, first, last, versions = FIRST_VERSION] of facts) {
      this.#facts.set(value, { count, first, last, versions });
      this.#bytes += sizeOf(value, versions);
      if (count === 1) this.#single(first, 1);
    }
    this.#fit();
  }

  #see(fact: string, now: number, version: number): void {
    const seen = this.#facts.get(fact);
    if (seen === undefined) {
      this.#facts.set(fact, { count: 1, first: now, last: now, versions: version });
      this.#bytes += sizeOf(fact, version);
      this.#single(now, 1);
      return;
    }
    if (seen.versions === FIRST_VERSION && version !== FIRST_VERSION) this.#bytes += VERSION_BYTES;
    seen.versions |= version;
    if (seen.count === 1) this.#single(seen.first, -1);
    seen.count += 1;
    seen.last = now;
  }

  /** Remembered by period, the latest; older ones only count. */
  #brought(period: number): void {
    this.#novel.push(period);
    if (this.#novel.length <= MAX_NOVEL) return;
    this.#novel.shift();
    this.#sealed += 1;
  }

  #single(period: number, change: 1 | -1): void {
    const count = (this.#singles.get(period) ?? 0) + change;
    if (count > 0) this.#singles.set(period, count);
    else this.#singles.delete(period);
  }

  #fit(): void {
    if (this.#facts.size > this.#options.limit || this.#bytes > this.maxBytes) this.shrink();
  }

  /**
   * Makes room down to 7/8 of what it holds, or of what it may hold if that is less: first what was seen once, a whole
   * period at a time and the oldest first, so that N1 stays what it was; then what was not seen for longest.
   */
  shrink(): void {
    const facts = Math.floor((Math.min(this.#facts.size, this.#options.limit) * 7) / 8);
    const bytes = Math.floor((Math.min(this.#bytes, this.maxBytes) * 7) / 8);
    const enough = (): boolean => this.#facts.size <= facts && this.#bytes <= bytes;
    const once = [...this.#facts].filter(([, s]) => s.count === 1).sort((a, b) => a[1].first - b[1].first);
    let sealing = -1;
    for (const [fact, { first }] of once) {
      if (enough() && first !== sealing) break;
      if (first !== sealing) {
        sealing = first;
        this.#sealed += 1;
        this.#singles.delete(first);
      }
      this.#forget(fact);
    }
    const rest = [...this.#facts].sort((a, b) => a[1].last - b[1].last);
    for (const [fact] of rest) {
      if (enough()) break;
      this.#forget(fact);
    }
  }

  #forget(fact: string): void {
    this.#bytes -= sizeOf(fact, this.#facts.get(fact)?.versions ?? FIRST_VERSION);
    this.#facts.delete(fact);
    this.#evicted += 1;
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isSavedFact(value: unknown): value is SavedFact {
  if (!Array.isArray(value) || (value.length !== 4 && value.length !== 5)) return false;
  if (typeof value[0] !== 'string' || !value.slice(1).every(isCount)) return false;
  return value[1] > 0 && (value.length === 4 || (value[4] > 0 && value[4] <= 0xff));
}

function checked(saved: unknown): SavedRarity {
  const {
    periods,
    sealed,
    evicted,
    facts,
    novel = [],
    missed = 0,
  } = (saved ?? {}) as Record<string, unknown>;
  if (!isCount(missed) || !isCount(periods) || !isCount(sealed) || !isCount(evicted) || !Array.isArray(facts))
    throw new TypeError('not a saved rarity model');
  if (!facts.every(isSavedFact)) throw new TypeError('a saved rarity model with a broken fact');
  if (!Array.isArray(novel) || !novel.every(isCount))
    throw new TypeError('a saved rarity model with broken periods');
  return { periods, sealed, evicted, facts, novel, missed };
}
