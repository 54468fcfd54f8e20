/**
 * Which runs of three calls a trace has that few learnt traces, or none, have (n-grams of Forrest et al. 1996, counted
 * by traces instead of occurrences: a loop of one trace makes nothing common).
 */
import { SYMBOL_BITS } from './alphabet.ts';
import { CountTable } from './count-table.ts';

const BASE = 2 ** SYMBOL_BITS;

export class Trigrams {
  readonly #having = new CountTable();
  #traces = 0;

  constructor(traces: Iterable<Uint16Array>) {
    for (const calls of traces) {
      this.#traces += 1;
      for (const gram of different(calls).keys()) this.#having.add(gram);
    }
  }

  /**
   * `rare`: mean over the runs of −ln of the share of learnt traces with that run. `fresh`: of its different runs, the
   * share that no learnt trace has.
   */
  look(calls: Uint16Array): { readonly rare: number; readonly fresh: number } {
    const grams = different(calls);
    let runs = 0;
    let rare = 0;
    let fresh = 0;
    for (const [gram, count] of grams) {
      const having = this.#having.get(gram);
      runs += count;
      rare -= count * Math.log((having + 0.5) / (this.#traces + 1));
      if (having === 0) fresh += 1;
    }
    return { rare: rare / Math.max(1, runs), fresh: fresh / Math.max(1, grams.size) };
  }
}

/** Run → how often. */
function different(calls: Uint16Array): Map<number, number> {
  const grams = new Map<number, number>();
  let gram = 0;
  for (let at = 0; at < calls.length; at++) {
    gram = (gram % (BASE * BASE)) * BASE + (calls[at] ?? 0);
    if (at >= 2) grams.set(gram, (grams.get(gram) ?? 0) + 1);
  }
  return grams;
}
