/** What a version of a workload's image takes over from those before it, how far it is trusted to, and what it changed. */
import { FACT_KINDS, type Fact, type FactKind } from '../features/fact.ts';
import { type FactModels, PHASES, type Phase } from './fact-models.ts';
import { FADED, type Version, type Versions } from './versions.ts';

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

/** Periods learnt, by phase: since when something is looked for. */
export type Lived = Version['since'];

export class Inheritance {
  readonly #facts: FactModels;
  readonly #versions: Versions;

  constructor(facts: FactModels, versions: Versions) {
    this.#facts = facts;
    this.#versions = versions;
  }

  /** How far the version is trusted to do it: 1 when it did, in whatever phase. */
  trust(version: Version, fact: Fact): number {
    let most = 0;
    for (const phase of PHASES) {
      const trace = this.#facts.trace(fact, phase);
      if (trace !== null) most = Math.max(most, this.#versions.trust(version, trace, phase));
    }
    return most;
  }

  /** What the versions before it did and it did not, with the trust that it will; what is of both phases is told of steady life. */
  *of(version: Version): Generator<{ readonly fact: Fact; readonly trust: number }> {
    for (const phase of PHASES)
      for (const kind of FACT_KINDS)
        for (const [value, { versions }] of this.#facts.of(phase)[kind].traces()) {
          const fact = { kind, value };
          if ((versions & version.parents) === 0) continue;
          if (phase === 'start' && this.#facts.trace(fact, 'steady') !== null) continue;
          const trust = this.trust(version, fact);
          if (trust < 1) yield { fact, trust };
        }
  }

  /** How much of that the version in force has. */
  get size(): number {
    const { current } = this.#versions;
    if (current === null || this.#versions.size < 2) return 0;
    let count = 0;
    for (const _ of this.of(current)) count += 1;
    return count;
  }

  /** What became of the version of that digest; null when it is not known. */
  changes(digest: string): Changes | null {
    const version = this.#versions.of(digest);
    if (version === null) return null;
    const { from, periods, starts, more, added } = version;
    const [learnt, held] = [[] as Fact[], [] as Fact[]];
    for (const fact of added.values()) (this.#facts.seen(fact) > 0 ? learnt : held).push(fact);
    const inherited = [...this.of(version)];
    const stopped = inherited.filter(({ trust }) => trust < FADED).map(({ fact }) => fact);
    const expected = inherited.length - stopped.length;
    return { from, to: digest, periods, starts, learnt, held, more, stopped, expected };
  }

  /** Null: of the only one there is, or of one that is not known. */
  versionOf(digest: string, lived: Lived): Version | null {
    if (digest === '' || this.#versions.size === 0) return null;
    const version = this.#versions.of(digest);
    if (version !== null) return this.#versions.size === 1 ? null : version;
    return this.#versions.unborn(digest, lived);
  }

  /** The rollout that the version is under way with; null: none. `of`: periods from which on it is judged as ever. */
  rollout(version: Version, of: number): Rollout | null {
    if (!this.#versions.isYoung(version)) return null;
    return {
      from: version.from,
      to: version.digest,
      lived: this.#versions.lived(version),
      of,
      chance: (kind, phase) => this.#versions.chance(version, kind, phase),
    };
  }

  /** The version of a period that is to be learnt; null: there is none yet, as no digest was ever known. */
  use(digest: string, lived: Lived): Version | null {
    if (digest === '') return this.#versions.current;
    const { version, left } = this.#versions.use(digest, lived);
    if (left !== null) this.#facts.dropVersion(left.bit);
    return version;
  }
}
