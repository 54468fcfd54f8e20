/** What the pipeline keeps per container between two ticks. */
import type { Reason } from './alerts/group.ts';
import { Attempts } from './attempts.ts';
import { EarlyFacts } from './early-facts.ts';
import type { Resources } from './events/resources.ts';
import { type Fact, factKey } from './features/fact.ts';
import { PairWindow } from './features/pair-window.ts';
import { type Window, WindowBuilder } from './features/window.ts';
import type { Container } from './identity/container.ts';
import { type NameCounts, PeerNames } from './identity/peer-names.ts';
import { Evidence } from './models/evidence/evidence.ts';
import type { Phase } from './models/fact-models.ts';
import type { Flagged } from './models/suspects.ts';
import type { Records } from './models/volume/surge.ts';
import { Numbers } from './numbers.ts';
import { ARMED_KINDS, REARM_NS } from './profile/profiles.ts';
import { type Replicas, ReplicaWindow } from './replicas.ts';
import { ShapeWindow } from './shape-window.ts';
import { SessionLog } from './situation/session-log.ts';
import { Surges } from './surges.ts';
import type { WindowDetector } from './window-detector.ts';

/** Until then a container is starting: its windows are judged against other starts of its workload, ns. */
export const START_NS = 15_000_000_000n;
/** Losses without so long a pause between them are one stretch, ns: of a node that cannot follow each minute has some. */
const STRETCH_NS = 300_000_000_000n;
/** A fact that was told is told again only after it was away for so many windows. */
const ONGOING_WINDOWS = 2;
/** What goes on but is told once a minute, when it is armed again, whatever the length of a window. */
const ONGOING_ARMED_NS = 3n * REARM_NS;
/** Detections told per container and window; more are counted. Each costs a log line and a place in the spool. */
export const MAX_TOLD = 5000;

/** New folders told per container and window: a search through a file system meets a thousand a second. */
export const MAX_FOLDERS_TOLD = 20;
/** Suspect processes kept per container and window. */
const MAX_TAINTED = 256;

interface LastSeen {
  /** The window's number, and its start. */
  readonly window: number;
  readonly startNs: bigint;
  /** Seen only when it was armed again. */
  readonly armed: boolean;
}

/** A period that is ready to be learnt. */
export interface Collected {
  readonly phase: Phase;
  readonly facts: readonly Fact[];
  readonly flagged: readonly Flagged[];
  readonly withheld: boolean;
  readonly complete: boolean;
}

export interface WatchedParts {
  readonly late: boolean;
  readonly names: NameCounts;
  readonly replicas: Replicas;
  readonly surgesOfNode: () => Records;
}

export class Watched {
  container: Container;
  window: WindowBuilder;
  /** Of the last window in which they were read; null: of none yet. */
  resources: Resources | null = null;
  pairs = new PairWindow();
  /** Of the addresses that it connects to. */
  readonly names: PeerNames;
  /** The same of those that sessions were told by resolvers which the workload does not use. */
  readonly visitorsNames: PeerNames;
  /** Where the kernel side keeps it; null: not known yet. */
  slot: number | null = null;
  /** Its profile was decided, under the name it has. */
  profiled = false;
  lostBefore = 0;
  lossesBefore: Readonly<Record<string, number>> = {};
  completeBefore = true;
  told = 0;
  /** What looking for exceptions has cost in the open window. */
  readonly looked = { compared: 0 };
  readonly evidence = new Evidence();
  readonly numbers = new Numbers();
  readonly attempts = new Attempts();
  readonly surges: Surges;
  /** All that judge its windows as a whole. */
  readonly detectors: readonly WindowDetector[];
  readonly sessions = new SessionLog();
  readonly early = new EarlyFacts();
  /** Reasons that were told for which it is a strange run of its job. */
  runReasons = 0;
  /** Alerts opened by evidence alone in the open window. */
  alarms = 0;
  /** An alert that stands on what was counted, once the container outlives the next window. */
  waiting: {
    readonly alert: string;
    readonly strong: NonNullable<Reason['strong']>;
    /** Start of the window in which it was counted. */
    readonly since: bigint;
  } | null = null;
  /** Until then what is merely new stands under the verdict that the container is like none of its workload. */
  foldedUntilNs = 0n;
  /** Something grave was seen in the open window. */
  disturbed = false;
  /** Length of the last window. */
  windowNs = 0n;
  #foldersTold = 0;
  /** The kernel side counts for it. Without that, an empty window means nothing was looked at, not that nothing happened. */
  observed = false;
  #index = 0;
  readonly #flagged = new Map<string, Flagged>();
  /** Flagged fact → where it was last seen. */
  readonly #ongoing = new Map<string, LastSeen>();
  #withheld = false;
  readonly #tainted = new Set<string>();
  readonly #setUps = new Set<string>();
  readonly #lossesTold = new Set<string>();
  /** Start of the window in which something was lost last. */
  #lossAt = 0n;
  #start: {
    facts: Map<string, Fact>;
    flagged: Map<string, Flagged>;
    withheld: boolean;
    complete: boolean;
  } | null;

  /** Made for records that came after its container was gone: too little to be a window. */
  readonly late: boolean;

  constructor(container: Container, startNs: bigint, { late, names, replicas, surgesOfNode }: WatchedParts) {
    this.names = new PeerNames(names);
    this.visitorsNames = new PeerNames(names);
    const shape = new ShapeWindow();
    this.surges = new Surges(surgesOfNode);
    this.detectors = [shape, this.numbers, this.surges, this.attempts, new ReplicaWindow(replicas)];
    this.container = container;
    this.late = late;
    this.window = new WindowBuilder(startNs);
    this.#start =
      container.madeAt === null
        ? null
        : { facts: new Map(), flagged: new Map(), withheld: false, complete: true };
  }

  get phase(): Phase {
    const { madeAt } = this.container;
    return madeAt !== null && this.window.startNs - madeAt < START_NS ? 'start' : 'steady';
  }

  /** Whether the fact was flagged in this window or the ones before in which it would have been seen; seeing it keeps it so. */
  ongoing(fact: Fact): boolean {
    const key = factKey(fact);
    const last = this.#ongoing.get(key);
    if (last === undefined || this.#isOver(last)) return false;
    this.flag(fact, false);
    return true;
  }

  /** Keeps the fact from being learnt; what only rarity flagged is not told again while it goes on. */
  flag(fact: Fact, byRule: boolean): void {
    const key = factKey(fact);
    this.#flagged.set(key, { fact, byRule: byRule || (this.#flagged.get(key)?.byRule ?? false) });
    const { startNs } = this.window;
    if (!byRule) this.#ongoing.set(key, { window: this.#index, startNs, armed: ARMED_KINDS.has(fact.kind) });
  }

  /** Of the reasons for which records are lost, those that this stretch of loss has not had before. */
  newLosses(reasons: readonly string[]): string[] {
    if (this.window.startNs - this.#lossAt > STRETCH_NS) this.#lossesTold.clear();
    this.#lossAt = this.window.startNs;
    const fresh = reasons.filter((name) => !this.#lossesTold.has(name));
    for (const name of fresh) this.#lossesTold.add(name);
    return fresh;
  }

  /** Whether a setting up of that kind was not told in this window. */
  maySaySetUp(key: string): boolean {
    if (this.#setUps.has(key) || this.#setUps.size >= MAX_TAINTED) return false;
    this.#setUps.add(key);
    return true;
  }

  /** Whether one more new folder may be told in this window. */
  maySayFolder(): boolean {
    this.#foldersTold += 1;
    return this.#foldersTold <= MAX_FOLDERS_TOLD;
  }

  /** The process did what a rule knows as bad; what descends from it is as suspect. */
  taint(process: string): void {
    if (this.#tainted.size < MAX_TAINTED) this.#tainted.add(process);
  }

  isTainted(lineage: readonly string[]): boolean {
    return this.#tainted.size > 0 && lineage.some((process) => this.#tainted.has(process));
  }

  get withheld(): boolean {
    return this.#withheld;
  }

  withhold(): void {
    this.#withheld = true;
  }

  /** Ends the window; what is to be learnt is a steady window, or the whole start once it is over or `gone`. */
  close(endNs: bigint, gone: boolean): { window: Window; learn: Collected[] } {
    const phase = this.phase;
    if (!this.observed || this.pairs.overflowed) this.window.incomplete();
    const window = this.window.close(endNs);
    const facts = [...window.facts, ...this.pairs.facts];
    const learn: Collected[] = [];
    if (phase === 'start') this.#collect(facts, window.complete);
    if (phase === 'steady' || gone) learn.push(...this.#takeStart());
    if (phase === 'steady')
      learn.push({
        phase,
        facts,
        flagged: [...this.#flagged.values()],
        withheld: this.#withheld,
        complete: window.complete,
      });
    this.#next(window);
    return { window, learn };
  }

  #collect(facts: readonly Fact[], complete: boolean): void {
    if (this.#start === null) return;
    for (const fact of facts) this.#start.facts.set(factKey(fact), fact);
    for (const [key, flagged] of this.#flagged) this.#start.flagged.set(key, flagged);
    this.#start.withheld ||= this.#withheld;
    this.#start.complete &&= complete;
  }

  #takeStart(): Collected[] {
    const start = this.#start;
    this.#start = null;
    if (start === null || start.facts.size === 0) return [];
    const { withheld, complete } = start;
    return [
      {
        phase: 'start',
        facts: [...start.facts.values()],
        flagged: [...start.flagged.values()],
        withheld,
        complete,
      },
    ];
  }

  #next(window: Window): void {
    this.resources = window.resources ?? this.resources;
    this.windowNs = window.endNs - window.startNs;
    this.lostBefore = window.lost;
    this.lossesBefore = window.losses;
    this.completeBefore = window.complete;
    this.window = new WindowBuilder(window.endNs);
    this.pairs = new PairWindow();
    this.told = 0;
    this.looked.compared = 0;
    this.#foldersTold = 0;
    this.#index += 1;
    this.#flagged.clear();
    this.#withheld = false;
    this.#tainted.clear();
    this.#setUps.clear();
    for (const [key, last] of this.#ongoing) if (this.#isOver(last)) this.#ongoing.delete(key);
  }

  #isOver({ window, startNs, armed }: LastSeen): boolean {
    if (this.#index - window <= ONGOING_WINDOWS) return false;
    return !armed || this.window.startNs - startNs > ONGOING_ARMED_NS;
  }
}
