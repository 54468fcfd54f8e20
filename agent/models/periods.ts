/**
 * What of a workload's periods is learnt, and how the poison is kept out:
 *
 * - a period with loss is counted and not learnt; what was called strange in it was told as ever, and counts for the quorum;
 * - a period in which a rule matched something unknown is withheld as a whole: what came with it is suspect too;
 * - a fact that was called anomalous is not learnt but kept as a suspect. It enters by quorum of separate periods:
 *   after QUORUM when it first came before the baseline was mature, after LATE_QUORUM when only its rarity spoke
 *   against it. What a rule matched and what came later than that never enters by itself. Each period before was told.
 */
import { FACT_KINDS, type Fact, type FactKind, factKey } from '../features/fact.ts';
import { isOfRelease } from '../features/release.ts';
import { Admitted } from './admitted.ts';
import type { FactModels, Phase } from './fact-models.ts';
import { FIRST_VERSION } from './rarity.ts';
import type { Flagged } from './suspects.ts';
import { Suspicions } from './suspicions.ts';
import type { Version, Versions } from './versions.ts';

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

/** What a period gives: facts to learn, suspects that enter, kinds of which it brought something new, its version. */
interface Taken {
  readonly learnt: readonly Fact[];
  readonly entered: readonly Fact[];
  readonly brought: ReadonlySet<FactKind>;
  readonly bit: number;
}

/** Of most kinds most periods have none. */
const NOTHING: readonly string[] = [];

export interface PeriodsParts {
  readonly facts: FactModels;
  readonly versions: Versions;
}

export class Periods {
  /** Not learnt because something of them was lost, and because a rule matched. */
  readonly counts = { incomplete: 0, withheld: 0 };
  readonly suspicions = new Suspicions();
  /** Facts that entered though they had been called strange. */
  readonly admitted = new Admitted();
  readonly #parts: PeriodsParts;

  constructor(parts: PeriodsParts) {
    this.#parts = parts;
  }

  /** `mature`: the baseline was when the period began. */
  learn(period: Period, version: Version | null, mature: boolean): void {
    const rolling = version !== null && this.#parts.versions.isYoung(version);
    const flagged = new Set(period.flagged.map(({ fact }) => factKey(fact)));
    const fresh = period.flagged.filter(
      ({ fact, byRule }) => !byRule && this.suspicions.of(fact).periods(fact) === 0,
    );
    const entered = this.#enter(period, { rolling, mature });
    // What a release brings says nothing of how often the workload does something new.
    const brought = new Set(rolling ? [] : fresh.map(({ fact }) => fact.kind));
    const learnt = period.withheld ? [] : period.facts.filter((fact) => !flagged.has(factKey(fact)));
    if (version !== null) this.#noteVersion(version, period, learnt);
    const taken = { learnt, entered, brought, bit: version?.bit ?? FIRST_VERSION };
    if (period.complete) this.#learnWhole(period, taken);
    else this.#learnPart(period, taken);
  }

  /** Counts one more period of what was called anomalous; what of it may be learnt from now on. */
  #enter(
    { flagged, source = '' }: Period,
    { rolling, mature }: { rolling: boolean; mature: boolean },
  ): Fact[] {
    const { facts } = this.#parts;
    const mayEnter = (entry: Flagged): boolean => {
      const ofRelease = rolling && isOfRelease(entry.fact) ? { source } : null;
      return this.suspicions.of(entry.fact).note(entry, mature, ofRelease);
    };
    const entered = flagged.filter(mayEnter).map(({ fact }) => fact);
    for (const fact of entered)
      if (facts.seen(fact) === 0) this.admitted.note(fact, this.suspicions.of(fact).periods(fact));
    return entered;
  }

  #noteVersion(
    version: Version,
    { phase, flagged, complete, withheld }: Period,
    learnt: readonly Fact[],
  ): void {
    const { facts, versions } = this.#parts;
    const done = [...flagged.map(({ fact }) => fact), ...(complete ? learnt : [])];
    const added = done.filter((fact) => facts.seen(fact) === 0);
    versions.note(version, { phase, added, whole: complete && !withheld });
  }

  #learnPart({ phase }: Period, { learnt, entered, brought, bit }: Taken): void {
    const models = this.#parts.facts.of(phase);
    this.counts.incomplete += 1;
    for (const { kind, value } of learnt) models[kind].touch(value);
    for (const kind of brought) models[kind].miss();
    for (const fact of entered) models[fact.kind].admit(fact.value, bit, this.#early(fact));
    this.#parts.facts.fit();
  }

  #learnWhole({ phase, withheld }: Period, { learnt, entered, brought, bit }: Taken): void {
    if (withheld) this.counts.withheld += 1;
    if (withheld && entered.length === 0) return;
    const models = this.#parts.facts.of(phase);
    const values = new Map<FactKind, string[]>();
    for (const { kind, value } of [...learnt, ...entered]) {
      const of = values.get(kind) ?? [];
      of.push(value);
      values.set(kind, of);
    }
    for (const kind of FACT_KINDS) models[kind].learn(values.get(kind) ?? NOTHING, brought.has(kind), bit);
    // What came that often is known that well, also when its suspicion is forgotten.
    for (const fact of entered) models[fact.kind].believe(fact.value, this.#early(fact));
    this.#parts.facts.fit();
  }

  /** Periods in which it was a suspect that first came before the baseline was mature. */
  #early(fact: Fact): number {
    return this.suspicions.of(fact).early(fact);
  }
}
