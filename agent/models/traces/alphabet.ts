/**
 * Calls as small numbers. A call that training did not have gets a number above all learnt ones, its own within one
 * reading: models know none of them, but a trace with five different unknown calls is not one with a single one.
 */

/** Ten bits: five symbols fit in one double exactly, and Linux has fewer than 500 system calls. */
export const SYMBOL_BITS = 10;
export const MOST_SYMBOLS = 2 ** SYMBOL_BITS - 1;
/** Calls for which there is no number left. */
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
    const unknown = new Map<string, number>();
    return Uint16Array.from(calls, (call) => {
      const name = String(call);
      const known = this.#symbols.get(name) ?? unknown.get(name);
      if (known !== undefined) return known;
      const symbol = this.#symbols.size + 1 + unknown.size;
      if (symbol > MOST_SYMBOLS) return UNKNOWN_CALL;
      unknown.set(name, symbol);
      return symbol;
    });
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
