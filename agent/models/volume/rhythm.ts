/**
 * Is somebody called at regular times? Of a peer the times between calls: how many lie near their median. When calls come
 * by chance (a Poisson process) intervals are exponential, and of those 2^-(1-w) - 2^-(1+w) lie within a share w of the
 * median; the chance that as many do is a binomial tail. Two widths are asked, so that a beacon with jitter is found as
 * well as a strict one, and a bit is taken off for that, and another for the median being their own. The idea of judging
 * the spread of intervals is that of beacon hunting with flow logs (X. Hu and others, "BAYWATCH: robust beaconing detection
 * to identify infected hosts in large-scale enterprise networks", DSN 2016).
 *
 * Health checks are regular, too: the caller asks only about peers that are not usual here. Memory: MAX_PEERS × KEPT
 * times; the peer called longest ago leaves.
 */
const KEPT = 24;
const MAX_PEERS = 64;
const WIDTHS = [0.1, 0.4] as const;
/** Fewer intervals say nothing. */
const LEAST = 5;
const LOOKS = 2;
/** Calls nearer than this are one. */
const SAME_S = 1;

export interface RhythmScore {
  /** −log2 of the chance of intervals as even. */
  readonly bits: number;
  /** Median, seconds. */
  readonly every: number;
  readonly calls: number;
}

export class Rhythm {
  readonly #peers = new Map<string, number[]>();

  /** The peer was called. @param at seconds, not before the last call */
  call(peer: string, at: number): void {
    const times = this.#peers.get(peer) ?? [];
    const last = times.at(-1);
    if (last !== undefined && at - last < SAME_S) return;
    this.#peers.delete(peer);
    this.#peers.set(peer, [...times, at].slice(-KEPT));
    const [oldest] = this.#peers.keys();
    if (this.#peers.size > MAX_PEERS && oldest !== undefined) this.#peers.delete(oldest);
  }

  get size(): number {
    return this.#peers.size;
  }

  /** Null: too few calls. */
  score(peer: string): RhythmScore | null {
    const times = this.#peers.get(peer) ?? [];
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    if (gaps.length < LEAST) return null;
    const every = gaps.toSorted((a, b) => a - b)[gaps.length >> 1] ?? 0;
    const bits = Math.max(...WIDTHS.map((width) => bitsWithin(gaps, every, width)));
    return { bits: Math.max(0, bits - LOOKS), every, calls: times.length };
  }
}

function bitsWithin(gaps: readonly number[], median: number, width: number): number {
  const near = gaps.filter((gap) => Math.abs(gap - median) <= width * median).length;
  const chance = 2 ** -(1 - width) - 2 ** -(1 + width);
  // The median itself is near itself.
  return -Math.log2(atLeast(near - 1, gaps.length - 1, chance));
}

/** Chance of at least k hits in n. */
function atLeast(k: number, n: number, p: number): number {
  let [sum, ways] = [0, 1];
  for (let i = 0; i <= n; i++) {
    if (i >= k) sum += ways * p ** i * (1 - p) ** (n - i);
    ways = (ways * (n - i)) / (i + 1);
  }
  return Math.min(1, sum);
}
