/**
 * How far the calls of a trace, whatever their order, are from those of the nearest learnt trace, and how many traces make them. Two distances over the
 * same list, because they fail on different programs: of the sets of calls (P. Jaccard 1901), and of the weighted bags
 * (1 + ln count, times inverse document frequency: G. Salton, C. Buckley 1988; for system calls Y. Liao, V. R. Vemuri,
 * "Using text categorization techniques for intrusion detection", USENIX Security 2002).
 */

export type Bag = ReadonlyMap<number, number>;

/** Call → how often. */
export function bagOf(calls: Uint16Array): Bag {
  const bag = new Map<number, number>();
  for (const call of calls) bag.set(call, (bag.get(call) ?? 0) + 1);
  return bag;
}

interface Learnt {
  /** Different calls of each bag. */
  readonly sizes: Uint16Array;
  /** Call → the bags that have it, with its weight in each. */
  readonly having: Map<number, { readonly bags: number[]; readonly weights: number[] }>;
}

export class Bags {
  readonly #traces: number;
  readonly #shared = new Map<number, number>();
  readonly #learnt: Learnt;

  constructor(bags: readonly Bag[]) {
    this.#traces = bags.length;
    for (const bag of bags)
      for (const call of bag.keys()) this.#shared.set(call, (this.#shared.get(call) ?? 0) + 1);
    const different = [...new Map(bags.map((bag) => [keyOf(bag), bag])).values()];
    this.#learnt = { sizes: Uint16Array.from(different, (bag) => bag.size), having: new Map() };
    different.forEach((bag, at) => {
      for (const [call, weight] of this.#weigh(bag)) this.#add(call, at, weight);
    });
  }

  /** Both distances, 0 to 1; 1 where nothing was learnt. */
  nearest(bag: Bag): { readonly set: number; readonly bag: number } {
    const { sizes, having } = this.#learnt;
    const common = new Uint16Array(sizes.length);
    const cosine = new Float64Array(sizes.length);
    for (const [call, weight] of this.#weigh(bag)) {
      const { bags = [], weights = [] } = having.get(call) ?? {};
      for (let i = 0; i < bags.length; i++) {
        const at = bags[i] ?? 0;
        common[at] = (common[at] ?? 0) + 1;
        cosine[at] = (cosine[at] ?? 0) + weight * (weights[i] ?? 0);
      }
    }
    let set = 1;
    let far = 1;
    for (let at = 0; at < sizes.length; at++) {
      const both = common[at] ?? 0;
      set = Math.min(set, 1 - both / (bag.size + (sizes[at] ?? 0) - both));
      far = Math.min(far, 1 - (cosine[at] ?? 0));
    }
    return { set, bag: Math.max(0, far) };
  }

  /** Mean over the different calls of −ln of the share of learnt traces that make them, however often. */
  scarce(bag: Bag): number {
    let sum = 0;
    for (const call of bag.keys())
      sum -= Math.log(((this.#shared.get(call) ?? 0) + 0.5) / (this.#traces + 1));
    return sum / Math.max(1, bag.size);
  }

  #add(call: number, at: number, weight: number): void {
    const found = this.#learnt.having.get(call);
    if (found === undefined) this.#learnt.having.set(call, { bags: [at], weights: [weight] });
    else {
      found.bags.push(at);
      found.weights.push(weight);
    }
  }

  /** Weights of unit length. */
  #weigh(bag: Bag): [call: number, weight: number][] {
    const weights = [...bag].map(([call, count]): [number, number] => {
      const rare = Math.log((1 + this.#traces) / (1 + (this.#shared.get(call) ?? 0)) + 1);
      return [call, (1 + Math.log(count)) * rare];
    });
    const length = Math.sqrt(weights.reduce((sum, [, weight]) => sum + weight * weight, 0));
    return weights.map(([call, weight]) => [call, weight / length]);
  }
}

const keyOf = (bag: Bag): string =>
  [...bag]
    .sort(([a], [b]) => a - b)
    .map(([call, count]) => `${call}:${count}`)
    .join();
