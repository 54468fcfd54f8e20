/**
 * What one workload normally does: a rarity model per kind of fact, once for its steady life and once for the start
 * of its containers, and what is known of its numbers, names, runs and versions. Replicas share it.
 */
import type { Fact, FactKind } from '../features/fact.ts';
import { ROW_FEATURES, showFeature } from '../features/shape-row.ts';
import { SENT_TO_PEER, SURGE_CHANNELS } from '../features/surge-row.ts';
import { showVolume, VOLUME_FEATURES } from '../features/volume-row.ts';
import { Access } from './access/access.ts';
import type { Admitted, SavedAdmitted } from './admitted.ts';
import type { Unknown } from './detector.ts';
import { DnsLabels } from './dns-labels.ts';
import { History, type SavedHistory } from './evidence/history.ts';
import { FactModels, type Models, type Phase, type SavedModels } from './fact-models.ts';
import { type Changes, Inheritance, type Lived, type Rollout } from './inheritance.ts';
import { type Period, Periods } from './periods.ts';
import type { Surprise, Trace } from './rarity.ts';
import { Replica } from './replica/replica.ts';
import { Runs } from './runs.ts';
import { type SavedShape, Shape } from './shape/shape.ts';
import type { SavedSuspect } from './suspects.ts';
import { type Known, OfVersion } from './version-view.ts';
import { type SavedVersions, type Version, Versions } from './versions.ts';
import { Surge } from './volume/surge.ts';
import { Volume } from './volume/volume.ts';

export type BaselineState = 'learning' | 'young' | 'mature';

export interface BaselineOptions {
  /** Periods before it judges, and before it counts as mature. */
  readonly learnWindows: number;
  readonly matureWindows: number;
}

/** What a period that was seen in part says of how long a workload was looked at, or one that always loses stays young for ever. */
const IN_PART = 1 / 2;
/** Rows kept, and from how many on a network is trained: 4 minutes of windows of 5 s. */
const SHAPE = { limit: 128, least: 48 } as const;
export const MAX_BASELINE_BYTES = 256 * 1024;
export interface SavedBaseline {
  readonly workload: string;
  readonly incomplete: number;
  readonly withheld: number;
  readonly steady: SavedModels;
  readonly start: SavedModels;
  readonly suspects: readonly SavedSuspect[];
  readonly shape: SavedShape;
  /** Absent in what earlier versions saved. */
  readonly labels?: unknown;
  /** Absent in what earlier versions saved. */
  readonly history?: SavedHistory;
  readonly admitted?: SavedAdmitted;
  readonly pinned?: boolean;
  readonly volume?: unknown;
  readonly surge?: unknown;
  readonly access?: unknown;
  readonly replica?: unknown;
  readonly runs?: unknown;
  /** Absent: of before there were any. */
  readonly versions?: SavedVersions;
}

export class Baseline {
  readonly workload: string;
  /** Of the numbers of its steady windows. */
  readonly shape = new Shape({ features: ROW_FEATURES, ...SHAPE, show: showFeature });
  /** Of the names it asks for. */
  readonly labels: DnsLabels;
  /** Of its evidence: what calibrates it, and what became of the promise on false alarms. */
  readonly history = new History();
  readonly volume = new Volume({ features: VOLUME_FEATURES, show: showVolume });
  readonly surge = new Surge(SURGE_CHANNELS, SENT_TO_PEER);
  readonly access = new Access();
  /** Of how far its live containers are apart. */
  readonly replica = new Replica();
  /** Of a job. */
  readonly runs = new Runs();
  /** Of its image. */
  readonly versions: Versions;
  readonly #options: BaselineOptions;
  readonly #facts: FactModels;
  readonly #inheritance: Inheritance;
  readonly #periods: Periods;
  /** A person has said that it is as it should be: it learns nothing more. */
  pinned = false;

  constructor(workload: string, options: BaselineOptions) {
    this.workload = workload;
    this.#options = options;
    this.labels = new DnsLabels(options);
    this.versions = new Versions(options.matureWindows);
    this.#facts = new FactModels(options.learnWindows);
    this.#inheritance = new Inheritance(this.#facts, this.versions);
    this.#periods = new Periods({ facts: this.#facts, versions: this.versions });
  }

  /** Periods of steady life learnt. */
  get periods(): number {
    return this.#facts.of('steady').exec.periods;
  }

  get starts(): number {
    return this.#facts.of('start').exec.periods;
  }

  /** Periods not learnt because something of them was lost. */
  get incomplete(): number {
    return this.#periods.counts.incomplete;
  }

  get withheld(): number {
    return this.#periods.counts.withheld;
  }

  get evicted(): number {
    return this.#facts.evicted;
  }

  get state(): BaselineState {
    if (this.periods < this.#options.learnWindows) return 'learning';
    const lived = this.periods + this.incomplete * IN_PART;
    return lived < this.#options.matureWindows ? 'young' : 'mature';
  }

  facts(kind: FactKind): number {
    return this.#facts.of('steady')[kind].size;
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
    if (version === null || this.pinned) return null;
    return this.#inheritance.rollout(version, this.#options.matureWindows);
  }

  /** What became of the version of that digest; null when it is not known. */
  changes(digest: string): Changes | null {
    return this.#inheritance.changes(digest);
  }

  /** Facts that the version in force takes over from those before it and has not shown yet. */
  get inheritedCount(): number {
    return this.#inheritance.size;
  }

  /** How far the version is trusted to do it: 1 when it did, in whatever phase. */
  trust(version: Version, fact: Fact): number {
    return this.#inheritance.trust(version, fact);
  }

  trace(fact: Fact, phase: Phase): Trace | null {
    return this.#facts.trace(fact, phase);
  }

  get #lived(): Lived {
    return { steady: this.periods, start: this.starts };
  }

  #versionOf(digest: string): Version | null {
    return this.#inheritance.versionOf(digest, this.#lived);
  }

  /** Values of the kind that belong to the phase for certain; of what those versions showed. */
  accepted(kind: FactKind, phase: Phase, of = -1): Set<string> {
    return this.#facts.accepted(kind, phase, of);
  }

  /** Whether the fact belongs to the phase for certain. */
  accepts(fact: Fact, phase: Phase): boolean {
    return this.#facts.accepts(fact, phase);
  }

  /** Facts that were called anomalous and are not learnt. */
  get suspects(): number {
    return this.#periods.suspicions.size;
  }

  /** At the start of a container, what other starts did or the steady life does is known. */
  score(fact: Fact, phase: Phase): Surprise | Unknown {
    return this.#facts.score(fact, phase);
  }

  /** Periods in which the fact was seen and learnt, whatever the phase. */
  seen(fact: Fact): number {
    return this.#facts.seen(fact);
  }

  knowsLike(kind: FactKind, isLike: (value: string) => boolean): boolean {
    for (const value of this.#facts.of('steady')[kind].known(1)) if (isLike(value)) return true;
    return false;
  }

  /** Periods in which the fact was seen but not learnt, because it was called anomalous. */
  suspected(fact: Fact): number {
    return this.#periods.suspicions.of(fact).periods(fact);
  }

  /** Periods in which the fact belonged to what the workload did while it was learnt; also if it was called strange there. */
  seenEarly(fact: Fact): number {
    return this.seen(fact) + this.#periods.suspicions.of(fact).early(fact);
  }

  /** What entered though it had been called strange. */
  get admitted(): Pick<Admitted, 'count' | 'latest'> {
    const { count, latest } = this.#periods.admitted;
    return { count, latest };
  }

  learn(period: Period): void {
    if (this.pinned) return;
    const version = this.#inheritance.use(period.version ?? '', this.#lived);
    this.#periods.learn(period, version, this.state === 'mature');
  }

  save(): SavedBaseline {
    return {
      workload: this.workload,
      incomplete: this.incomplete,
      withheld: this.withheld,
      ...this.#facts.save(),
      suspects: this.#periods.suspicions.save(),
      shape: this.shape.save(),
      labels: this.labels.save(),
      history: this.history.save(),
      admitted: this.#periods.admitted.save(),
      pinned: this.pinned,
      volume: this.volume.save(),
      surge: this.surge.save(),
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
    this.#facts.load(steady, start);
    this.#periods.suspicions.load(suspects);
    // Baselines saved by earlier versions have none.
    if (shape !== undefined) this.shape.load(shape);
    if (volume !== undefined) this.volume.load(volume);
    const isAnew = fields['surge'] !== undefined && !this.surge.load(fields['surge']);
    if (access !== undefined) this.access.load(access);
    if (fields['replica'] !== undefined) this.replica.load(fields['replica']);
    this.versions.load(fields['versions']);
    if (fields['runs'] !== undefined) this.runs.load(fields['runs']);
    if (history !== undefined) this.history.load(history);
    if (isAnew) this.history.care.changed(this.surge.name, 'dropped', 'rule');
    if (labels !== undefined) this.labels.load(labels);
    this.#periods.admitted.load(fields['admitted']);
    this.pinned = fields['pinned'] === true;
    this.#periods.counts.incomplete = Number(incomplete);
    this.#periods.counts.withheld = Number(withheld);
  }

  #of(phase: Phase): Models {
    return this.#facts.of(phase);
  }
}
