/**
 * What one workload normally does: a rarity model per kind of fact, once for its steady life and once for the start
 * of its containers. Replicas share it. It also keeps the poison out:
 *
 * - a period with loss is counted and not learnt; what was called strange in it was told as ever, and counts for the quorum;
 * - a period in which a rule matched something unknown is withheld as a whole: what came with it is suspect too;
 * - a fact that was called anomalous is not learnt but kept as a suspect. It enters by quorum of separate periods:
 *   after QUORUM when it first came before the baseline was mature, after LATE_QUORUM when only its rarity spoke
 *   against it. What a rule matched and what came later than that never enters by itself. Each period before was told.
 */
import { FACT_KINDS, type Fact, type FactKind, factKey } from '../features/fact.ts';
import { isOfRelease } from '../features/release.ts';
import { ROW_FEATURES, showFeature } from '../features/shape-row.ts';
import { showVolume, VOLUME_FEATURES } from '../features/volume-row.ts';
import { Access } from './access/access.ts';
import type { Unknown } from './detector.ts';
import { DnsLabels } from './dns-labels.ts';
import { History, type SavedHistory } from './evidence/history.ts';
import { FIRST_VERSION, Rarity, type SavedRarity, type Surprise, type Trace } from './rarity.ts';
import { Replica } from './replica/replica.ts';
import { Runs } from './runs.ts';
import { type SavedShape, Shape } from './shape/shape.ts';
import { type Flagged, type SavedSuspect, Suspects } from './suspects.ts';
import { type Known, OfVersion } from './version-view.ts';
import { FADED, type SavedVersions, type Version, Versions } from './versions.ts';
import { Volume } from './volume/volume.ts';

/** A container's first seconds are judged against its workload's other starts. */
export type Phase = 'start' | 'steady';
export type BaselineState = 'learning' | 'young' | 'mature';

export interface BaselineOptions {
  /** Periods before it judges, and before it counts as mature. */
  readonly learnWindows: number;
  readonly matureWindows: number;
}

export interface Period {
  readonly phase: Phase;
  readonly facts: readonly Fact[];
  /** Of the facts, those that were called anomalous. */
  readonly flagged: readonly Flagged[];
  /** A rule matched something that is not known here. */
  readonly withheld: boolean;
  readonly complete: boolean;
  /** Digest of the image that it is of; absent or empty: not known, and taken for the one in force. */
  readonly version?: string;
  /** The container; absent: none of its own. */
  readonly source?: string;
}

/** A version that is so young that what is new in it is what a release brings. */
export interface Rollout {
  readonly from: string;
  readonly to: string;
  /** Periods that it was looked at, and from how many on it is judged as ever. */
  readonly lived: number;
  readonly of: number;
  /** How likely a period of it brings something new of the kind. */
  chance(kind: FactKind, phase: Phase): number;
}

/** What a version does that those before it did not, and the other way round. */
export interface Changes {
  readonly from: string;
  readonly to: string;
  readonly periods: number;
  readonly starts: number;
  /** New and learnt; new and not learnt, as it was called strange; and how many more there were than were kept. */
  readonly learnt: readonly Fact[];
  readonly held: readonly Fact[];
  readonly more: number;
  /** Done before, and not by this version for so long that it is taken to be over. */
  readonly stopped: readonly Fact[];
  /** Done before, not seen of this version yet and still believed of it. */
  readonly expected: number;
}

const LEARN_STARTS = 3;
/** What a period that was seen in part says of how long a workload was looked at, or one that always loses stays young for ever. */
const IN_PART = 1 / 2;
/** Rows kept, and from how many on a network is trained: 4 minutes of windows of 5 s. */
const SHAPE = { limit: 128, least: 48 } as const;
const MAX_SUSPECTS = 512;
/** Bytes of each of the two when saved. */
const SUSPECT_BYTES = 24 * 1024;
/** Of all facts when saved. With suspects, the network of `shape` and the history a baseline stays within 256 KiB. */
const FACT_BYTES = 88 * 1024;
export const MAX_BASELINE_BYTES = 256 * 1024;
/** Facts that entered though they had been called strange, the latest. */
const MAX_ADMITTED = 64;
/** Apart, as one strange program brings pairs by the dozen. */
const MAX_SUSPECT_PAIRS = 1024;
/** Periods in which a fact must have been seen to be accepted: what came once may be what is looked for. */
const ACCEPTED = 2;
/** Facts kept per kind and phase. */
export const LIMITS: Readonly<Record<FactKind, number>> = {
  exec: 1024,
  file: 512,
  connect: 1024,
  accept: 256,
  syscall: 512,
  action: 512,
  pair: 4096,
  compat: 512,
  folder: 1024,
  library: 512,
  capability: 64,
  listen: 256,
  name: 1024,
};

/** Kinds that baselines saved by earlier versions do not have. */
const ADDED: ReadonlySet<FactKind> = new Set([
  'action',
  'pair',
  'compat',
  'folder',
  'library',
  'capability',
  'listen',
  'name',
]);
const NEVER_SEEN: SavedRarity = { periods: 0, sealed: 0, evicted: 0, facts: [] };

export interface SavedBaseline {
  readonly workload: string;
  readonly incomplete: number;
  readonly withheld: number;
  readonly steady: Readonly<Record<FactKind, SavedRarity>>;
  readonly start: Readonly<Record<FactKind, SavedRarity>>;
  readonly suspects: readonly SavedSuspect[];
  readonly shape: SavedShape;
  /** Absent in what earlier versions saved. */
  readonly labels?: unknown;
  /** Absent in what earlier versions saved. */
  readonly history?: SavedHistory;
  readonly admitted?: readonly [number, readonly (readonly [string, string, number])[]];
  readonly pinned?: boolean;
  readonly volume?: unknown;
  readonly access?: unknown;
  readonly replica?: unknown;
  readonly runs?: unknown;
  /** Absent: of before there were any. */
  readonly versions?: SavedVersions;
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
    pair: make('pair'),
    compat: make('compat'),
    folder: make('folder'),
    library: make('library'),
    capability: make('capability'),
    listen: make('listen'),
    name: make('name'),
  };
};

export class Baseline {
  readonly workload: string;
  /** Of the numbers of its steady windows. */
  readonly shape = new Shape({ features: ROW_FEATURES, ...SHAPE, show: showFeature });
  /** Of the names it asks for. */
  readonly labels: DnsLabels;
  /** Of its evidence: what calibrates it, and what became of the promise on false alarms. */
  readonly history = new History();
  readonly volume = new Volume({ features: VOLUME_FEATURES, show: showVolume });
  readonly access = new Access();
  /** Of how far its live containers are apart. */
  readonly replica = new Replica();
  /** Of a job. */
  readonly runs = new Runs();
  /** Of its image. */
  readonly versions: Versions;
  readonly #options: BaselineOptions;
  readonly #steady: Models;
  readonly #start: Models;
  readonly #suspects = new Suspects(MAX_SUSPECTS, SUSPECT_BYTES);
  readonly #suspectPairs = new Suspects(MAX_SUSPECT_PAIRS, SUSPECT_BYTES);
  #incomplete = 0;
  #withheld = 0;
  #admittedCount = 0;
  readonly #admitted: [string, string, number][] = [];
  /** A person has said that it is as it should be: it learns nothing more. */
  pinned = false;

  constructor(workload: string, options: BaselineOptions) {
    this.workload = workload;
    this.#options = options;
    this.labels = new DnsLabels(options);
    this.versions = new Versions(options.matureWindows);
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
    const lived = this.periods + this.#incomplete * IN_PART;
    return lived < this.#options.matureWindows ? 'young' : 'mature';
  }

  facts(kind: FactKind): number {
    return this.#steady[kind].size;
  }

  /** Upper bound of the probability that a period brings so many facts of the kind that were never seen. */
  newness(kind: FactKind, phase: Phase = 'steady', atLeast = 1): number {
    return this.#of(phase)[kind].newness(atLeast);
  }

  /** Of the later half of its periods, those that brought so many facts of the kind which no other did. */
  recent(kind: FactKind, phase: Phase, atLeast = 1): number {
    const model = this.#of(phase)[kind];
    return model.recent(atLeast) + model.missed;
  }

  /** Most facts of the kind that one learnt period has for itself. */
  mostNew(kind: FactKind, phase: Phase): number {
    return this.#of(phase)[kind].mostNew();
  }

  /** Periods learnt since facts of the kind are looked for. */
  learnt(kind: FactKind, phase: Phase): number {
    return this.#of(phase)[kind].periods;
  }

  /** Periods with loss that brought something new of the kind. */
  missed(kind: FactKind, phase: Phase): number {
    return this.#of(phase)[kind].missed;
  }

  /** Whether facts of the kind are judged in the phase. */
  judges(kind: FactKind, phase: Phase): boolean {
    return this.#of(phase)[kind].judges;
  }

  /** The same as one version knows it; the baseline itself where there is no other. */
  as(digest: string): Known {
    const version = this.#versionOf(digest);
    return version === null ? this : new OfVersion(this, version);
  }

  /** The rollout that the version is under way with; null: none, or a person has said what is normal. */
  rollout(digest: string): Rollout | null {
    const version = this.#versionOf(digest);
    if (version === null || this.pinned || !this.versions.isYoung(version)) return null;
    return {
      from: version.from,
      to: digest,
      lived: this.versions.lived(version),
      of: this.#options.matureWindows,
      chance: (kind, phase) => this.versions.chance(version, kind, phase),
    };
  }

  /** What became of the version of that digest; null when it is not known. */
  changes(digest: string): Changes | null {
    const version = this.versions.of(digest);
    if (version === null) return null;
    const { from, periods, starts, more, added } = version;
    const [learnt, held] = [[] as Fact[], [] as Fact[]];
    for (const fact of added.values()) (this.seen(fact) > 0 ? learnt : held).push(fact);
    const inherited = [...this.inherited(version)];
    const stopped = inherited.filter(({ trust }) => trust < FADED).map(({ fact }) => fact);
    const expected = inherited.length - stopped.length;
    return { from, to: digest, periods, starts, learnt, held, more, stopped, expected };
  }

  /** What the versions before it did and it did not, with the trust that it will; what is of both phases is told of steady life. */
  *inherited(version: Version): Generator<{ readonly fact: Fact; readonly trust: number }> {
    for (const phase of ['steady', 'start'] as const)
      for (const kind of FACT_KINDS)
        for (const [value, { versions }] of this.#of(phase)[kind].traces()) {
          const fact = { kind, value };
          if ((versions & version.parents) === 0) continue;
          if (phase === 'start' && this.trace(fact, 'steady') !== null) continue;
          const trust = this.trust(version, fact);
          if (trust < 1) yield { fact, trust };
        }
  }

  /** Of the version in force. */
  get inheritedCount(): number {
    const { current } = this.versions;
    if (current === null || this.versions.size < 2) return 0;
    let count = 0;
    for (const _ of this.inherited(current)) count += 1;
    return count;
  }

  /** How far the version is trusted to do it: 1 when it did, in whatever phase. */
  trust(version: Version, fact: Fact): number {
    let most = 0;
    for (const phase of ['steady', 'start'] as const) {
      const trace = this.trace(fact, phase);
      if (trace !== null) most = Math.max(most, this.versions.trust(version, trace, phase));
    }
    return most;
  }

  trace({ kind, value }: Fact, phase: Phase): Trace | null {
    return this.#of(phase)[kind].trace(value);
  }

  /** Null: of the only one there is, or of one that is not known. */
  #versionOf(digest: string): Version | null {
    const { versions } = this;
    if (digest === '' || versions.size === 0) return null;
    const version = versions.of(digest);
    if (version !== null) return versions.size === 1 ? null : version;
    return versions.unborn(digest, { steady: this.periods, start: this.starts });
  }

  /** Values of the kind that belong to the phase for certain; of what those versions showed. */
  accepted(kind: FactKind, phase: Phase, of = -1): Set<string> {
    const accepted = new Set(this.#steady[kind].known(ACCEPTED, of));
    if (phase === 'start') for (const value of this.#start[kind].known(ACCEPTED, of)) accepted.add(value);
    return accepted;
  }

  /** Whether the fact belongs to the phase for certain. */
  accepts({ kind, value }: Fact, phase: Phase): boolean {
    if (this.#steady[kind].seen(value) >= ACCEPTED) return true;
    return phase === 'start' && this.#start[kind].seen(value) >= ACCEPTED;
  }

  /** Facts that were called anomalous and are not learnt. */
  get suspects(): number {
    return this.#suspects.size + this.#suspectPairs.size;
  }

  /** At the start of a container, what other starts did or the steady life does is known. */
  score(fact: Fact, phase: Phase): Surprise | Unknown {
    const steady = this.#steady[fact.kind].score(fact.value);
    if (phase === 'steady') return steady;
    const start = this.#start[fact.kind].score(fact.value);
    if (start.state === 'scored' && steady.state === 'scored' && steady.seen > 0)
      return { ...steady, newness: start.newness, periods: start.periods };
    return start;
  }

  /** Periods in which the fact was seen and learnt, whatever the phase. */
  seen(fact: Fact): number {
    return this.#steady[fact.kind].seen(fact.value) + this.#start[fact.kind].seen(fact.value);
  }

  knowsLike(kind: FactKind, isLike: (value: string) => boolean): boolean {
    for (const value of this.#steady[kind].known(1)) if (isLike(value)) return true;
    return false;
  }

  /** Periods in which the fact was seen but not learnt, because it was called anomalous. */
  suspected(fact: Fact): number {
    return this.#suspectsOf(fact).periods(fact);
  }

  /** Periods in which the fact belonged to what the workload did while it was learnt; also if it was called strange there. */
  seenEarly(fact: Fact): number {
    return this.seen(fact) + this.#suspectsOf(fact).early(fact);
  }

  /**
   * Facts that entered by quorum: each was called strange in so many periods before, and would be told to this day had
   * learning been off. The latest, and how many there were.
   */
  get admitted(): {
    readonly count: number;
    readonly latest: readonly (readonly [string, string, number])[];
  } {
    return { count: this.#admittedCount, latest: this.#admitted };
  }

  learn(period: Period): void {
    if (this.pinned) return;
    const version = this.#use(period.version ?? '');
    const rolling = version !== null && this.versions.isYoung(version);
    const bit = version?.bit ?? FIRST_VERSION;
    const flagged = new Set(period.flagged.map(({ fact }) => factKey(fact)));
    const mature = this.state === 'mature';
    const fresh = period.flagged.filter(({ fact, byRule }) => !byRule && this.suspected(fact) === 0);
    const source = period.source ?? '';
    const admitted = period.flagged.filter((entry) =>
      this.#suspectsOf(entry.fact).note(
        entry,
        mature,
        rolling && isOfRelease(entry.fact) ? { source } : null,
      ),
    );
    for (const { fact } of admitted) this.#admit(fact);
    // What a release brings says nothing of how often the workload does something new.
    const brought = new Set(rolling ? [] : fresh.map(({ fact }) => fact.kind));
    const learnt = period.withheld ? [] : period.facts.filter((fact) => !flagged.has(factKey(fact)));
    if (version !== null) {
      const done = [...period.flagged.map(({ fact }) => fact), ...(period.complete ? learnt : [])];
      const added = done.filter((fact) => this.seen(fact) === 0);
      const { phase } = period;
      this.versions.note(version, { phase, added, whole: period.complete && !period.withheld });
    }
    if (!period.complete) {
      this.#incomplete += 1;
      for (const { kind, value } of learnt) this.#of(period.phase)[kind].touch(value);
      for (const kind of brought) this.#of(period.phase)[kind].miss();
      for (const { fact } of admitted)
        this.#of(period.phase)[fact.kind].admit(fact.value, bit, this.#suspectsOf(fact).early(fact));
      this.#fit();
      return;
    }
    if (period.withheld) this.#withheld += 1;
    if (period.withheld && admitted.length === 0) return;
    const values = new Map<FactKind, string[]>(FACT_KINDS.map((kind) => [kind, []]));
    for (const { kind, value } of learnt) values.get(kind)?.push(value);
    for (const { fact } of admitted) values.get(fact.kind)?.push(fact.value);
    for (const [kind, of] of values) this.#of(period.phase)[kind].learn(of, brought.has(kind), bit);
    // What came that often is known that well, also when its suspicion is forgotten.
    for (const { fact } of admitted)
      this.#of(period.phase)[fact.kind].believe(fact.value, this.#suspectsOf(fact).early(fact));
    this.#fit();
  }

  /** The version of a period that is to be learnt; null: there is none yet, as no digest was ever known. */
  #use(digest: string): Version | null {
    if (digest === '') return this.versions.current;
    const { version, left } = this.versions.use(digest, { steady: this.periods, start: this.starts });
    if (left !== null)
      for (const kind of FACT_KINDS) {
        this.#steady[kind].dropVersion(left.bit);
        this.#start[kind].dropVersion(left.bit);
      }
    return version;
  }

  #admit(fact: Fact): void {
    const seen = this.seen(fact) > 0;
    if (seen) return;
    this.#admittedCount += 1;
    this.#admitted.push([fact.kind, fact.value.slice(0, 128), this.suspected(fact)]);
    if (this.#admitted.length > MAX_ADMITTED) this.#admitted.shift();
  }

  /** Whoever takes most gives way first, which it counts. */
  #fit(): void {
    const all = [...Object.values(this.#steady), ...Object.values(this.#start)];
    const empty = new Rarity({ limit: 1, learnPeriods: 1 }).bytes;
    for (;;) {
      const taken = all.reduce((sum, { bytes }) => sum + bytes - empty, 0);
      const most = all.reduce((a, b) => (b.bytes > a.bytes ? b : a));
      if (taken <= FACT_BYTES || most.size === 0) return;
      most.shrink();
    }
  }

  save(): SavedBaseline {
    return {
      workload: this.workload,
      incomplete: this.#incomplete,
      withheld: this.#withheld,
      steady: saveAll(this.#steady),
      start: saveAll(this.#start),
      suspects: [...this.#suspects.save(), ...this.#suspectPairs.save()],
      shape: this.shape.save(),
      labels: this.labels.save(),
      history: this.history.save(),
      admitted: [this.#admittedCount, this.#admitted],
      pinned: this.pinned,
      volume: this.volume.save(),
      access: this.access.save(),
      replica: this.replica.save(),
      ...(this.runs.count === 0 ? {} : { runs: this.runs.save() }),
      versions: this.versions.save(),
    };
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    const fields = (saved ?? {}) as Record<string, unknown>;
    const { steady, start, suspects, incomplete, withheld, history, shape, labels, volume, access } = fields;
    loadAll(this.#steady, steady);
    loadAll(this.#start, start);
    if (!Array.isArray(suspects)) throw new TypeError('a saved baseline without suspects');
    // Baselines saved by earlier versions have none.
    if (shape !== undefined) this.shape.load(shape);
    if (volume !== undefined) this.volume.load(volume);
    if (access !== undefined) this.access.load(access);
    if (fields['replica'] !== undefined) this.replica.load(fields['replica']);
    this.versions.load(fields['versions']);
    if (fields['runs'] !== undefined) this.runs.load(fields['runs']);
    this.#suspects.clear();
    this.#suspectPairs.clear();
    for (const entry of suspects.slice(0, MAX_SUSPECTS + MAX_SUSPECT_PAIRS))
      (Array.isArray(entry) && entry[0] === 'pair' ? this.#suspectPairs : this.#suspects).load(entry);
    if (history !== undefined) this.history.load(history);

    if (labels !== undefined) this.labels.load(labels);

    this.#loadAdmitted(fields['admitted']);
    this.pinned = fields['pinned'] === true;

    this.#incomplete = Number(incomplete);
    this.#withheld = Number(withheld);
  }

  #loadAdmitted(saved: unknown): void {
    const [count, latest] = Array.isArray(saved) ? saved : [0, []];
    this.#admittedCount = Number(count) || 0;
    const read = Array.isArray(latest) ? latest.slice(-MAX_ADMITTED) : [];
    const entries = read.map((entry): [string, string, number] => {
      const [kind, value, periods] = Array.isArray(entry) ? entry : [];
      return [String(kind), String(value), Number(periods)];
    });
    this.#admitted.splice(0, this.#admitted.length, ...entries);
  }

  #of(phase: Phase): Models {
    return phase === 'start' ? this.#start : this.#steady;
  }

  #suspectsOf(fact: Fact): Suspects {
    return fact.kind === 'pair' ? this.#suspectPairs : this.#suspects;
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
    pair: all.pair.save(),
    compat: all.compat.save(),
    folder: all.folder.save(),
    library: all.library.save(),
    capability: all.capability.save(),
    listen: all.listen.save(),
    name: all.name.save(),
  };
}
