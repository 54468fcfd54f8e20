/** A baseline as one version of the workload knows it: its own facts, and those of the versions before it as far as they are trusted. */
import type { Fact, FactKind } from '../features/fact.ts';
import type { Unknown } from './detector.ts';
import type { Phase } from './fact-models.ts';
import type { Surprise, Trace } from './rarity.ts';
import { TRUSTED, type Version } from './versions.ts';

/** What is asked of a baseline, or of one version of it. */
export interface Known {
  readonly workload: string;
  readonly state: 'learning' | 'young' | 'mature';
  facts(kind: FactKind): number;
  learnt(kind: FactKind, phase: Phase): number;
  score(fact: Fact, phase: Phase): Surprise | Unknown;
  judges(kind: FactKind, phase: Phase): boolean;
  newness(kind: FactKind, phase: Phase, atLeast?: number): number;
  mostNew(kind: FactKind, phase: Phase): number;
  seen(fact: Fact): number;
  seenEarly(fact: Fact): number;
  suspected(fact: Fact): number;
  knowsLike(kind: FactKind, isLike: (value: string) => boolean): boolean;
  accepts(fact: Fact, phase: Phase): boolean;
  accepted(kind: FactKind, phase: Phase): Set<string>;
}

/** The whole baseline. */
export interface Trunk extends Known {
  trace(fact: Fact, phase: Phase): Trace | null;
  /** How far the version is trusted to do it, 0 to 1. */
  trust(version: Version, fact: Fact): number;
  /** Of what those versions showed, as bits. */
  accepted(kind: FactKind, phase: Phase, of?: number): Set<string>;
}

export class OfVersion implements Known {
  readonly #trunk: Trunk;
  readonly #version: Version;

  constructor(trunk: Trunk, version: Version) {
    this.#trunk = trunk;
    this.#version = version;
  }

  get workload(): string {
    return this.#trunk.workload;
  }

  get state(): Known['state'] {
    return this.#trunk.state;
  }

  facts(kind: FactKind): number {
    return this.#trunk.facts(kind);
  }

  learnt(kind: FactKind, phase: Phase): number {
    return this.#trunk.learnt(kind, phase);
  }

  judges(kind: FactKind, phase: Phase): boolean {
    return this.#trunk.judges(kind, phase);
  }

  newness(kind: FactKind, phase: Phase, atLeast = 1): number {
    return this.#trunk.newness(kind, phase, atLeast);
  }

  mostNew(kind: FactKind, phase: Phase): number {
    return this.#trunk.mostNew(kind, phase);
  }

  suspected(fact: Fact): number {
    return this.#trunk.suspected(fact);
  }

  knowsLike(kind: FactKind, isLike: (value: string) => boolean): boolean {
    return this.#trunk.knowsLike(kind, isLike);
  }

  /** What is trusted is known; what is not is as strange as it is not trusted. */
  score(fact: Fact, phase: Phase): Surprise | Unknown {
    const scored = this.#trunk.score(fact, phase);
    if (scored.state === 'unknown' || scored.seen === 0) return scored;
    const trust = this.#trust(fact);
    if (trust >= TRUSTED) return scored;
    const reason = `another version of the image did it; this one is trusted to by ${trust.toFixed(2)}`;
    return { ...scored, seen: 0, score: (1 - trust) * (1 - scored.newness), trust, reason };
  }

  seen(fact: Fact): number {
    const seen = this.#trunk.seen(fact);
    return seen > 0 && this.#trust(fact) >= TRUSTED ? seen : 0;
  }

  seenEarly(fact: Fact): number {
    return this.#trunk.seenEarly(fact) - this.#trunk.seen(fact) + this.seen(fact);
  }

  /** The kernel side tells once what the version inherits: what is never told is never seen to be still done. */
  accepts(fact: Fact, phase: Phase): boolean {
    return this.#showed(fact) && this.#trunk.accepts(fact, phase);
  }

  accepted(kind: FactKind, phase: Phase): Set<string> {
    return this.#trunk.accepted(kind, phase, this.#version.bit);
  }

  #showed(fact: Fact): boolean {
    const bits = (phase: Phase): number => this.#trunk.trace(fact, phase)?.versions ?? 0;
    return ((bits('steady') | bits('start')) & this.#version.bit) !== 0;
  }

  #trust(fact: Fact): number {
    return this.#trunk.trust(this.#version, fact);
  }
}
