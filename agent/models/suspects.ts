/** Facts that were called anomalous: how often, when first, and when a quorum of separate periods lets them in. */
import { FACT_KINDS, type Fact, type FactKind, factKey } from '../features/fact.ts';
import { bytesOf } from './rarity.ts';

/** A fact that was called anomalous; by a rule, or by its rarity alone. */
export interface Flagged {
  readonly fact: Fact;
  readonly byRule: boolean;
}

/** Separate periods after which a suspect is accepted: early ones, and those that only their rarity spoke against. */
export const QUORUM = 5;
export const LATE_QUORUM = 20;

/** A period's container while a rollout is under way: what a release brings, all replicas do. */
export interface Rolling {
  readonly source: string;
}

/** kind, value, periods, early, by a rule */
export type SavedSuspect = readonly [string, string, number, boolean, boolean];

interface Suspect {
  readonly fact: Fact;
  periods: number;
  /** First seen before the baseline was mature. */
  readonly early: boolean;
  byRule: boolean;
  /** Of a rollout: the replica that did it first, and whether another did too. Not saved: it begins anew. */
  readonly source: string;
  spread: boolean;
}

const isKind = (kind: unknown): kind is FactKind => FACT_KINDS.includes(kind as FactKind);

/** Bounded by number and by the bytes they take when saved; those that were not seen for longest leave. */
export class Suspects {
  readonly #limit: number;
  readonly #maxBytes: number;
  readonly #suspects = new Map<string, Suspect>();
  #bytes = 0;

  constructor(limit: number, maxBytes: number) {
    this.#limit = limit;
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#suspects.size;
  }

  periods(fact: Fact): number {
    return this.#suspects.get(factKey(fact))?.periods ?? 0;
  }

  /** Periods in which a fact came that first came before the baseline was mature. */
  early(fact: Fact): number {
    const known = this.#suspects.get(factKey(fact));
    return known?.early === true ? known.periods : 0;
  }

  /** Counts one more period of a flagged fact; true when it may now be learnt. `rolling`: it may be of a release. */
  note({ fact, byRule }: Flagged, mature: boolean, rolling: Rolling | null = null): boolean {
    const source = rolling?.source ?? '';
    const made = { fact, periods: 0, early: !mature, byRule, source, spread: false };
    const known = this.#suspects.get(factKey(fact)) ?? made;
    known.periods += 1;
    known.byRule ||= byRule;
    known.spread ||= source !== '' && known.source !== '' && source !== known.source;
    this.#put(known);
    if (known.early && known.periods >= QUORUM) return true;
    if (known.byRule) return false;
    return known.periods >= LATE_QUORUM || (rolling !== null && known.spread && known.periods >= QUORUM);
  }

  save(): SavedSuspect[] {
    return [...this.#suspects.values()].map(({ fact, periods, early, byRule }) => [
      fact.kind,
      fact.value,
      periods,
      early,
      byRule,
    ]);
  }

  /** One of what `save` gave; what is none is left out. */
  load(saved: unknown): void {
    const [kind, value, periods, early, byRule] = Array.isArray(saved) ? saved : [];
    if (!isKind(kind) || typeof value !== 'string') return;
    this.#put({
      fact: { kind, value },
      periods: Number(periods),
      early: early === true,
      byRule: byRule === true,
      source: '',
      spread: false,
    });
  }

  clear(): void {
    this.#suspects.clear();
    this.#bytes = 0;
  }

  #put(suspect: Suspect): void {
    const key = factKey(suspect.fact);
    if (!this.#suspects.delete(key)) this.#bytes += bytesOf(key);
    this.#suspects.set(key, suspect);
    for (const oldest of this.#suspects.keys()) {
      if (this.#suspects.size <= this.#limit && this.#bytes <= this.#maxBytes) break;
      this.#suspects.delete(oldest);
      this.#bytes -= bytesOf(oldest);
    }
  }
}
