/**
 * The versions of one workload, by the digest of their image: which facts each showed, and how far one that has not shown
 * a fact yet is trusted to do what the versions before it did.
 *
 * A new version inherits every fact of those before it. That it keeps doing one is believed at first (KEEPS); each of its
 * own periods in which the fact could have come and did not speaks against it. With p, how often the fact came in a period,
 * and n periods of the version's own, Bayes' rule gives
 *
 *   trust = KEEPS·(1 − p)^n / (KEEPS·(1 − p)^n + 1 − KEEPS)
 *
 * without a unit, between 0 and 1. History weighs less the more there is of one's own, which is the idea of a power prior
 * (J. G. Ibrahim, M.-H. Chen, "Power prior distributions for regression models", Statistical Science 2000), with the
 * weight learnt for each fact: what came in every window is missed within minutes, what came once a day is not.
 * Facts come in bursts, so that counting periods would make p too large: p is 1 / (2 + g), g being the longest time without the
 * fact that is known of, in periods (before its first, after its last, the mean between the two). Nothing is concluded
 * before the version is as old as a mature baseline. What is new in a young version is what a release brings: how likely it
 * is follows from that version alone, (periods that brought something new + 1) / (periods + 2), Laplace's rule of succession.
 *
 * Bounded: MAX_VERSIONS bits; the version that was not seen for longest leaves, with what it alone showed.
 */
import { FACT_KINDS, type Fact, type FactKind, factKey } from '../features/fact.ts';
import { bytesOf, FIRST_VERSION, type Trace } from './rarity.ts';

type Phase = 'start' | 'steady';

/** As many as fit the three digits of a saved fact; replicas of more than two run only while a rollout is rolled over. */
export const MAX_VERSIONS = 8;
/** A release changes some of what a workload does, not most of it: ours, not learnt. */
const KEEPS = 0.9;
/** Below that an inherited fact is taken for known, and below this one it is over. */
export const TRUSTED = 0.5;
export const FADED = 0.05;
/** Starts from which on something is concluded of what a version's start does not show. */
const ENOUGH_STARTS = 3;
/** Facts kept that no version before it did, of one version; and bytes of all of them when saved. */
const MAX_ADDED = 128;
const MAX_ADDED_BYTES = 12 * 1024;
/** What was seen in part says half, as of a baseline. */
const IN_PART = 1 / 2;
const DIGEST = /^[\x21-\x7e]{1,256}$/;

export interface Version {
  readonly digest: string;
  readonly bit: number;
  /** Bits of the versions that it inherits from. */
  parents: number;
  /** Digest of the one that was there last before it; empty: it is the first. */
  readonly from: string;
  /** Periods that the workload had learnt when it came, by phase. */
  readonly since: Readonly<Record<Phase, number>>;
  periods: number;
  starts: number;
  /** Periods of which something was lost, or that were withheld. */
  partial: number;
  /** Order of use: the highest is the latest. */
  used: number;
  /** Its own periods that brought something which the workload had never done, by kind. */
  readonly news: Readonly<Record<Phase, Map<FactKind, number>>>;
  /** What no version before it did, learnt or not. */
  readonly added: Map<string, Fact>;
  /** Further ones, which were not kept. */
  more: number;
  /** Periods at which its next report is due. */
  reportAt: number;
  /** Facts told as faded. */
  faded: number;
}

export interface SavedVersions {
  readonly current: string;
  readonly all: readonly SavedVersion[];
}

type SavedVersion = readonly [
  string,
  number,
  number,
  string,
  readonly [number, number],
  readonly [number, number, number, number, number, number, number],
  readonly (readonly [FactKind, number])[],
  readonly (readonly [FactKind, number])[],
  readonly (readonly [FactKind, string])[],
];

/** What one period of a version showed. */
export interface Shown {
  readonly phase: Phase;
  /** Of them, those that the workload had never done before. */
  readonly added: readonly Fact[];
  readonly whole: boolean;
}

export class Versions {
  readonly #settle: number;
  readonly #all: Version[] = [];
  #evicted = 0;
  #used = 0;
  /** Digest of the one that the last rollout led to. */
  #current = '';

  /** `settle`: periods of its own from which on a version is judged by itself. */
  constructor(settle: number) {
    this.#settle = settle;
  }

  /** The latest used last. */
  all(): readonly Version[] {
    return this.#all.toSorted((a, b) => a.used - b.used);
  }

  get size(): number {
    return this.#all.length;
  }

  get evicted(): number {
    return this.#evicted;
  }

  of(digest: string): Version | null {
    return this.#all.find((version) => version.digest === digest) ?? null;
  }

  /** The one that the last rollout led to. */
  get current(): Version | null {
    return this.of(this.#current);
  }

  /** A rollout led back to one that was there before. */
  returned({ digest }: Version): void {
    this.#current = digest;
  }

  /** What it would be, were it to come now: unlike all that are known, it has shown nothing. */
  unborn(digest: string, since: Version['since']): Version {
    const parents = this.#all.reduce((bits, { bit }) => bits | bit, 0);
    return {
      digest,
      bit: 0,
      parents,
      from: this.#current,
      since,
      periods: 0,
      starts: 0,
      partial: 0,
      used: 0,
      news: { steady: new Map(), start: new Map() },
      added: new Map(),
      more: 0,
      reportAt: this.#settle,
      faded: 0,
    };
  }

  /**
   * The version of that digest, made when it is new. The first one of a workload takes over what was learnt before digests
   * were known. @returns also the version that had to leave for it, or null.
   */
  use(digest: string, since: Version['since']): { readonly version: Version; readonly left: Version | null } {
    this.#used += 1;
    const known = this.of(digest);
    if (known !== null) {
      known.used = this.#used;
      return { version: known, left: null };
    }
    const left = this.#all.length >= MAX_VERSIONS ? (this.all()[0] ?? null) : null;
    if (left !== null) this.#drop(left);
    const taken = this.#all.reduce((bits, { bit }) => bits | bit, 0);
    let bit = FIRST_VERSION;
    while ((taken & bit) !== 0) bit <<= 1;
    const version = { ...this.unborn(digest, since), bit, used: this.#used };
    this.#all.push(version);
    this.#current = digest;
    return { version, left };
  }

  /** A period of the version is over. */
  note(version: Version, { phase, added, whole }: Shown): void {
    if (!whole) version.partial += 1;
    else if (phase === 'start') version.starts += 1;
    else version.periods += 1;
    if (version.parents === 0) return;
    const news = version.news[phase];
    for (const kind of new Set(added.map((fact) => fact.kind))) news.set(kind, (news.get(kind) ?? 0) + 1);
    for (const fact of added) this.#add(version, fact);
  }

  /** Periods in which it was looked at. */
  lived({ periods, partial }: Version): number {
    return periods + partial * IN_PART;
  }

  /** Whether what it does is still what a release brings. The first version of a workload brings everything: it is learnt as ever. */
  isYoung(version: Version): boolean {
    return version.parents !== 0 && this.lived(version) < this.#settle;
  }

  /** How likely a period of the version brings something new of the kind, by the version alone. */
  chance(version: Version, kind: FactKind, phase: Phase): number {
    const periods = phase === 'start' ? version.starts : this.lived(version);
    return Math.min(1, ((version.news[phase].get(kind) ?? 0) + 1) / (periods + 2));
  }

  /** How far the version is trusted to do what others did: 1 when it did so itself, 0 when none that it comes from did. */
  trust(version: Version, trace: Trace, phase: Phase): number {
    if ((trace.versions & version.bit) !== 0) return 1;
    if ((trace.versions & version.parents) === 0) return 0;
    const own = phase === 'start' ? version.starts : version.periods;
    if (own < (phase === 'start' ? ENOUGH_STARTS : this.#settle)) return KEEPS;
    const absent = (1 - 1 / (2 + gapOf(trace, version.since[phase]))) ** own;
    return (KEEPS * absent) / (KEEPS * absent + 1 - KEEPS);
  }

  /** Whether a report on it is due: once it is judged by itself, and whenever it has become twice as old. */
  isDue(version: Version): boolean {
    return version.parents !== 0 && this.lived(version) >= version.reportAt;
  }

  /** Whether none was made yet. */
  isFirstReport(version: Version): boolean {
    return version.reportAt === this.#settle;
  }

  reported(version: Version, faded: number): void {
    version.reportAt = 2 * Math.max(version.reportAt, this.lived(version), 1);
    version.faded = faded;
  }

  save(): SavedVersions {
    return { current: this.#current, all: this.all().map(savedOf) };
  }

  /** Takes over what was saved; absent: by what knew of no versions. @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    this.#all.splice(0);
    this.#used = 0;
    this.#current = '';
    if (saved === undefined) return;
    const { current, all } = (saved ?? {}) as Record<string, unknown>;
    if (typeof current !== 'string' || !Array.isArray(all) || all.length > MAX_VERSIONS)
      throw new TypeError('not saved versions');
    for (const entry of all) this.#all.push(versionOf(entry));
    this.#current = current;
    const bits = new Set(this.#all.map(({ bit }) => bit));
    if (bits.size < this.#all.length) throw new TypeError('saved versions of one bit');
    this.#used = Math.max(0, ...this.#all.map(({ used }) => used));
  }

  #add(version: Version, fact: Fact): void {
    const key = factKey(fact);
    if (version.added.has(key)) return;
    if (version.added.size < MAX_ADDED && this.#addedBytes() + bytesOf(key) <= MAX_ADDED_BYTES)
      version.added.set(key, fact);
    else version.more += 1;
  }

  #addedBytes(): number {
    const keys = this.#all.flatMap(({ added }) => [...added.keys()]);
    return keys.reduce((sum, key) => sum + bytesOf(key), 0);
  }

  #drop(left: Version): void {
    this.#all.splice(this.#all.indexOf(left), 1);
    this.#evicted += 1;
    // Its bit goes to another, whom nobody inherits from.
    for (const version of this.#all) version.parents &= ~left.bit;
  }
}

const savedOf = (version: Version): SavedVersion => [
  version.digest,
  version.bit,
  version.parents,
  version.from,
  [version.since.steady, version.since.start],
  [
    version.periods,
    version.starts,
    version.partial,
    version.used,
    version.more,
    version.reportAt,
    version.faded,
  ],
  [...version.news.steady],
  [...version.news.start],
  [...version.added.values()].map(({ kind, value }) => [kind, value] as const),
];

/** Longest time without the fact that is known of, periods. */
function gapOf({ count, first, last }: Trace, since: number): number {
  const between = count > 1 ? (last - first) / (count - 1) - 1 : 0;
  return Math.max(0, first, between, since - last - 1);
}

const isCount = (value: unknown): value is number => typeof value === 'number' && value >= 0;
const isBits = (value: unknown): value is number =>
  isCount(value) && Number.isInteger(value) && value <= 0xff;
const isKind = (kind: unknown): kind is FactKind => FACT_KINDS.includes(kind as FactKind);
const isBit = (value: unknown): value is number =>
  isBits(value) && value !== 0 && (value & (value - 1)) === 0;

function countsOf(saved: unknown, length: number): number[] {
  if (!Array.isArray(saved) || saved.length !== length || !saved.every(isCount))
    throw new TypeError('a saved version with broken counts');
  return saved;
}

function newsOf(saved: unknown): Map<FactKind, number> {
  const entries = Array.isArray(saved) ? saved.filter(Array.isArray) : [];
  return new Map(entries.flatMap(([kind, count]) => (isKind(kind) && isCount(count) ? [[kind, count]] : [])));
}

function addedOf(saved: unknown): Map<string, Fact> {
  const added = new Map<string, Fact>();
  for (const entry of (Array.isArray(saved) ? saved : []).slice(0, MAX_ADDED)) {
    const [kind, value] = Array.isArray(entry) ? entry : [];
    if (isKind(kind) && typeof value === 'string') added.set(factKey({ kind, value }), { kind, value });
  }
  return added;
}

function versionOf(saved: unknown): Version {
  const [digest, bit, parents, from, since, counts, steady, start, added] = Array.isArray(saved) ? saved : [];
  if (typeof digest !== 'string' || !DIGEST.test(digest) || !isBit(bit) || !isBits(parents))
    throw new TypeError('not a saved version');
  const [steadySince = 0, startSince = 0] = countsOf(since, 2);
  const [periods = 0, starts = 0, partial = 0, used = 0, more = 0, reportAt = 0, faded = 0] = countsOf(
    counts,
    7,
  );
  return {
    digest,
    bit,
    parents,
    from: typeof from === 'string' && DIGEST.test(from) ? from : '',
    since: { steady: steadySince, start: startSince },
    news: { steady: newsOf(steady), start: newsOf(start) },
    added: addedOf(added),
    ...{ periods, starts, partial, used, more, reportAt, faded },
  };
}
