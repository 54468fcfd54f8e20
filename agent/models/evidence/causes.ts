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
  /** Of what lasts over periods, its name. */
  readonly lasts?: string;
  /** What was told of it in an earlier period has come to more: this takes its place. */
  readonly again?: boolean;
}

/** Of the bits of each further kind. */
export const SHARE = 1 / 2;
/** Distinct causes in one period; more are taken as one. */
const MAX_CAUSES = 16;
const REST = 'rest';

/** The strongest cause of a period. */
export interface Strongest {
  readonly bits: number;
  /** What of it lasts, and whether it takes its own place; null: nothing does. */
  readonly lasting: { readonly name: string; readonly again: boolean } | null;
  /** Without that. */
  readonly otherBits: number;
}

/** What lasts is kept beside the rest of its kind. */
const keyOf = ({ kind, lasts }: Item): string => (lasts === undefined ? kind : `${kind} lasts`);

export class Causes {
  readonly #causes = new Map<string, Map<string, Item>>();

  add(cause: string, item: Item): void {
    const key = this.#causes.has(cause) || this.#causes.size < MAX_CAUSES ? cause : REST;
    const kinds = this.#causes.get(key) ?? new Map<string, Item>();
    this.#causes.set(key, kinds);
    const known = kinds.get(keyOf(item));
    if (known === undefined || item.bits > known.bits) kinds.set(keyOf(item), item);
  }

  /** Bits of the strongest cause, not yet calibrated. */
  get bits(): number {
    return this.strongest.bits;
  }

  items(): Item[] {
    return [...this.#causes.values()].flatMap((kinds) => [...kinds.values()]);
  }

  clear(): void {
    this.#causes.clear();
  }

  get strongest(): Strongest {
    let [most, of]: [number, readonly Item[]] = [0, []];
    for (const kinds of this.#causes.values()) {
      const items = [...kinds.values()];
      const bits = bitsOf(items);
      if (bits > most) [most, of] = [bits, items];
    }
    const item = of.find(({ lasts, bits }) => lasts !== undefined && bits > 0);
    if (item?.lasts === undefined) return { bits: most, lasting: null, otherBits: most };
    const otherBits = bitsOf(of.filter((other) => other !== item));
    return { bits: most, lasting: { name: item.lasts, again: item.again === true }, otherBits };
  }
}

function bitsOf(items: readonly Item[]): number {
  const kinds = new Map<string, number>();
  for (const { kind, bits } of items) kinds.set(kind, Math.max(kinds.get(kind) ?? 0, bits));
  let [most, sum] = [0, 0];
  for (const bits of kinds.values()) {
    sum += bits;
    most = Math.max(most, bits);
  }
  return most + SHARE * (sum - most);
}
