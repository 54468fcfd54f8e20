/**
 * Everything that is looked at in one trace, as numbers in which high is strange, and the traits by which traces are
 * alike. No single view is best everywhere: order (Kneser-Ney, suffixes, trigrams) and variety (sets, bags) rank in
 * opposite order on different programs.
 */
import { Arguments, type Facts } from './arguments.ts';
import { Bags, bagOf } from './bags.ts';
import { KneserNey } from './kneser-ney.ts';
import { Suffixes } from './suffixes.ts';
import { Trigrams } from './trigrams.ts';

export interface Unit {
  /** Symbols of an Alphabet. */
  readonly calls: Uint16Array;
  /** Per call; null where arguments are not known. */
  readonly facts: Facts | null;
}

export interface View {
  readonly name: string;
  /** In words, for people. */
  readonly says: string;
  /** Compared with traces of like length and variety, or with all. */
  readonly given: 'alike' | 'all';
  readonly weight: number;
}

/**
 * Equal weights, chosen by what a view sees, not by its figures on one set. Arguments weigh as much as the order of the
 * calls where they are known; what is new in them twice, because it alone says what was done.
 */
export const VIEWS = [
  { name: 'stretch', says: 'calls in an unlikely order for a stretch', given: 'alike', weight: 1 },
  { name: 'peaks', says: 'single calls that hardly follow the ones before', given: 'alike', weight: 1 },
  { name: 'suffixes', says: 'runs of calls that were never seen so long', given: 'all', weight: 1 },
  { name: 'set', says: 'a choice of calls that no learnt trace has', given: 'all', weight: 1 },
  { name: 'bag', says: 'a mixture of calls unlike every learnt trace', given: 'alike', weight: 1 },
  { name: 'fresh', says: 'runs of three calls never seen', given: 'alike', weight: 1 },
  { name: 'rare', says: 'runs of three calls that few traces have', given: 'all', weight: 1 },
  { name: 'scarce', says: 'calls that few traces make', given: 'alike', weight: 1 },
  { name: 'new-arguments', says: 'arguments never seen', given: 'all', weight: 2 },
  { name: 'rare-arguments', says: 'arguments that are rare', given: 'all', weight: 1 },
  { name: 'argument-stretch', says: 'a stretch of unlikely arguments', given: 'all', weight: 2 },
] as const satisfies readonly View[];

/** Views of the calls alone come first. */
export const CALL_VIEWS = 8;
export const TRAITS = 3;

const ORDER = 5;
/** Calls: long enough for a mean, short enough that an attack inside a long trace is not thinned out. */
const STRETCH = 200;
/** Share of the calls that are the peaks. */
const PEAKS = 0.1;

/** Highest mean of `length` values in a row; the mean of all where there are fewer. */
export function worstStretch(values: Float64Array, length: number): number {
  const width = Math.min(length, values.length);
  if (width === 0) return 0;
  let sum = 0;
  let worst = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < values.length; at++) {
    sum += values[at] ?? 0;
    if (at >= width) sum -= values[at - width] ?? 0;
    if (at >= width - 1) worst = Math.max(worst, sum);
  }
  return worst / width;
}

/** Mean of the highest tenth. */
export function peaksOf(values: Float64Array): number {
  if (values.length === 0) return 0;
  const count = Math.max(1, Math.floor(values.length * PEAKS));
  const highest = values
    .slice()
    .sort()
    .subarray(values.length - count);
  return highest.reduce((sum, value) => sum + value, 0) / count;
}

/** ln length, ln number of different calls, entropy of the calls in nats. */
export function traitsOf({ calls }: Unit): Float64Array {
  const bag = bagOf(calls);
  let entropy = 0;
  for (const count of bag.values()) entropy -= (count / calls.length) * Math.log(count / calls.length);
  return Float64Array.of(Math.log(Math.max(1, calls.length)), Math.log(Math.max(1, bag.size)), entropy);
}

export class Views {
  readonly #order = new KneserNey(ORDER);
  readonly #suffixes: Suffixes;
  readonly #trigrams: Trigrams;
  readonly #bags: Bags;
  readonly #arguments: Arguments | null;

  /** `alphabet`: number of calls known. */
  constructor(units: readonly Unit[], alphabet: number) {
    const traces = units.map(({ calls }) => calls);
    for (const calls of traces) this.#order.learn(calls);
    this.#order.seal(alphabet);
    this.#suffixes = new Suffixes(traces);
    this.#trigrams = new Trigrams(traces);
    this.#bags = new Bags(traces.map(bagOf));
    const facts = units.flatMap((unit) => (unit.facts === null ? [] : [unit.facts]));
    this.#arguments = facts.length === 0 ? null : new Arguments(facts);
  }

  /** Whether arguments were learnt. */
  get knowsArguments(): boolean {
    return this.#arguments !== null;
  }

  /** One number per view; those of arguments are 0 where none are known. */
  look({ calls, facts }: Unit): Float64Array {
    const surprise = new Float64Array(calls.length);
    this.#order.surprise(calls, surprise);
    const counts = bagOf(calls);
    const { set, bag } = this.#bags.nearest(counts);
    const { rare, fresh } = this.#trigrams.look(calls);
    const suffixes = this.#suffixes.uncovered(calls);
    const stretch = worstStretch(surprise, STRETCH);
    const scarce = this.#bags.scarce(counts);
    const seen = [stretch, peaksOf(surprise), suffixes, set, bag, fresh, rare, scarce];
    const told = facts === null ? undefined : this.#arguments?.look(facts);
    return Float64Array.from([...seen, told?.fresh ?? 0, told?.rare ?? 0, told?.worst ?? 0]);
  }
}
