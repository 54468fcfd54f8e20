/**
 * How much of the past of each call is known: the longest run of calls ending there that training had, as 1/(1 + length).
 * The idea of sequence lookahead (S. Forrest, S. Hofmeyr, A. Somayaji, T. Longstaff, "A sense of self for Unix
 * processes", IEEE S&P 1996) without its fixed length. The runs are kept in one Bloom filter (B. Bloom, CACM 1970): a
 * false answer makes a run look known, never unknown.
 */

/** Longer runs say no more: with 8 known calls, what is strange about the ninth is the language model's affair. */
const LONGEST = 8;
/** 512 KiB: with 400,000 calls learnt, 3.2 million runs at most, a third of it different, fill it to less than a half. */
const BITS = 2 ** 22;
const HASHES = 2;

export class Suffixes {
  readonly #bits = new Uint32Array(BITS / 32);

  constructor(traces: Iterable<Uint16Array>) {
    for (const calls of traces)
      for (let at = 0; at < calls.length; at++) {
        let hash = 0;
        const longest = Math.min(LONGEST, at + 1);
        for (let length = 1; length <= longest; length++) {
          hash = extend(hash, calls[at - length + 1] ?? 0);
          this.#set(hash);
        }
      }
  }

  /** Mean over the calls: 1 where not even the call is known, 1/9 where all eight are. */
  uncovered(calls: Uint16Array): number {
    let sum = 0;
    let before = 0;
    for (let at = 0; at < calls.length; at++) {
      // What ends here is at most one longer than what ended at the call before.
      const longest = Math.min(LONGEST, before + 1);
      let hash = 0;
      let known = 0;
      while (known < longest) {
        hash = extend(hash, calls[at - known] ?? 0);
        if (!this.#has(hash)) break;
        known += 1;
      }
      before = known;
      sum += 1 / (1 + known);
    }
    return calls.length === 0 ? 0 : sum / calls.length;
  }

  #set(hash: number): void {
    for (let n = 0; n < HASHES; n++) {
      const bit = place(hash, n);
      this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  }

  #has(hash: number): boolean {
    for (let n = 0; n < HASHES; n++) {
      const bit = place(hash, n);
      if (((this.#bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

/** The hash of a run with one more call before it. */
function extend(hash: number, call: number): number {
  const mixed = Math.imul((hash + 0x9e37_79b9) ^ Math.imul(call + 1, 0x85eb_ca6b), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 15);
}

/** Kirsch and Mitzenmacher, "Less hashing, same performance" (ESA 2006). */
const place = (hash: number, n: number): number => {
  const second = Math.imul(hash ^ (hash >>> 13), 0x27d4_eb2f);
  return ((hash + Math.imul(n, second | 1)) >>> 7) & (BITS - 1);
};
