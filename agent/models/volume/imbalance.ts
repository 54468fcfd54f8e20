/**
 * Flows that ask and are not answered. Of each flow two numbers: how many more flows went to its destination lately than
 * came back from there, and how small the flows between the two are. Counts fade with a half-life, so that a burst is
 * seen and a steady exchange is not. Subtracting what comes back is what matters: who is scanned or flooded sends as
 * many flows to the attacker as it gets from there, and would else be as strange as the attacker.
 *
 * Each number becomes bits by the tail of what was learnt; their sum is calibrated once more by a tail that is filled
 * with scores from before each flow was learnt (prequential: A. P. Dawid, "Statistical theory: the prequential approach",
 * JRSS A 1984), so that training flows are scored as unseen ones are.
 *
 * What is usual drifts, so the calibration alone goes on with flows that were not learnt, unless they are so strange that
 * they may be what is looked for (GUARD_BITS); the two tails below it do not, for an attack would teach them itself.
 *
 * Assumes flows in order of time. Memory: MAX_ADDRESSES × 2 counts and MAX_PAIRS × KEPT sizes, at most 10 MB; the longest
 * unseen leave first and are counted.
 */
import { SCORE_BINS, Tail } from './tail-bits.ts';

export interface FlowRecord {
  readonly from: string;
  readonly to: string;
  readonly bytes: number;
  /** Seconds, of any origin. */
  readonly at: number;
}

export interface FlowScore {
  /** −log2 of the share of learnt flows that are as strange. */
  readonly bits: number;
  /** ln(1 + flows to the destination without answer). */
  readonly unanswered: number;
  /** Of the pair's last flows, mean ln(1 + bytes). */
  readonly size: number;
}

const HALF_LIFE_S = 60;
const KEPT = 64;
const MAX_ADDRESSES = 65_536;
const MAX_PAIRS = 16_384;
/** The mean size lies below e^LARGEST bytes; smallness is what is missing to that. */
const LARGEST = 24;
/** Rarer than one in 256: not taken for drift. */
const GUARD_BITS = 8;
/** The calibration begins when the tails hold so many. */
const FIRST = 200;

interface Fading {
  value: number;
  at: number;
}

interface Sizes {
  readonly sizes: number[];
  at: number;
}

export class Imbalance {
  readonly #toward = new Map<string, Fading>();
  readonly #back = new Map<string, Fading>();
  readonly #pairs = new Map<string, Sizes>();
  readonly #unanswered = new Tail(SCORE_BINS);
  readonly #small = new Tail(SCORE_BINS);
  readonly #sum = new Tail(SCORE_BINS);
  #evicted = 0;

  /** Flows learnt. */
  get learnt(): number {
    return this.#unanswered.total;
  }

  get evicted(): number {
    return this.#evicted;
  }

  /** The score the flow will have when it is followed: nothing changes. */
  score(flow: FlowRecord): FlowScore {
    const { unanswered, size } = this.#numbersOf(flow);
    return { bits: this.#sum.bits(this.#bitsOf(unanswered, size)), unanswered, size };
  }

  /** The flow happened; what is usual is not learnt from it. */
  follow(flow: FlowRecord): void {
    const { unanswered, size } = this.#numbersOf(flow);
    const bits = this.#bitsOf(unanswered, size);
    if (this.#sum.bits(bits) < GUARD_BITS) this.#sum.add(bits);
    this.#move(flow);
  }

  #move(flow: FlowRecord): void {
    add(this.#toward, flow.to, flow.at);
    add(this.#back, flow.from, flow.at);
    const key = pairOf(flow);
    const sizes = this.#recent(flow);
    sizes.push(Math.log1p(Math.max(0, flow.bytes)));
    this.#pairs.delete(key);
    this.#pairs.set(key, { sizes: sizes.slice(-KEPT), at: flow.at });
    this.#evicted += trim(this.#toward, MAX_ADDRESSES) + trim(this.#back, MAX_ADDRESSES);
    this.#evicted += trim(this.#pairs, MAX_PAIRS);
  }

  /** The flow happened and is usual. */
  learn(flow: FlowRecord): void {
    const { unanswered, size } = this.#numbersOf(flow);
    if (this.learnt >= FIRST) this.#sum.add(this.#bitsOf(unanswered, size));
    this.#unanswered.add(unanswered);
    this.#small.add(LARGEST - size);
    this.#move(flow);
  }

  #bitsOf(unanswered: number, size: number): number {
    return this.#unanswered.bits(unanswered) + this.#small.bits(LARGEST - size);
  }

  /** With the flow itself. */
  #numbersOf(flow: FlowRecord): { unanswered: number; size: number } {
    const toward = valueAt(this.#toward.get(flow.to), flow.at) + 1;
    const back = valueAt(this.#back.get(flow.to), flow.at);
    const sizes = [...this.#recent(flow), Math.log1p(Math.max(0, flow.bytes))].slice(-KEPT);
    const size = sizes.reduce((sum, each) => sum + each, 0) / sizes.length;
    return { unanswered: Math.log1p(Math.max(0, toward - back)), size: Math.min(size, LARGEST) };
  }

  /** Of the pair, from the last half-life; a copy. */
  #recent(flow: FlowRecord): number[] {
    const known = this.#pairs.get(pairOf(flow));
    return known === undefined || flow.at - known.at > HALF_LIFE_S ? [] : [...known.sizes];
  }
}

const pairOf = ({ from, to }: FlowRecord): string => `${from} ${to}`;

const valueAt = (fading: Fading | undefined, at: number): number =>
  fading === undefined ? 0 : fading.value * 2 ** (-Math.max(0, at - fading.at) / HALF_LIFE_S);

function add(counts: Map<string, Fading>, key: string, at: number): void {
  const value = valueAt(counts.get(key), at) + 1;
  counts.delete(key);
  counts.set(key, { value, at });
}

/** The first is the longest unseen. */
function trim(map: Map<string, unknown>, most: number): number {
  let gone = 0;
  for (const key of map.keys()) {
    if (map.size <= most) break;
    map.delete(key);
    gone += 1;
  }
  return gone;
}
