/**
 * The evidence of one period, by cause. What one program start brings along, a library, a folder, system calls, is one
 * event seen several times, not several: within a kind the strongest counts, and of further kinds a share. Fully dependent
 * kinds would count once, independent ones in full; SHARE lies between, and what it overstates is taken off by history
 * (tail.ts). Causes of one period do not add up: the strongest stands for it.
 */

/** Something that speaks against "all as ever". */
export interface Item {
  /** Kind of fact, or the detector's name. */
  readonly kind: string;
  readonly bits: number;
  /** In words. */
  readonly what: string;
  readonly detector: string;
  /** What the same detector said of an earlier period has come to more: this takes its place. */
  readonly again?: boolean;
}

/** Of the bits of each further kind. */
export const SHARE = 1 / 2;
/** Distinct causes in one period; more are taken as one. */
const MAX_CAUSES = 16;
const REST = 'rest';

export class Causes {
  readonly #causes = new Map<string, Map<string, Item>>();

  add(cause: string, item: Item): void {
    const key = this.#causes.has(cause) || this.#causes.size < MAX_CAUSES ? cause : REST;
    const kinds = this.#causes.get(key) ?? new Map<string, Item>();
    this.#causes.set(key, kinds);
    const known = kinds.get(item.kind);
    if (known === undefined || item.bits > known.bits) kinds.set(item.kind, item);
  }

  /** Bits of the strongest cause, not yet calibrated. */
  get bits(): number {
    return this.#strongest().bits;
  }

  /** What the strongest cause stands on goes on since an earlier period, in which it was told. */
  get again(): boolean {
    return this.#strongest().again;
  }

  items(): Item[] {
    return [...this.#causes.values()].flatMap((kinds) => [...kinds.values()]);
  }

  clear(): void {
    this.#causes.clear();
  }

  #strongest(): { bits: number; again: boolean } {
    let most = { bits: 0, again: false };
    for (const kinds of this.#causes.values()) {
      const bits = bitsOf(kinds);
      if (bits > most.bits) most = { bits, again: [...kinds.values()].some((item) => item.again === true) };
    }
    return most;
  }
}

function bitsOf(kinds: ReadonlyMap<string, Item>): number {
  let [most, sum] = [0, 0];
  for (const { bits } of kinds.values()) {
    sum += bits;
    most = Math.max(most, bits);
  }
  return most + SHARE * (sum - most);
}
