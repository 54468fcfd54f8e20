/**
 * Calls as small numbers. 0 is every call that training did not have: one unknown symbol, because how strange an unknown
 * call is does not depend on which one it is.
 */

/** Ten bits: five symbols fit in one double exactly, and Linux has fewer than 500 system calls. */
export const SYMBOL_BITS = 10;
export const MOST_SYMBOLS = 2 ** SYMBOL_BITS - 1;
export const UNKNOWN_CALL = 0;

export type CallName = string | number;

export class Alphabet {
  readonly #symbols = new Map<string, number>();
  #refused = 0;

  /** Symbols known, the unknown one not counted. */
  get size(): number {
    return this.#symbols.size;
  }

  /** Calls that were not learnt because the alphabet was full. */
  get refused(): number {
    return this.#refused;
  }

  learn(calls: readonly CallName[]): Uint16Array {
    return Uint16Array.from(calls, (call) => this.#learnOne(String(call)));
  }

  read(calls: readonly CallName[]): Uint16Array {
    return Uint16Array.from(calls, (call) => this.#symbols.get(String(call)) ?? UNKNOWN_CALL);
  }

  /** Names in the order of their symbols, from 1. */
  save(): readonly string[] {
    return [...this.#symbols.keys()];
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    if (!Array.isArray(saved) || !saved.every((name) => typeof name === 'string'))
      throw new TypeError('not a saved alphabet');
    this.#symbols.clear();
    this.learn(saved);
  }

  #learnOne(call: string): number {
    const known = this.#symbols.get(call);
    if (known !== undefined) return known;
    if (this.#symbols.size >= MOST_SYMBOLS) {
      this.#refused += 1;
      return UNKNOWN_CALL;
    }
    const symbol = this.#symbols.size + 1;
    this.#symbols.set(call, symbol);
    return symbol;
  }
}
