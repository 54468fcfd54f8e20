/**
 * How unlikely a call is after the calls before it: interpolated Kneser-Ney smoothing (R. Kneser, H. Ney, "Improved
 * backing-off for m-gram language modeling", ICASSP 1995) with the three discounts of Chen and Goodman ("An empirical
 * study of smoothing techniques for language modeling", Computer Speech and Language 1999): the count of a gram is
 * lowered by D1, D2 or D3+, what that frees goes to the shorter context, and shorter grams count in how many contexts
 * they came instead of how often. Below the single call stands the uniform distribution over the alphabet and one
 * unknown call.
 *
 * Memory: one count per different gram. `learn` adds counts, `seal` makes the sums that scoring needs, once.
 */
import { MOST_SYMBOLS, SYMBOL_BITS } from './alphabet.ts';
import { CountTable } from './count-table.ts';

const BASE = 2 ** SYMBOL_BITS;
/** Five symbols of ten bits are the most that one key holds. */
export const MOST_ORDER = 5;

interface Order {
  /** Gram → count; for orders below the highest, number of different calls that came before it. */
  readonly grams: CountTable;
  /** Context → place in the two lists below. */
  readonly contexts: CountTable;
  /** Sum of the counts after a context. */
  total: Float64Array;
  /** Mass that its discounts free. */
  freed: Float64Array;
  discounts: readonly [number, number, number];
}

const emptyOrder = (): Order => ({
  grams: new CountTable(),
  contexts: new CountTable(),
  total: new Float64Array(0),
  freed: new Float64Array(0),
  discounts: [0, 0, 0],
});

/** D1, D2, D3+ from how many grams have the counts 1 to 4 (Chen and Goodman 1999, equation 26). */
export function discountsOf(counts: Iterable<number>): readonly [number, number, number] {
  const having = [0, 0, 0, 0, 0];
  for (const count of counts) if (count <= 4) having[count] = (having[count] ?? 0) + 1;
  const [, n1 = 0, n2 = 0, n3 = 0, n4 = 0] = having;
  if (n1 === 0 || n2 === 0) return [0.5, 0.5, 0.5];
  const y = n1 / (n1 + 2 * n2);
  const bound = (value: number, most: number): number => Math.min(most, Math.max(0.05, value));
  const d1 = bound(1 - (2 * y * n2) / n1, 0.95);
  const d2 = bound(n2 > 0 ? 2 - (3 * y * n3) / n2 : d1, 1.9);
  const d3 = bound(n3 > 0 ? 3 - (4 * y * n4) / n3 : d2, 2.9);
  return [d1, d2, d3];
}

export class KneserNey {
  readonly #orders: Order[];
  readonly #order: number;
  #symbols = 0;

  constructor(order: number) {
    if (!Number.isInteger(order) || order < 1 || order > MOST_ORDER)
      throw new RangeError(`order ${order} is not 1 to ${MOST_ORDER}`);
    this.#order = order;
    this.#orders = Array.from({ length: order }, emptyOrder);
  }

  /** Different grams kept, of all orders. */
  get size(): number {
    return this.#orders.reduce((sum, { grams }) => sum + grams.size, 0);
  }

  /** Symbols as from an Alphabet. */
  learn(calls: Uint16Array): void {
    const top = this.#order;
    for (let at = 0; at < calls.length; at++) {
      const longest = Math.min(top, at + 1);
      let key = 0;
      let place = 1;
      for (let length = 1; length <= longest; length++) {
        key += (calls[at - length + 1] ?? 0) * place;
        place *= BASE;
        const order = this.#orders[length - 1];
        if (order === undefined) continue;
        if (length === top) order.grams.add(key);
        // Nothing comes before the first call: the beginning is one more context, however many traces begin so.
        else if (length === at + 1 && !order.grams.has(key)) order.grams.add(key);
      }
    }
  }

  /** Ends learning: continuation counts, sums and discounts. `alphabet` is the number of known calls. */
  seal(alphabet: number): void {
    this.#symbols = Math.min(alphabet, MOST_SYMBOLS);
    for (let length = this.#order; length > 1; length--) this.#continue(length);
    for (const order of this.#orders) sum(order);
  }

  /** −ln of the probability of each call given the up to order − 1 calls before it. Writes into `into`. */
  surprise(calls: Uint16Array, into: Float64Array): void {
    for (let at = 0; at < calls.length; at++) into[at] = -Math.log(this.#probability(calls, at));
  }

  #probability(calls: Uint16Array, at: number): number {
    let probability = 1 / (this.#symbols + 1);
    let gram = 0;
    let context = 0;
    let place = 1;
    const longest = Math.min(this.#order, at + 1);
    for (let length = 1; length <= longest; length++) {
      const order = this.#orders[length - 1];
      if (order === undefined) break;
      gram += (calls[at - length + 1] ?? 0) * place;
      if (length > 1) context += (calls[at - length + 1] ?? 0) * (place / BASE);
      place *= BASE;
      const known = order.contexts.get(context);
      // A context that was never seen has no longer one that was.
      if (known === 0) break;
      const count = order.grams.get(gram);
      const seen = count > 0 ? count - discount(order, count) : 0;
      probability = (seen + (order.freed[known - 1] ?? 0) * probability) / (order.total[known - 1] ?? 1);
    }
    return probability;
  }

  /** Every different gram of this length is one more context of the gram without its first call. */
  #continue(length: number): void {
    const longer = this.#orders[length - 1];
    const shorter = this.#orders[length - 2];
    const first = BASE ** (length - 1);
    if (longer === undefined || shorter === undefined) return;
    for (const [gram] of longer.grams.entries()) shorter.grams.add(gram % first);
  }
}

const discount = ({ discounts }: Order, count: number): number => discounts[Math.min(count, 3) - 1] ?? 0;

function sum(order: Order): void {
  order.discounts = discountsOf(counts(order.grams));
  const total: number[] = [];
  const freed: number[] = [];
  for (const [gram, count] of order.grams.entries()) {
    const context = Math.floor(gram / BASE);
    const place = order.contexts.get(context) || order.contexts.add(context, total.length + 1);
    total[place - 1] = (total[place - 1] ?? 0) + count;
    freed[place - 1] = (freed[place - 1] ?? 0) + discount(order, count);
  }
  order.total = Float64Array.from(total);
  order.freed = Float64Array.from(freed);
}

function* counts(grams: CountTable): Generator<number> {
  for (const [, count] of grams.entries()) yield count;
}
